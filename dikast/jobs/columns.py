"""Rows as columns, each of one type: what Parquet wants, of JSON that promises nothing.

A column's kind is found by going through all rows once. Scalars and lists of scalars stay what they are; a column that
holds objects, or values that do not go together, becomes JSON text, so that free-form names (a query's term weights) do
not turn into thousands of columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

Kind = str
"""`null`, `bool`, `int`, `float`, `text`, `json`, `list of` one of these, or `messages`."""

MESSAGES = "messages"
"""A list of `{"role": text, "content": text}`, which trainers want as such; anything beside these makes it `json`."""
MESSAGE = frozenset({"role", "content"})
LIST = "list of "
ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False, allow_nan=False)
"""Made once, for values that were read from JSON; `json.dumps` makes one a call."""
EXACT_IN_FLOAT = 2**53
LARGEST = 2**63


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a journal as columns: its own fields, `input_*`, `output_*`, `usage` and `calls` as JSON.

    Who did it is left out: a data set names no machine, and is the same wherever its rows were done.
    """
    columns: dict[str, Any] = {}
    for name, value in record.items():
        if name == "worker":
            continue
        if name in ("input", "output") and isinstance(value, dict):
            columns |= {f"{name}_{field}": inner for field, inner in cast(dict[str, Any], value).items()}
        else:
            columns[name] = value
    return columns


def kind_of(value: object) -> Kind:
    """The kind of one JSON value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if abs(value) <= EXACT_IN_FLOAT:
            return "int"
        return "long" if -LARGEST <= value < LARGEST else "json"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        items = cast(list[object], value)
        if items and all(is_message(item) for item in items):
            return MESSAGES
        inner: Kind = "null"
        for item in items:
            inner = merged(inner, kind_of(item))
        return "json" if inner == "json" else LIST + inner
    return "json"


def is_message(value: object) -> bool:
    """Whether it is a chat message with a role, a text and nothing else."""
    if not isinstance(value, dict) or value.keys() != MESSAGE:
        return False
    return all(isinstance(part, str) for part in cast(dict[str, object], value).values())


def merged(one: Kind, two: Kind) -> Kind:
    """The kind that holds values of both without loss."""
    if one == two or two == "null":
        return one
    if one == "null":
        return two
    if {one, two} == {MESSAGES, f"{LIST}null"}:
        return MESSAGES
    if one.startswith(LIST) and two.startswith(LIST):
        inner = merged(one.removeprefix(LIST), two.removeprefix(LIST))
        return "json" if inner == "json" else LIST + inner
    return {frozenset({"int", "long"}): "long", frozenset({"int", "float"}): "float"}.get(frozenset({one, two}), "json")


def kinds(records: Iterable[Mapping[str, Any]]) -> dict[str, Kind]:
    """The columns of all rows of a journal and their kinds, in the order in which they appear."""
    return kinds_of(flat(record) for record in records)


def kinds_of(rows: Iterable[Mapping[str, Any]]) -> dict[str, Kind]:
    """The kinds of rows that are columns already; see `kinds`."""
    found: dict[str, Kind] = {"usage": "json", "calls": "json"}
    order: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            order[name] = None
            known = found.get(name, "null")
            if known != "json" and value is not None:  # JSON holds every value, and every column null
                found[name] = merged(known, kind_of(value))
    return {name: found.get(name, "null") for name in order}


def cells(values: list[Any], kind: Kind) -> list[Any]:
    """Values as their column holds them."""
    if kind == "text":
        return [value if value is None or value.isascii() else replace_half_pairs(value) for value in values]
    if kind in ("bool", "int", "long"):
        return values
    return [cell(value, kind) for value in values]


def cell(value: object, kind: Kind) -> object:
    """A value as its column holds it."""
    if value is None:
        return None
    if kind == "json":
        return replace_half_pairs(ENCODER.encode(value))
    if kind == "float":
        return float(cast(float, value))
    if kind == MESSAGES:
        messages = cast(list[dict[str, str] | None], value)  # a list of nulls elsewhere in the column is told as such
        return [
            None if message is None else {name: replace_half_pairs(text) for name, text in message.items()}
            for message in messages
        ]
    if kind.startswith(LIST):
        return [cell(item, kind.removeprefix(LIST)) for item in cast(list[object], value)]
    return replace_half_pairs(value) if isinstance(value, str) else value


def replace_half_pairs(text: str) -> str:
    """Text that is UTF-8: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
