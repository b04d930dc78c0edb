"""An operator's own test prompts out of a file, each with the cell that it belongs to.

    items = read_suite("suite.jsonl", DEFAULT_AXES)

A record has a `prompt`; it may have an `id`, `benign` (true where the prompt ought to be answered), and one field for
each axis (`category`, `style`, ...). Any file that `dikast.rows` reads is taken; other fields are left alone. No error
message quotes a prompt.

Not covered: conversations of several turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.errors import DataError, UsageError
from dikast.evaluation.axes import Axes, Cell
from dikast.row import Row
from dikast.rows import read_rows

COLUMNS = ("id", "prompt", "benign")
TRUTHS: Mapping[str, bool] = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "": False}


@dataclass(frozen=True, slots=True)
class SuiteItem:
    """A test prompt of somebody's own.

    Args:
        id: Unique within the suite.
        prompt: The text; untrusted.
        cell: The axes that the record names.
        benign: Whether it ought to be answered.
    """

    id: str
    prompt: str
    cell: Cell
    benign: bool = False


def read_suite(path: str | Path, axes: Axes, columns: Mapping[str, str] | None = None) -> list[SuiteItem]:
    """The prompts of a file, in its order. Without an `id` its place in the file is taken.

    Args:
        path: The file.
        axes: Which values there are; a record's fields of the same names are its cell.
        columns: Our names, and those of axes, to the file's.

    Raises:
        UsageError: `columns` names what is neither a column of ours nor an axis.
        DataError: There is no prompt, a value is not on the axes or its cell is excluded, an id occurs twice, or the
            file has no record; says file, line and field.
    """
    ours = (*COLUMNS, *axes.values)
    unknown = sorted(set(columns or {}) - set(ours))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(ours)}")
    items: list[SuiteItem] = []
    seen: dict[str, str] = {}
    for row in read_rows(path, columns):
        item = _item(row, axes)
        if item.id in seen:
            raise row.error("id", f"{item.id!r} already stands on {seen[item.id]}")
        seen[item.id] = row.where
        items.append(item)
    if not items:
        raise DataError("the file has no row", path=path, hint="give one prompt a row")
    return items


def suite_as_rows(items: Sequence[SuiteItem]) -> list[dict[str, object]]:
    """Rows that `read_suite` reads."""
    return [{"id": item.id, "prompt": item.prompt, "benign": item.benign, **item.cell} for item in items]


def _item(row: Row, axes: Axes) -> SuiteItem:
    prompt = row.value("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise row.error("prompt", "not text, or empty", "give the prompt as a string")
    cell = {axis: value for axis in axes.values if (value := row.text(axis, default=""))}
    try:
        allowed = axes.allowed(cell)
    except UsageError as error:
        axis = next(axis for axis, value in cell.items() if value not in axes.values[axis])
        raise row.error(axis, error.message, error.hint) from error
    if not allowed:
        raise row.error(next(iter(cell)), "the axes exclude this cell", "change the cell, or the axes")
    return SuiteItem(row.text("id", default=str(row.place)), prompt, cell, _truth(row, "benign"))


def _truth(row: Row, field: str) -> bool:
    value = row.values.get(field)
    word = "" if value is None else str(value).strip().lower()
    if word not in TRUTHS:
        raise row.error(field, f"neither true nor false: {value!r:.20}", "write true or false")
    return TRUTHS[word]
