"""The operator's own test prompts, searched with our BM25: what the generator is shown of a topic.

    examples = load_examples("examples:prompts.jsonl")     # {"prompt": ..., "category": ...} a line
    await examples.similar({"category": "self_harm", "style": "slang"}, 3)

Opened at first use. A prompt is found by the words of its cell's values and by its own. Only the file's prompts are
shown, never its outputs.

Not here: examples of our own. Without a file, a benign placeholder a category stands for them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from dikast.disk import refused
from dikast.errors import DataError, UsageError
from dikast.evaluation.axes import Cell
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from dikast.retrieval.query import WeightedQuery
from dikast.rows import read_rows

PREFIX = "examples:"
PROMPT_FIELDS = ("prompt", "Prompt", "text")
"""Ours; the paper's own example file's; that of corpora."""


class FileExamples:
    """The prompts of a file that `dikast.rows` reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[BM25, dict[str, str]] | None = None

    @property
    def spec(self) -> str:
        """`examples:PATH`."""
        return f"{PREFIX}{self.path}"

    def fingerprint(self) -> Mapping[str, object]:
        """The file's content, by its hash."""
        try:
            return {"examples": hashlib.sha256(self.path.read_bytes()).hexdigest()}
        except OSError as error:
            raise refused(error, self.path) from error

    async def similar(self, cell: Cell, k: int) -> list[Document]:
        """See `Examples.similar`."""
        if self._opened is None:
            self._opened = await asyncio.to_thread(self._open)
        retriever, prompts = self._opened
        query = WeightedQuery.from_text(words_of(cell), retriever.analyze)
        [hits] = await retriever.search([query], k)
        return [Document(hit.docid, prompts[hit.docid]) for hit in hits]

    def _open(self) -> tuple[BM25, dict[str, str]]:
        prompts: dict[str, str] = {}
        documents: list[Document] = []
        for record in read_rows(self.path):
            name = next((name for name in PROMPT_FIELDS if name in record.values), PROMPT_FIELDS[0])
            id_ = record.text("id", default=str(record.place))
            if id_ in prompts:
                raise record.error("id", f"{id_!r} comes twice", "give each example an id of its own")
            prompts[id_] = record.text(name)
            others = {axis: value for axis, value in record.values.items() if isinstance(value, str) and axis != name}
            documents.append(Document(id_, f"{words_of(others)}\n{prompts[id_]}"))
        if not documents:
            raise DataError("no example", path=self.path, hint="give rows with a field 'prompt'")
        return BM25(Index.build(documents)), prompts


def words_of(cell: Cell) -> str:
    """The words of a cell's values."""
    return " ".join(re.sub(r"[_,-]+", " ", value) for value in cell.values())


def load_examples(spec: str) -> FileExamples:
    """Examples from `examples:FILE`.

    Raises:
        UsageError: It is something else.
    """
    if not spec.startswith(PREFIX) or spec == PREFIX:
        raise UsageError(f"no examples: {spec!r}", hint=f"write {PREFIX}FILE.jsonl")
    return FileExamples(Path(spec.removeprefix(PREFIX)))
