"""Columns of typed cells, as workbooks and SQLite hold them, to arrays: a column has one kind or is text.

Such files type each cell by itself, so that one column may hold numbers and text. Then all of it becomes text, and the
owner is told; text that looks like a number stays text.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np

from dikast.tables.table import MAX_EXACT_FLOAT, Kind, Values

NUMERIC: frozenset[type] = frozenset({int, float, Decimal})
INTEGERS: frozenset[type] = frozenset({int})
MOMENTS: frozenset[type] = frozenset({datetime.date, datetime.datetime})


def kind_of(types: Iterable[type]) -> Kind | None:
    """The kind of a column whose present cells are of these types; `None` if they do not go together."""
    found: frozenset[type] = frozenset(types)
    if found <= {str}:
        return "text"
    if found == INTEGERS:
        return "integer"
    if found <= NUMERIC:
        return "number"
    single: dict[type, Kind] = {
        bool: "boolean",
        datetime.date: "date",
        datetime.datetime: "datetime",
        datetime.time: "other",
        datetime.timedelta: "other",
        bytes: "other",
    }
    if found == MOMENTS:
        return "datetime"
    return single.get(next(iter(found)), "other") if len(found) == 1 else None


def array_of(values: Sequence[object], kind: Kind) -> Values:
    """The cells as the array that this kind has; `None` is missing."""
    if kind == "integer":
        return _integers(values)
    if kind == "number":
        return np.array([_float(value) for value in values], dtype=np.float64)
    if kind == "boolean":
        return np.array(values, dtype=object if None in values else np.bool_)
    if kind in ("date", "datetime"):
        return np.array([_moment(value) for value in values], dtype="datetime64[us]")
    return np.array([None if value is None else as_text(value) for value in values], dtype=object)


def as_text(value: object) -> str:
    """One cell as text: whole floats without `.0`, dates in ISO form, bytes as hexadecimal."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT_FLOAT:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _integers(values: Sequence[object]) -> Values:
    present = [value for value in values if isinstance(value, int)]
    if len(present) == len(values):
        return np.array(present, dtype=np.int64)
    if all(abs(value) <= MAX_EXACT_FLOAT for value in present):
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return np.array(values, dtype=object)


def _float(value: object) -> float:
    return float(value) if isinstance(value, (int, float, Decimal)) else np.nan


def _moment(value: object) -> np.datetime64:
    if isinstance(value, (datetime.date, datetime.datetime)):
        return np.datetime64(value, "us")
    return np.datetime64("NaT", "us")
