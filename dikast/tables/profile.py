"""What may be said of a column's cells without saying a cell: how often missing, whether values repeat, how written.

Each statement is true of at least `k` rows (or different values), and where fewer than `k` stand against it the weaker
statement is made; so one row alone changes a statement only at the threshold. Numbers of rows are never said.
The first `SAMPLE_ROWS` rows are looked at, in chunks: what is said need not hold beyond them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dikast.tables.sketch import common
from dikast.tables.table import Table, Values

K = 5
"""A customary smallest cell count in statistical disclosure control."""

SAMPLE_ROWS = 200_000
"""0.1 to 0.3 s a text column on an idle core, however many rows follow."""

Missing = Literal["", "sometimes", "mostly", "almost always"]
Repeats = Literal["", "repeat", "hardly ever repeat"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Statements about one column; empty where there is nothing to say.

    Args:
        missing: `"sometimes"`: k or more cells are missing; `"mostly"`: more than half; `"almost always"`: fewer than k
            are present. Nothing: fewer than k are missing, perhaps none. Empty text counts as missing.
        values: `"repeat"`: k or more cells repeat another's value; `"hardly ever repeat"`: fewer, of k or more.
        forms: Sketches shared by k or more different values of a text column.
        other_forms: Whether k or more different values are written otherwise.
    """

    missing: Missing
    values: Repeats
    forms: tuple[str, ...]
    other_forms: bool


def profile(table: Table, column: int, k: int = K) -> Profile:
    """Look through one column.

    Args:
        table: Any table.
        column: Its position.
        k: The threshold, 1 or more.
    """
    rows, present, repeats = _count(table, column, k)
    forms, others = ((), False) if table.columns[column].kind != "text" else _forms(table, column, k)
    values: Repeats = "repeat" if repeats >= k else "hardly ever repeat" if present >= k else ""
    return Profile(_missing(rows - present, rows, k), values, forms, others)


def _missing(missing: int, rows: int, k: int) -> Missing:
    if missing < k:
        return ""
    if rows - missing < k:
        return "almost always"
    return "mostly" if 2 * missing > rows else "sometimes"


def _count(table: Table, column: int, k: int) -> tuple[int, int, int]:
    """Rows looked at, cells present, and how many of them repeat an earlier one; counted no further than `k`."""
    rows = present = repeats = 0
    seen: list[Values] = []
    for values in _head(table, column):
        cells = values[~missing_cells(values)]
        rows += len(values)
        present += len(cells)
        if repeats < k:
            seen.append(_hashes(cells))
            repeats = _repeats(seen[-1])
    return rows, present, repeats if repeats >= k or not seen else _repeats(np.concatenate(seen))


def _forms(table: Table, column: int, k: int) -> tuple[tuple[str, ...], bool]:
    return common((cell for values in _head(table, column) for cell in values.tolist() if cell), k)


def _repeats(hashes: Values) -> int:
    return len(hashes) - len(np.unique(hashes))


def _hashes(cells: Values) -> Values:
    """Eight bytes a value, so that texts of any length are compared in little memory."""
    if cells.dtype == object:
        return np.fromiter((hash(cell) for cell in cells), dtype=np.int64, count=len(cells))
    return cells


def missing_cells(values: Values) -> Values:
    """Where cells are missing: `None`, NaN, NaT and empty text."""
    if values.dtype == object:
        return np.array([cell is None or cell == "" for cell in values.tolist()], dtype=np.bool_)
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.isnat(values) if values.dtype.kind in "mM" else np.zeros(len(values), dtype=np.bool_)


def _head(table: Table, column: int) -> Iterator[Values]:
    """The first `SAMPLE_ROWS` cells, exactly, whatever size the file's own batches have."""
    left = SAMPLE_ROWS
    for (values,) in table.chunks([column]):
        yield values[:left]
        left -= len(values)
        if left <= 0:
            return
