"""TREC's topics as TREC gives them out: `<top><num>..<title>..` of its first decades, and XML since.

    for line, qid, text in read_marked(lines, path, ["title", "desc"]): ...

| form | topic | id | default |
| --- | --- | --- | --- |
| ad hoc, Robust, Terabyte, Microblog | `<top>`, its fields closed or not | `<num>` | `title`, or `query` |
| Web, CDS, COVID, Clinical Trials | `<topic number="1">` | `number`, `id` or `qid` | `title`, `query`, or its text |

The rule: a field begins at its tag and ends at its closing tag or, where it has none, at the next field that TREC
knows. Tags within a field are left out, entities are read, white space is one space, and in `<top>` the labels
(`Number:`, `Description:`) are no text. In `<top>`, a number's leading zeros go, as in TREC's own judgments (`051` is
51).

Not done: DTDs and their entities; topics that are one inside another.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from dikast.errors import DataError
from dikast.markup import END, TAG, VALUE, tag_named, without_tags

Lines = Iterator[tuple[int, str]]

DEFAULTS = ("title", "query", "text")
"""The first of these that a topic has is its query, where no field is asked for."""
SAME = {"description": "desc", "narrative": "narr"}
"""XML's names of fields, and those of `<top>`: either is understood for either."""
KNOWN = (
    *("num", "title", "desc", "narr", "query", "dom", "smry", "con", "fac", "def", "head"),
    *("question", "description", "narrative", "number", "docid", "url", "querytime", "querytweettime"),
)
"""Fields of TREC's topics; one that is not closed ends where another of them begins."""
LABELS = {
    "num": ("number",),
    "title": ("topic", "title"),
    "desc": ("description",),
    "narr": ("narrative",),
    "dom": ("domain",),
    "smry": ("summary",),
    "con": ("concept(s)",),
    "fac": ("factor(s)",),
    "def": ("definition(s)",),
}
"""What stands before a colon at the beginning of these fields of `<top>` and says no more than the tag does."""
IDS = ("number", "num", "id", "qid")
WHOLE = "text"
"""All of a topic that has words outside fields: Clinical Trials'."""
HINT = "a topic is <top><num>..<title>..</top> or <topic number=..><query>..</query></topic>"

_TOPIC = tag_named("top", "topic")
_FIELD = re.compile(rf"<(/?)([A-Za-z][\w:.-]{{0,99}}+){END}")
_ATTRIBUTE = re.compile(rf"([A-Za-z_:][\w:.-]{{0,99}}+)\s{{0,9}}+=\s{{0,9}}+({VALUE})")
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")


def is_marked(line: str) -> bool:
    """Whether a file whose first line with anything on it is this one holds markup."""
    return TAG.match(line.lstrip()) is not None


def read_marked(lines: Lines, path: Path, fields: Sequence[str] = ()) -> Iterator[tuple[int, str, str]]:
    """The topics: the line that each begins on, its id, its query.

    Args:
        lines: Of the file.
        path: Named in errors.
        fields: What of a topic is its query, joined by a space; the first of `DEFAULTS` that it has, without any.

    Raises:
        DataError: There is no topic, one is not closed, begins within another, has no id, or lacks a field.
    """
    for line, tag, body in _topics(lines, path):
        found = _fields(body, labels=tag[2].lower() == "top")
        yield line, _id(tag, found, path, line), _query(found, fields, path, line)


def _topics(lines: Lines, path: Path) -> Iterator[tuple[int, re.Match[str], str]]:
    whole = "\n".join(text for _, text in lines)
    opened: tuple[int, re.Match[str]] | None = None
    counted, line = 0, 1
    for tag in _TOPIC.finditer(whole):
        counted, line = tag.start(), line + whole.count("\n", counted, tag.start())
        if opened is None:
            if tag[1]:
                raise DataError(f"{tag[0]:.60} closes no topic", path=path, line=line, hint=HINT)
            opened = (line, tag)
        elif tag[1]:
            yield (*opened, whole[opened[1].end() : tag.start()])
            opened = None
        else:
            raise DataError(f"a topic within the topic of line {opened[0]}", path=path, line=line, hint=HINT)
    if opened is not None:
        raise DataError("the topic is not closed: the file is cut short", path=path, line=opened[0], hint=HINT)
    if _TOPIC.search(whole) is None:
        raise DataError("no <top> and no <topic>", path=path, line=1, hint=HINT)


def _fields(body: str, labels: bool) -> dict[str, str]:
    """Field -> text, in lower case and order; one that comes several times is joined."""
    tags = list(_FIELD.finditer(body))
    closings = defaultdict[str, list[re.Match[str]]](list)
    known: list[int] = []
    for tag in tags:
        if tag[1]:
            closings[tag[2].lower()].append(tag)
        elif tag[2].lower() in KNOWN:
            known.append(tag.start())
    found = defaultdict[str, list[str]](list)
    outside, place = "", 0
    for tag in tags:
        if tag[1] or tag.start() < place:
            continue
        outside += _clean(body[place : tag.start()])
        name = tag[2].lower()
        closed = closings[name]
        at = bisect_left(closed, tag.end(), key=lambda one: one.start())
        if at < len(closed):
            end, place = closed[at].start(), closed[at].end()
        else:
            after = bisect_left(known, tag.end())
            end = place = known[after] if after < len(known) else len(body)
        found[SAME.get(name, name)].append(_clean(body[tag.end() : end], LABELS.get(name, ()) if labels else ()))
    if outside or not found:
        found[WHOLE] = [_clean(body)]
    return {name: " ".join(parts) for name, parts in found.items()}


def _clean(text: str, labels: Sequence[str] = ()) -> str:
    before, _, after = text.partition(":")
    text = after if before.strip().lower() in labels else text
    return " ".join(html.unescape(without_tags(_CDATA.sub(" ", text))[0]).split())


def _id(tag: re.Match[str], found: dict[str, str], path: Path, line: int) -> str:
    given = {name.lower(): html.unescape(value.strip("\"'")) for name, value in _ATTRIBUTE.findall(tag[0])} | found
    for name in IDS:
        if given.get(name):
            number = given[name]
            return (number.lstrip("0") or "0") if tag[2].lower() == "top" and number.isdecimal() else number
    raise DataError("the topic has no id", path=path, line=line, field=IDS[0], hint=HINT)


def _query(found: dict[str, str], fields: Sequence[str], path: Path, line: int) -> str:
    wanted = [SAME.get(name.lower(), name.lower()) for name in fields] or [
        next((name for name in DEFAULTS if found.get(name)), DEFAULTS[0])
    ]
    for name in wanted:
        if not found.get(name):
            there = ", ".join(held for held in found if held not in IDS)
            hint = f"--topic-field names what is the query; the topic has {there or 'nothing'}"
            raise DataError("missing or empty", path=path, line=line, field=name, hint=hint)
    return " ".join(found[name] for name in wanted)
