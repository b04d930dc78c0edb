"""Writing an index: documents in, one at a time, postings out.

Texts go to the file as they come; the term counts of all documents stay in memory, at about 6 bytes a posting, and are
turned into postings block by block at the end. Used through `dikast.retrieval.index`.

Not done: several processes.
"""

from __future__ import annotations

import hashlib
import zlib
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
from dikast.retrieval.store import Writer

Progress = Callable[[int], None]
"""Called now and then while an index is built, with the number of documents read so far."""

Numbers = NDArray[np.int64]

REPORT_EVERY = 1000
PACK_POSTINGS = 1 << 20  # counts kept as Python arrays before they are packed
BLOCK_POSTINGS = 1 << 23  # counts inverted at once: about 250 MB of working memory
DIGEST_BYTES = 16


def _ints() -> array[int]:
    return array("i")


def _longs() -> array[int]:
    return array("q")


@dataclass(slots=True)
class _Documents:
    """What was read: for each document its id, text and term counts, in the order they came."""

    docids: list[str] = field(default_factory=list[str])
    digests: list[bytes] = field(default_factory=list[bytes])
    text_starts: array[int] = field(default_factory=_longs)
    text_lengths: array[int] = field(default_factory=_longs)
    text_checksums: array[int] = field(default_factory=_longs)
    lengths: array[int] = field(default_factory=_ints)
    distinct: array[int] = field(default_factory=_ints)
    terms: array[int] = field(default_factory=_ints)
    frequencies: array[int] = field(default_factory=_ints)
    packed: list[tuple[NDArray[np.int32], NDArray[Any]]] = field(default_factory=list[Any])

    def add(self, docid: str, text: bytes, start: int, counts: Counter[int]) -> None:
        self.docids.append(docid)
        self.digests.append(hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest())
        self.text_starts.append(start)
        self.text_lengths.append(len(text))
        self.text_checksums.append(zlib.crc32(text))
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


def write_index(documents: Iterable[Document], out: BinaryIO, progress: Progress | None = None) -> None:
    """Write the index of these documents to a seekable file.

    Raises:
        DataError: There is no document, an id comes twice, or a text is not valid Unicode.
    """
    writer = Writer(out)
    vocabulary: defaultdict[str, int] = defaultdict(count().__next__)
    read = _read(documents, writer, vocabulary, progress or (lambda _: None))
    order = _order(read.docids)
    terms = sorted(vocabulary)
    inverted = _invert(read, order, np.array([vocabulary[term] for term in terms], np.int64))
    writer.text("docids", [read.docids[number] for number in _listed(order)])
    for name in ("text_starts", "text_lengths", "text_checksums", "lengths"):
        writer.section(name, np.array(getattr(read, name))[order])
    writer.text("terms", terms)
    writer.section("term_starts", inverted.starts)
    writer.section("posting_documents", inverted.documents)
    writer.section("posting_frequencies", inverted.frequencies)
    writer.finish({"analyzer": analysis.ANALYZER, "content_hash": _content_hash(read, order)})


def _read(
    documents: Iterable[Document], writer: Writer, vocabulary: defaultdict[str, int], progress: Progress
) -> _Documents:
    read = _Documents()
    writer.begin("texts")
    for document in documents:
        counts = Counter(map(vocabulary.__getitem__, analysis.analyze(document.contents)))
        text = _encode(document)
        read.add(document.docid, text, writer.write(text), counts)
        if len(read.docids) % REPORT_EVERY == 0:
            progress(len(read.docids))
    writer.end()
    progress(len(read.docids))
    if not read.docids:
        raise DataError("the collection holds no document")
    return read


def _encode(document: Document) -> bytes:
    if not document.docid or document.docid.split() != [document.docid]:
        hint = "TREC runs and judgments hold ids between spaces"
        raise DataError(f"document id {document.docid!r} is empty or holds white space", hint=hint)
    try:
        document.docid.encode()
        return document.contents.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"document {document.docid!r}: the text is not valid Unicode: {error.reason}") from error


def _order(docids: list[str]) -> Numbers:
    """The places of the documents in ascending order of their ids."""
    order = sorted(range(len(docids)), key=docids.__getitem__)
    for first, second in pairwise(order):
        if docids[first] == docids[second]:
            raise DataError(f"document id {docids[first]!r} comes twice", hint="give each document an id of its own")
    return np.array(order, np.int64)


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
    from scipy.sparse import csr_array

    pairs = _ranges(block.starts, block.sizes)
    rows = np.concatenate([[0], np.cumsum(block.sizes)])
    shape = (len(block.sizes), len(cursor))
    by_term = cast(Any, csr_array((frequencies[pairs], terms[pairs], rows), shape=shape)).tocsc()
    held: Numbers = np.diff(by_term.indptr)
    target = _ranges(cursor, held)
    inverted.documents[target] = by_term.indices + block.first
    inverted.frequencies[target] = by_term.data
    cursor += held


def _ranges(starts: Numbers, sizes: Numbers) -> Numbers:
    """`start, start + 1, ..` of `size` numbers each, after one another."""
    before = np.cumsum(sizes) - sizes
    return cast(Numbers, np.repeat(starts - before, sizes)) + np.arange(int(sizes.sum()), dtype=np.int64)


def _content_hash(read: _Documents, order: Numbers) -> str:
    """Of ids, texts and analysis; the order in which the documents came does not matter."""
    content = hashlib.sha256(analysis.ANALYZER.encode())
    for number in _listed(order):
        content.update(f"\n{read.docids[number]}\n".encode() + read.digests[number])
    return content.hexdigest()[: 2 * DIGEST_BYTES]


def _listed(numbers: Numbers) -> list[int]:
    return numbers.tolist()


def _narrow(numbers: NDArray[np.int32]) -> NDArray[Any]:
    """The same numbers in the smallest unsigned type that holds them."""
    return numbers.astype(np.min_scalar_type(int(numbers.max(initial=0))))
