"""Keywords out of a model's reply.

Chat models wrap what was asked for: a sentence before the list, bullets, numbers, quotes, code fences. `parse_keywords`
takes the list out and leaves the words alone. In a reply of plain prose every line is one long "keyword": the method's
authors append the whole generation to the query, so prose is used, not thrown away.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

KEYWORDS_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"keywords": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
    "required": ["keywords"],
    "additionalProperties": False,
}
"""What a structured reply must look like."""

FENCE = re.compile(r"^\s*```\w*\s*$", re.MULTILINE)
PREAMBLE = re.compile(r"\A[^\n:,;]{0,120}:[ \t]*\n")
LABEL = re.compile(
    r"\A\s*(?:expanded |search |expansion |useful |relevant )*(?:key ?words?|terms|phrases|query)\s*:", re.I
)
MARKER = re.compile(r"^\s*(?:[-*•–]+|\(?\d{1,3}[.)]|\d{1,3}:)\s+")
SEPARATOR = re.compile(r"[,;\n\r\t|]+")
QUOTES = " \"'`*_[]{}“”‘’.<>"


def parse_keywords(text: str) -> list[str]:
    """The keywords of a reply, in order, repeats kept; empty if it holds no word at all.

    JSON (`{"keywords": [...]}` or a bare list) is read as JSON; anything else is split at commas, semicolons, tabs,
    bars and line ends, after its fences, list markers, quotes and a leading label or sentence ending in a colon.
    """
    plain = FENCE.sub("", text).strip()
    listed = _from_json(plain)
    if listed is None:
        plain = LABEL.sub("", PREAMBLE.sub("", plain), count=1)
        listed = SEPARATOR.split("\n".join(MARKER.sub("", line) for line in plain.splitlines()))
    cleaned = (keyword.strip(QUOTES) for keyword in listed)
    return [" ".join(keyword.split()) for keyword in cleaned if any(letter.isalnum() for letter in keyword)]


def parse_keywords_json(text: str) -> list[str] | None:
    """The keywords of a structured reply; `None` if it is not what `KEYWORDS_SCHEMA` asks for."""
    listed = _from_json(text.strip())
    return None if listed is None else [keyword for keyword in listed if keyword.strip()]


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
