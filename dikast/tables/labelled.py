"""Answers with their labels: which region each of two sevens belongs to.

    answer = Answer.of([7, 7], {"columns": ["region", "amount"], "rows": [["north", 7], ["south", 7]]})
    answer == ["7", "7"]; answer.table["rows"]        # [["north", "7"], ["south", "7"]]

An answer is the list of its items, as the data sets judge it. Where a program answered with a grouped or tabular value
(a Series, a frame, an object, a list of rows) it has a table besides, for who reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from typing_extensions import TypedDict

from dikast.tables.answers import items


class Labelled(TypedDict):
    """A table of texts; `columns` is empty where only the rows are known."""

    columns: list[str]
    rows: list[list[str]]


class Answer(list[str]):
    """An answer's items; `table` holds them with their labels, if they have any."""

    def __init__(self, items: Iterable[str] = (), table: Labelled | None = None) -> None:
        super().__init__(items)
        self.table = table

    @classmethod
    def of(cls, answer: object, table: object = None) -> Answer:
        """A program's answer, JSON as it left the sandbox, and the table that came with it."""
        return cls(items(answer), labelled(answer) if table is None else _from_sandbox(table))


def _from_sandbox(table: object) -> Labelled:
    """A table that `dikast.sandbox.claim` has found to be one."""
    given = cast(Mapping[str, Any], table)
    return Labelled(columns=given["columns"], rows=_texts(given["rows"]))


def labelled(answer: object) -> Labelled | None:
    """The table that a JSON value is; `None` for a value or a list of values.

    An object is a row a key, with the keys of objects inside it beside each other; a list of objects with the same keys
    has these as columns.
    """
    if isinstance(answer, Mapping):
        rows = [[*keys, text_of(value)] for keys, value in _leaves(cast(Mapping[str, Any], answer))]
        return Labelled(columns=[], rows=rows) if rows else None
    if not isinstance(answer, list) or not answer:
        return None
    found = cast(list[Any], answer)
    if all(isinstance(row, Mapping) for row in found) and len({tuple(row) for row in found}) == 1:
        return Labelled(columns=list(map(str, found[0])), rows=_texts([list(row.values()) for row in found]))
    return Labelled(columns=[], rows=_texts(found)) if all(isinstance(row, list) for row in found) else None


def text_of(cell: object) -> str:
    """One cell as text; lists are joined by commas, a missing one is empty."""
    return ", ".join(items(cell))


def _texts(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [[text_of(cell) for cell in row] for row in rows]


def _leaves(value: Mapping[str, Any], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    found: list[tuple[tuple[str, ...], object]] = []
    for key, inner in value.items():
        keys = (*above, str(key))
        nested = isinstance(inner, Mapping) and bool(cast(Mapping[str, Any], inner))
        found += _leaves(cast(Mapping[str, Any], inner), keys) if nested else [(keys, inner)]
    return found
