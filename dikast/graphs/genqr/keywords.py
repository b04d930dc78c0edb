"""Keywords out of a model's reply.

Chat models wrap what was asked for: a sentence before the list, bullets, numbers, quotes, code fences, thoughts.
`parse_keywords` takes the list out and leaves the words alone. In a reply of plain prose every line is one long
"keyword": the method's authors append the whole generation to the query, so prose is used, not thrown away.

The rule, in this order: thoughts are no reply; where there is a code block, the reply is what it holds; what begins as
JSON is read as JSON, whole or cut short, and its keys are never keywords; a line that ends in a colon and a sentence
before a colon that announces a list are none; a comma within a number does not separate. Each step reads the text once
from left to right: no pattern here goes back over what it has read.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from dikast.markup import without_tags
from dikast.spoken import spoken

KEYWORDS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"keywords": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    "required": ["keywords"],
    "additionalProperties": False,
}
"""What a structured reply must look like."""

MARKER = re.compile(r"^\s*+(?:[-*•–]++|\(?\d{1,3}[.)]|\[\d{1,3}\]|\d{1,3}:)\s++")
FENCES = ("```", "~~~")
SEPARATORS = dict.fromkeys(map(ord, ",;\t|、，；،؛"), "\n")
QUOTES = " \"'`*_[]{}“”‘’.<>"
OPENINGS = (
    "sure", "certainly", "absolutely", "of course", "okay", "ok", "here is", "here are", "here's", "here you",
    "below is", "below are", "the following",
)  # fmt: skip
"""How a sentence begins that announces a list."""
CLOSINGS = ("hope this", "hope these", "i hope", "let me know", "feel free")
LABELS = frozenset({"keyword", "keywords", "keyphrases", "words", "term", "terms", "phrases", "query", "synonyms"})
LABEL_WORDS = 6
"""Words of a label at most; it ends in one of `LABELS`."""
LABELS_AT_MOST = 3
"""Labels after one another: `Sure: here are keywords: ...`."""
INVISIBLE = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]|[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\u200b\ud800-\udfff]")
"""Terminal codes, control characters, byte order marks, halves of surrogate pairs: part of no word."""
ENTITY = re.compile(r"&#?[A-Za-z0-9]{1,10};")
NUMBER = re.compile(r"\d++(?:[.,]\d++)*+")
TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)"?|([\[{])|([\]}])|(,)|(-?\d[\d.eE+-]*+)', re.DOTALL)
"""What counts in JSON: a string, also one that is cut; a bracket that opens, or closes; a comma; a number."""


def parse_keywords(text: str) -> list[str]:
    """The keywords of a reply, in order, repeats kept; empty if it holds no word at all.

    JSON (`{"keywords": [...]}`, another object, a bare list) is read as JSON; anything else is split at commas,
    semicolons, tabs, bars and line ends, after its list markers, quotes and what announces the list.
    """
    plain = _inside_fences(spoken(INVISIBLE.sub("", text))).strip()
    listed = _from_json(plain)
    if listed is None:
        listed = _from_loose_json(plain) or _from_lines(plain)
    cleaned = (INVISIBLE.sub("", keyword).replace("*", "").strip(QUOTES) for keyword in listed)
    return [" ".join(keyword.split()) for keyword in cleaned if any(letter.isalnum() for letter in keyword)]


def parse_keywords_json(text: str) -> list[str] | None:
    """The keywords of a structured reply; `None` if it is not what `KEYWORDS_SCHEMA` asks for."""
    listed = _from_json(_inside_fences(spoken(INVISIBLE.sub("", text))).strip())
    return None if listed is None else [kept for keyword in listed if (kept := INVISIBLE.sub("", keyword)).strip()]


def _inside_fences(text: str) -> str:
    """What code blocks hold; the text as it is where there is none."""
    inside, outside, within = list[str](), list[str](), False
    for line in text.splitlines():
        bare = line.strip()
        if not bare.startswith(FENCES):
            (inside if within else outside).append(line)
            continue
        held = bare.strip("`~").strip()
        if not held.isalnum():  # a language's name is no content
            inside.append(held.removeprefix("json"))
        if not held or not bare.endswith(FENCES):
            within = not within
    return "\n".join(inside if any(line.strip() for line in inside) else outside)


def _from_json(text: str) -> list[str] | None:
    if not text.startswith(("{", "[")):
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = cast(dict[str, object], value).get("keywords")
    if not isinstance(value, list):
        return None
    items = cast(list[object], value)
    return [item for item in items if isinstance(item, str)] if all(isinstance(item, str) for item in items) else None


class _Value(NamedTuple):
    """A string or number of loose JSON: `list` if it stands in one, `key` if it is one, else `value`."""

    text: str
    place: str


def _from_loose_json(text: str) -> list[str]:
    """The strings of JSON of any shape, also cut short: of its lists where it has some, else its values, else its keys.

    Keys are taken only where they are all there is: `{"battery": 0.9}`. Empty where no line begins as JSON does.
    """
    start = next(_starts_of_json(text), None)
    if start is None:
        return []
    values = list(_values(text[start:]))
    for place in ("list", "value", "key"):
        found = [_without_markup(value.text) for value in values if value.place == place]
        if found:
            return found if place == "list" else "\n".join(found).translate(SEPARATORS).splitlines()
    return []


def _starts_of_json(text: str) -> Iterator[int]:
    """Where a line begins with a bracket and a string, or is a bracket alone."""
    place = 0
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        if bare[:1] in ("{", "[") and bare[1:].lstrip()[:1] in ("", '"', "{", "["):
            yield place + len(line) - len(line.lstrip())
        place += len(line)


def _values(text: str) -> Iterator[_Value]:
    open_at, keyed, taken = list[str](), False, list[bool]()
    for token in TOKEN.finditer(text):
        string, opened, closed, comma, number = token.groups()
        innermost = open_at[-1] if open_at else ""
        if opened:
            open_at.append(opened)
            taken.append(False)
            keyed = opened == "{"
        elif closed:
            del open_at[-1:], taken[-1:]
            if not open_at:
                return
            keyed = False
        elif comma:
            keyed = innermost == "{"
        elif string is not None and keyed:
            yield _Value(_unescaped(string), "key")
            keyed = False
        elif innermost == "[":
            yield _Value(number or _unescaped(string or ""), "list")
        elif string is not None and taken[-1:] != [True]:
            # Of an object in a list, such as {"keyword": .., "reason": ..}, the first value is the keyword.
            yield _Value(_unescaped(string), "list" if "[" in open_at else "value")
            taken[-1:] = ["[" in open_at]


def _unescaped(string: str) -> str:
    try:
        return INVISIBLE.sub("", cast(str, json.loads(f'"{string}"')))
    except ValueError:  # cut short within an escape, or a line break as it is
        return string.rstrip("\\")


def _from_lines(text: str) -> list[str]:
    lines = [line.strip() for line in _without_markup(text).splitlines() if line.strip()]
    if len(lines) > 1:
        lines = [line for index, line in enumerate(lines) if not _is_talk(line, index, len(lines))] or lines
    found: list[str] = []
    for line in lines:
        found += _split(_without_label(MARKER.sub("", line)))
    return found


def _is_talk(line: str, index: int, lines: int) -> bool:
    """Whether a line speaks of the list: it ends in a colon, or opens or closes the reply."""
    opens = index == 0 and line[-1] in ".!" and line.lower().startswith(OPENINGS)
    closes = index == lines - 1 and line.lower().startswith(CLOSINGS)
    return line.endswith((":", "：", ":**")) or opens or closes


def _without_label(line: str) -> str:
    """The line without a label in front, or what announces a list, up to a colon that stands in no bracket."""
    for _ in range(LABELS_AT_MOST):
        end = _first_colon(line)
        head = line[: max(end, 0)].lower().replace("*", "").strip(QUOTES)
        words = head.split()
        labels = 0 < len(words) <= LABEL_WORDS and words[-1] in LABELS
        if end < 0 or not (labels or head.startswith(OPENINGS)):
            return line
        line = line[end + 1 :]
    return line


def _first_colon(line: str) -> int:
    """Where the first colon outside brackets stands; -1 without one."""
    depth = 0
    for place, letter in enumerate(line):
        depth += (letter in "([") - (letter in ")]")
        if letter in ":：" and depth <= 0:
            return place
    return -1


def _split(line: str) -> list[str]:
    """The line's parts between separators; a comma within a number is none."""
    held = NUMBER.sub(lambda run: run[0].replace(",", "\0") if _is_one_number(line, run) else run[0], line)
    return [part.replace("\0", ",") for part in held.translate(SEPARATORS).split("\n")]


def _is_one_number(line: str, run: re.Match[str]) -> bool:
    """Whether digits with commas are one number: 1,000 and 12,34,567.8 and 2,5, but neither 1990,1991 nor B12,500."""
    whole, *groups = run[0].split(",")
    if not groups or (run.start() and line[run.start() - 1].isalpha()):
        return False
    sizes = [len(group.partition(".")[0]) for group in groups]
    thousands = len(whole) <= 3 and sizes[-1] == 3 and set(sizes) <= {2, 3}
    return thousands or (len(groups) == 1 and sizes[0] <= 2 and "." not in groups[0])


def _without_markup(text: str) -> str:
    """The text without HTML's tags, its entities as what they stand for."""
    return ENTITY.sub(lambda entity: html.unescape(entity[0]), without_tags(text)[0])
