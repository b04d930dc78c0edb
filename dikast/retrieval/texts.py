"""Documents inside an index file: ids in ascending order, each with its text, wherever the vectors or postings are.

Texts go to the file as they come and are read back one at a time; each has its own checksum, which is tested when that
text is read. Used by `dikast.retrieval.index` and `dikast.retrieval.dense_index`.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from bisect import bisect_left
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dikast.errors import DataError, RetrievalError
from dikast.records import Document
from dikast.retrieval.store import Stored, Writer

DIGEST_BYTES = 16
COLUMNS = ("starts", "lengths", "checksums")

Numbers = NDArray[np.int64]


class TextTable:
    """What is remembered of the texts while an index is written, in the order they came.

    Attributes:
        docids: Ids.
    """

    def __init__(self, writer: Writer) -> None:
        self.docids: list[str] = []
        self._writer = writer
        self._digests: list[bytes] = []
        self._starts, self._lengths, self._checksums = array("q"), array("q"), array("q")

    def add(self, document: Document) -> None:
        """Write a text to the section under way.

        Raises:
            DataError: The id holds white space or nothing, or id or text is not valid Unicode.
        """
        text = encoded(document)
        self.docids.append(document.docid)
        self._digests.append(hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest())
        self._starts.append(self._writer.write(text))
        self._lengths.append(len(text))
        self._checksums.append(zlib.crc32(text))

    def order(self) -> Numbers:
        """The places of the documents in ascending order of their ids.

        Raises:
            DataError: An id comes twice.
        """
        order = sorted(range(len(self.docids)), key=self.docids.__getitem__)
        for first, second in pairwise(order):
            if self.docids[first] == self.docids[second]:
                what = f"document id {self.docids[first]!r} comes twice"
                raise DataError(what, hint="give each document an id of its own")
        return np.array(order, np.int64)

    def save(self, order: Numbers) -> None:
        """Write ids, and where each text lies, as sections of their own."""
        self._writer.text("docids", [self.docids[number] for number in _listed(order)])
        for name, column in zip(COLUMNS, (self._starts, self._lengths, self._checksums), strict=True):
            self._writer.section(f"text_{name}", np.array(column)[order])

    def content_hash(self, order: Numbers, *more: bytes) -> str:
        """Of ids, texts and whatever else makes the index; the order in which the documents came does not matter."""
        first, *others = more
        content = hashlib.sha256(first)
        for number in _listed(order):
            content.update(f"\n{self.docids[number]}\n".encode() + self._digests[number])
        for other in others:
            content.update(b"\n" + other)
        return content.hexdigest()[: 2 * DIGEST_BYTES]


class Texts:
    """The documents of an open index file.

    Args:
        stored: The file.
        origin: What names it in errors.

    Attributes:
        docids: Ids in ascending order; a document's number is its place here.
    """

    def __init__(self, stored: Stored, origin: str) -> None:
        self.origin, self.docids = origin, stored.text("docids")
        self._text = stored.sections["texts"]
        self._starts, self._lengths, self._checksums = (stored.sections[f"text_{name}"] for name in COLUMNS)

    def number(self, docid: str) -> int:
        """A document's number.

        Raises:
            RetrievalError: The id is not in the index.
        """
        place = bisect_left(self.docids, docid)
        if place == len(self.docids) or self.docids[place] != docid:
            raise RetrievalError(f"{self.origin}: no document {docid!r}")
        return place

    def document(self, docid: str) -> Document:
        """A document with its text.

        Raises:
            RetrievalError: The id is not in the index, or its text is damaged.
        """
        number = self.number(docid)
        start, length = int(self._starts[number]), int(self._lengths[number])
        text = self._text[start : start + length].tobytes()
        if zlib.crc32(text) != self._checksums[number]:
            raise RetrievalError(f"{self.origin}: the text of document {docid!r} is damaged (its checksum is wrong)")
        return Document(docid, text.decode())


def encoded(document: Document) -> bytes:
    """A document's text as bytes, its id checked.

    Raises:
        DataError: The id holds white space or nothing, or id or text is not valid Unicode.
    """
    if not document.docid or document.docid.split() != [document.docid]:
        hint = "TREC runs and judgments hold ids between spaces"
        raise DataError(f"document id {document.docid!r} is empty or holds white space", hint=hint)
    try:
        document.docid.encode()
        return document.contents.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"document {document.docid!r}: the text is not valid Unicode: {error.reason}") from error


def _listed(numbers: Numbers) -> list[int]:
    return numbers.tolist()
