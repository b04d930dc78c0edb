"""Published reformulations in a data folder, and the collections they belong to.

`reformulations/COLLECTION/METHOD.MODEL.HASH.queries.tsv.gz`, one expanded query a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dikast.retrieval.bm25 import BM25
from dikast.retrieval.trec import read_qrels, read_topics

SUFFIX = ".queries.tsv.gz"


@dataclass(frozen=True)
class Generated:
    """One file: what one method made of every query with one model."""

    name: str
    method: str
    model: str
    texts: dict[str, str]


class Collection:
    """A collection with its judged queries and their reformulations."""

    def __init__(self, data: Path, name: str) -> None:
        self.name = name
        self.bm25 = BM25(data / name / "corpus.jsonl.gz")
        self.qrels = read_qrels(data / name / "qrels.txt")
        topics = read_topics(data / name / "topics.tsv")
        self.queries = {qid: topics[qid] for qid in self.qrels}
        self._folder = data / "reformulations" / name

    @cached_property
    def files(self) -> list[Generated]:
        """Every file; a query that a file lacks stays as it is."""
        return [self._read(path) for path in sorted(self._folder.glob(f"*{SUFFIX}"))]

    def _read(self, path: Path) -> Generated:
        name = path.name.removesuffix(SUFFIX)
        method, _, rest = name.partition(".")
        texts = read_topics(path)
        held = {qid: texts.get(qid, query) for qid, query in self.queries.items()}
        return Generated(f"{self.name}/{name}", method, rest.rpartition(".")[0], held)


def collections(data: Path) -> Iterator[Collection]:
    """Every collection with a folder of reformulations."""
    for folder in sorted((data / "reformulations").iterdir()):
        if any(folder.glob(f"*{SUFFIX}")):
            yield Collection(data, folder.name)
