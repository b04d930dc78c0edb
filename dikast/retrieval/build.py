"""Writing an index: documents in, one at a time, postings out.

Texts go to the file as they come; the term counts of all documents stay in memory, at about 6 bytes a posting, and are
turned into postings block by block at the end. Used through `dikast.retrieval.index`.

Not done: several processes.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import DataError
from dikast.records import Document
from dikast.retrieval import analysis
from dikast.retrieval.languages import ENGLISH
from dikast.retrieval.store import Writer
from dikast.retrieval.texts import TextTable

Progress = Callable[[int], None]
"""Called now and then while an index is built, with the number of documents read so far."""

Numbers = NDArray[np.int64]

REPORT_EVERY = 1000
PACK_POSTINGS = 1 << 20  # counts kept as Python arrays before they are packed
BLOCK_POSTINGS = 1 << 23  # counts inverted at once: about 250 MB of working memory


def _ints() -> array[int]:
    return array("i")


@dataclass(slots=True)
class _Documents:
    """What was read: for each document its text and term counts, in the order they came."""

    texts: TextTable
    lengths: array[int] = field(default_factory=_ints)
    distinct: array[int] = field(default_factory=_ints)
    terms: array[int] = field(default_factory=_ints)
    frequencies: array[int] = field(default_factory=_ints)
    packed: list[tuple[NDArray[np.int32], NDArray[Any]]] = field(default_factory=list[Any])

    def add(self, document: Document, counts: Counter[int]) -> None:
        self.texts.add(document)
        self.lengths.append(counts.total())
        self.distinct.append(len(counts))
        self.terms.extend(counts.keys())
        self.frequencies.extend(counts.values())
        if len(self.terms) >= PACK_POSTINGS:
            self.pack()

    def pack(self) -> None:
        frequencies = np.array(self.frequencies, np.int32)
        self.packed.append((np.array(self.terms, np.int32), _narrow(frequencies)))
        del self.terms[:], self.frequencies[:]

    def counts(self) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """All (term, frequency) pairs; they are kept here no longer."""
        self.pack()
        terms, frequencies = zip(*self.packed, strict=True)
        self.packed = []
        return np.concatenate(terms), np.concatenate(frequencies)


class _Inverted(NamedTuple):
    starts: Numbers
    documents: NDArray[np.int32]
    frequencies: NDArray[Any]


def write_index(
    documents: Iterable[Document], out: BinaryIO, progress: Progress | None = None, language: str = ENGLISH
) -> None:
    """Write the index of these documents, analysed in this language, to a seekable file.

    Raises:
        DataError: There is no document, an id comes twice, or a text is not valid Unicode.
    """
    writer = Writer(out)
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    read = _read(documents, writer, vocabulary, progress or (lambda _: None), language)
    order = read.texts.order()
    terms = sorted(vocabulary)
    inverted = _invert(read, order, np.array([vocabulary[term] for term in terms], np.int64))
    read.texts.save(order)
    writer.section("lengths", np.array(read.lengths)[order])
    writer.text("terms", terms)
    writer.section("term_starts", inverted.starts)
    writer.section("posting_documents", inverted.documents)
    writer.section("posting_frequencies", inverted.frequencies)
    analyzer = analysis.analyzer_of(language)
    content_hash = read.texts.content_hash(order, analyzer.encode())
    writer.finish({"analyzer": analyzer, "language": language, "content_hash": content_hash})


def _read(
    documents: Iterable[Document], writer: Writer, vocabulary: defaultdict[str, int], progress: Progress, language: str
) -> _Documents:
    read = _Documents(TextTable(writer))
    writer.begin("texts")
    for document in documents:
        read.add(document, Counter(map(vocabulary.__getitem__, analysis.analyze(document.contents, language))))
        if len(read.lengths) % REPORT_EVERY == 0:
            progress(len(read.lengths))
    writer.end()
    progress(len(read.lengths))
    if not read.lengths:
        raise DataError("the collection holds no document")
    return read


def _invert(read: _Documents, order: Numbers, old_terms: Numbers) -> _Inverted:
    """Turn counts by document into postings by term, both in their final order."""
    new_terms = np.empty_like(old_terms, np.int32)
    new_terms[old_terms] = np.arange(len(old_terms), dtype=np.int32)
    terms, frequencies = read.counts()
    terms = new_terms[terms]
    starts = np.concatenate([[0], np.cumsum(np.bincount(terms, minlength=len(old_terms)))]).astype(np.int64)
    documents = np.empty(len(terms), np.int32)
    inverted = _Inverted(starts, documents, np.empty_like(frequencies))
    cursor = starts[:-1].copy()
    for block in _blocks(np.array(read.distinct, np.int64), order):
        _place(block, terms, frequencies, cursor, inverted)
    return inverted


class _Block(NamedTuple):
    """Some documents in their final order: the number of the first, and where their counts lie."""

    first: int
    starts: Numbers
    sizes: Numbers


def _blocks(distinct: Numbers, order: Numbers) -> Iterator[_Block]:
    starts, sizes = (np.cumsum(distinct) - distinct)[order], distinct[order]
    filled = np.cumsum(sizes) // BLOCK_POSTINGS
    edges = [0, *(np.flatnonzero(np.diff(filled)) + 1).tolist(), len(order)]
    for first, last in pairwise(edges):
        yield _Block(first, starts[first:last], sizes[first:last])


def _place(
    block: _Block, terms: NDArray[np.int32], frequencies: NDArray[Any], cursor: Numbers, inverted: _Inverted
) -> None:
    """Append a block's counts to each term's postings; `cursor` is where each term's next posting goes."""
    pairs = _ranges(block.starts, block.sizes)
    order = _sorted_by(terms[pairs])
    documents = np.repeat(np.arange(block.first, block.first + len(block.sizes), dtype=np.int32), block.sizes)
    held: Numbers = np.bincount(terms[pairs], minlength=len(cursor))
    target = _ranges(cursor, held)
    inverted.documents[target] = documents[order]
    inverted.frequencies[target] = frequencies[pairs][order]
    cursor += held


def _sorted_by(numbers: NDArray[np.int32]) -> Numbers:
    """The order that sorts numbers from 0 on, equal ones as they stand: NumPy counts where it is given 16 bits."""
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    high = (numbers >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order


def _ranges(starts: Numbers, sizes: Numbers) -> Numbers:
    """`start, start + 1, ..` of `size` numbers each, after one another."""
    before = np.cumsum(sizes) - sizes
    return cast(Numbers, np.repeat(starts - before, sizes)) + np.arange(int(sizes.sum()), dtype=np.int64)


def _narrow(numbers: NDArray[np.int32]) -> NDArray[Any]:
    """The same numbers in the smallest unsigned type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
