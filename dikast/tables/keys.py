"""Keys that a database declares: what a row is told by, and which table a column refers to.

    Keys(("id",), (Reference(("person",), "people", ("id",)),))

They are part of its schema and depend on no cell; a Solver that joins tables is told them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """Columns that refer to a row of another table.

    Args:
        columns: They, by the names in their table.
        table: The other's name.
        others: The columns there, in the same order; empty where its primary key is meant.
    """

    columns: tuple[str, ...]
    table: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """What one table declares.

    Args:
        primary: The columns of its primary key, in order.
        references: Its foreign keys.
    """

    primary: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


NO_KEYS = Keys()
Shown = Mapping[str, str]
"""A table's columns, by the file's names, without case -> as a prompt says them."""


def describe_keys(
    keys: Sequence[Keys], tables: Mapping[str, str], columns: Mapping[str, Shown]
) -> dict[str, list[str]]:
    """Lines for a schema, by the table's name as it is shown; what cannot be named is not told.

    Args:
        keys: Of each table, in the order of `tables`.
        tables: The file's names, without case -> as they are shown.
        columns: Shown table -> its columns.
    """
    primary = {name: one.primary for name, one in zip(tables.values(), keys, strict=True)}
    lines: dict[str, list[str]] = {}
    for name, one in zip(tables.values(), keys, strict=True):
        own = _listed(one.primary, columns[name])
        found = [f"Primary key: {own}"] if own else []
        for reference in one.references:
            other = tables.get(reference.table.casefold(), "")
            here = _listed(reference.columns, columns[name])
            there = _listed(reference.others or primary.get(other, ()), columns.get(other, {}))
            if here and there:
                found.append(f"{here} refers to {there} of {json.dumps(other, ensure_ascii=False)}")
        if found:
            lines[name] = found
    return lines


def _listed(names: Sequence[str], shown: Shown) -> str:
    """The columns as they are shown; nothing if one of them is not known."""
    found = [shown.get(name.casefold()) for name in names]
    return "" if None in found else ", ".join(json.dumps(name, ensure_ascii=False) for name in found)
