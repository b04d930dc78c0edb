"""TREC text: `<DOC><DOCNO>..</DOCNO>..</DOC>`, any number of documents on a line or over many.

    for line, document in read_documents(read_lines(path), path, left_out): ...

The rule: a document ends at its own `</DOC>` and begins nowhere but outside one; what is no tag (`dikast.markup`) is
text; the sections that Anserini indexes are kept, each once, whatever their attributes and whatever stands inside them,
or the whole document where it has none; a section that is not closed runs to the document's end. Nothing is left out
uncounted: `left_out` is told how many tags, and how many characters of text outside sections and documents.

Not done: a `<DOC ...>` tag that runs over two lines; HTML.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from dikast.errors import DataError
from dikast.markup import tag_named, without_tags
from dikast.records import Document

Lines = Iterator[tuple[int, str]]

TAGS = "tags"
OUTSIDE_SECTIONS = "characters outside the indexed sections"
OUTSIDE_DOCUMENTS = "characters between documents"

# io.anserini.collection.TrecCollection
_SECTION = tag_named("TEXT", "HEADLINE", "TITLE", "HL", "HEAD", "TTL", "DD", "DATE", "LP", "LEADPARA")
_DOC = tag_named("DOC")
_DOCNO = tag_named("DOCNO")


def read_documents(lines: Lines, path: Path, left_out: Counter[str]) -> Iterator[tuple[int, Document]]:
    """The documents, each with the line that it begins on.

    Raises:
        DataError: A document is not closed, is closed without having begun, begins within another, or has no id.
    """
    for start, text in _split(lines, path, left_out):
        yield start, _document(text, path, start, left_out)


def _split(lines: Lines, path: Path, left_out: Counter[str]) -> Iterator[tuple[int, str]]:
    """The text between `<DOC>` and `</DOC>`, and the line of the former."""
    start, held = 0, list[str]()
    for number, line in lines:
        place = 0
        for tag in _DOC.finditer(line):
            before, place = line[place : tag.start()], tag.end()
            if bool(tag[1]) != bool(start):
                what = "</DOC> without <DOC>" if tag[1] else f"<DOC> within the document of line {start}"
                raise DataError(what, path=path, line=number, hint="each document stands between <DOC> and </DOC>")
            if start:
                yield start, "\n".join([*held, before])
                start, held = 0, []
            else:
                start = number
                left_out[OUTSIDE_DOCUMENTS] += len(before.strip())
        if start:
            held.append(line[place:])
        else:
            left_out[OUTSIDE_DOCUMENTS] += len(line[place:].strip())
    if start:
        raise DataError("<DOC> without </DOC>: the file is cut short", path=path, line=start)


def _document(text: str, path: Path, start: int, left_out: Counter[str]) -> Document:
    tags = list(_DOCNO.finditer(text))
    ends = next(((one, two) for one, two in pairwise(tags) if not one[1] and two[1]), None)
    if ends is None:
        raise DataError("no <DOCNO> in the document", path=path, line=start)
    docno, body = text[ends[0].end() : ends[1].start()].strip(), text[: ends[0].start()] + text[ends[1].end() :]
    sections = _sections(body) or [slice(0, len(body))]
    plain, tags_inside = without_tags("\n".join(body[section] for section in sections))
    left_out[TAGS] += tags_inside
    left_out[OUTSIDE_SECTIONS] += _outside(body, sections)
    return Document(docno, html.unescape(plain).strip())


def _sections(body: str) -> list[slice]:
    """Where the outermost sections lie, tags not included."""
    found: list[slice] = []
    name, start, depth = "", 0, 0
    for tag in _SECTION.finditer(body):
        if not depth and not tag[1]:
            name, start, depth = tag[2].upper(), tag.end(), 1
        elif depth and tag[2].upper() == name:
            depth += -1 if tag[1] else 1
            if not depth:
                found.append(slice(start, tag.start()))
    return [*found, slice(start, len(body))] if depth else found


def _outside(body: str, sections: list[slice]) -> int:
    """Characters of text that stand in no section."""
    starts, ends = [section.start for section in sections], [section.stop for section in sections]
    gaps = zip([0, *ends], [*starts, len(body)], strict=True)
    return sum(len(re.sub(r"\s+", "", without_tags(body[start:end])[0])) for start, end in gaps)
