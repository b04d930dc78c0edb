"""An inverted index with its documents: postings, lengths and texts, in one file that is read where it lies.

    index = Index.build(documents)                 # in memory
    build_index(documents, Path("robust.index"))   # streamed to disk, moved into place when whole
    extend_index(more, Path("robust.index"))       # the same with these beside those that it holds
    index = Index.open(Path("robust.index"))       # memory-mapped

Documents are numbered in the order of their ids, whatever order they came in: the same documents give the same index,
and ties are broken by id for nothing.

Not done: deleting from an index (build it again), positions (no phrase queries), fields.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError, RetrievalError
from dikast.records import Document
from dikast.retrieval import analysis, store
from dikast.retrieval.build import Progress, write_index
from dikast.retrieval.languages import ENGLISH
from dikast.retrieval.texts import Texts

IDS_SHOWN = 5
"""Of the ids that an error names."""


class Postings(NamedTuple):
    """The documents that hold a term: numbers ascending, and how often each holds it."""

    documents: NDArray[np.int32]
    frequencies: NDArray[np.integer]


class Index:
    """A read-only index. `document_frequency`, `postings` and `number` take the index's own terms and ids.

    Attributes:
        docids: Ids in ascending order; a document's number is its place here.
        lengths: Terms in each document, stop words not counted.
        language: In which the documents were analysed, and queries have to be.
    """

    def __init__(self, stored: store.Stored, origin: str) -> None:
        meta = stored.of_kind("bm25", origin).meta
        self.language = meta.get("language", ENGLISH)
        analyzer, ours = meta["analyzer"], analysis.analyzer_of(self.language)
        if analyzer != ours:
            hint = "build it again with `dikast index build`"
            raise RetrievalError(f"{origin}: analysed by {analyzer}, this dikast has {ours}", hint=hint)
        self.origin = origin
        self.content_hash: str = stored.meta["content_hash"]
        self.texts = Texts(stored, origin)
        self.docids = self.texts.docids
        self.lengths = cast("NDArray[np.int32]", stored.sections["lengths"])
        self._stored = stored
        self._starts = cast("NDArray[np.int64]", stored.sections["term_starts"])
        self._posting_documents = cast("NDArray[np.int32]", stored.sections["posting_documents"])
        self._posting_frequencies = cast("NDArray[np.integer]", stored.sections["posting_frequencies"])

    @classmethod
    def build(cls, documents: Iterable[Document], progress: Progress | None = None, language: str = ENGLISH) -> Index:
        """Index documents in memory; `language` is one of `dikast.retrieval.languages`.

        Raises:
            DataError: There is no document, an id comes twice, or a text is not valid Unicode.
        """
        out = io.BytesIO()
        write_index(documents, out, progress, language)
        return cls(store.read(out.getbuffer(), "the index in memory", unchecked=["texts"]), "the index in memory")

    @classmethod
    def open(cls, path: str | Path) -> Index:
        """Map a saved index into memory.

        Raises:
            RetrievalError: The file is missing, foreign, of another version, torn or damaged.
        """
        return cls(store.open_file(Path(path), unchecked=["texts"]), str(path))

    def __len__(self) -> int:
        """The number of documents."""
        return len(self.docids)

    @cached_property
    def terms(self) -> dict[str, int]:
        """Term -> its number, in alphabetical order."""
        return {term: number for number, term in enumerate(self._stored.text("terms"))}

    @cached_property
    def docid_array(self) -> NDArray[np.object_]:
        """`docids` as an array, which maps many numbers at once."""
        return np.array(self.docids, np.object_)

    @cached_property
    def documents_with_terms(self) -> int:
        """How many documents hold any term: what Lucene's idf and average length count."""
        return int(np.count_nonzero(self.lengths))

    @cached_property
    def average_length(self) -> float:
        """Mean terms of the documents that hold any; 1 where none does."""
        return float(self.lengths.sum(dtype=np.int64)) / self.documents_with_terms if self.documents_with_terms else 1.0

    def analyze(self, text: str) -> list[str]:
        """Text to the index's own terms, in order, repeats kept."""
        return analysis.analyze(text, self.language)

    def document_frequency(self, term: str) -> int:
        """In how many documents the term occurs."""
        number = self.terms.get(term)
        return 0 if number is None else int(self._starts[number + 1] - self._starts[number])

    def postings(self, term: str) -> Postings | None:
        """A term's postings, not copied; `None` for a term that no document holds."""
        number = self.terms.get(term)
        if number is None:
            return None
        held = slice(int(self._starts[number]), int(self._starts[number + 1]))
        return Postings(self._posting_documents[held], self._posting_frequencies[held])

    def number(self, docid: str) -> int:
        """A document's number.

        Raises:
            RetrievalError: The id is not in the index.
        """
        return self.texts.number(docid)

    def document(self, docid: str) -> Document:
        """A document with its text.

        Raises:
            RetrievalError: The id is not in the index, or its text is damaged.
        """
        return self.texts.document(docid)


def build_index(
    documents: Iterable[Document], path: str | Path, progress: Progress | None = None, language: str = ENGLISH
) -> Index:
    """Index documents into a file, one at a time, and open it; texts are never all in memory.

    The file appears under its name when it is whole and on disk; an older one stays until then.

    Raises:
        DataError: There is no document, an id comes twice, or a text is not valid Unicode.
        RetrievalError: The file cannot be written.
    """
    path = Path(path)
    _write(documents, path, progress, language)
    return Index.open(path)


def extend_index(documents: Iterable[Document], path: str | Path, progress: Progress | None = None) -> Index:
    """Add documents to a saved index, in the language that it has, and open it.

    The index is written anew out of the texts that it holds and the new ones, which takes as long as building it; it is
    what would have been built of all of them at once, score for score. The old one stays until the new one is whole.

    Raises:
        DataError: There is no document, an id comes twice or is in the index already, or a text is not valid Unicode.
        RetrievalError: There is no such index, it is damaged or somebody else changed it meanwhile, or it cannot be
            written.
    """
    path = Path(path)
    old = Index.open(path)
    opened = _state(path)

    def check() -> None:
        if _state(path) != opened:
            hint = "nothing was added: give the same command again"
            raise RetrievalError(f"{path}: somebody else changed the index meanwhile", hint=hint)

    _write(_beside(old, documents), path, progress, old.language, check)
    return Index.open(path)


def _beside(old: Index, documents: Iterable[Document]) -> Iterator[Document]:
    """New documents, then those of the index; ids that are in both are told when all new ones were read."""
    known = set(old.docids)
    twice: list[str] = []
    some = False
    for document in documents:
        some = True
        if document.docid in known:
            twice.append(document.docid)
        elif not twice:
            yield document
    if not some:
        raise DataError("the collection holds no document")
    if twice:
        named = ", ".join(map(repr, twice[:IDS_SHOWN])) + (", ..." if len(twice) > IDS_SHOWN else "")
        what = f"{len(twice):,} document ids are in the index already: {named}"
        raise DataError(what, path=Path(old.origin), hint="leave them out of what is added, or build the index again")
    yield from map(old.document, old.docids)


def _state(path: Path) -> tuple[int, int, int]:
    """What changes when a file is replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _write(
    documents: Iterable[Document],
    path: Path,
    progress: Progress | None,
    language: str,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Write an index whole; `check` is called before it takes the place of an older one."""
    try:
        with store.whole_file(path) as out:
            write_index(documents, out, progress, language)
            check()
    except OSError as error:
        hint = remedy_of(error, path, "written")
        raise RetrievalError(f"{path}: cannot write the index: {cause_of(error)}", hint=hint) from error
