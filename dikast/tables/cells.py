"""Text cells, as CSV holds them, to a typed column: a column is a number or a date if every cell in it says so.

What counts, and nothing else does:

* integer: `17`, `-17`, `1,234,567`; not `007` (a code), not `12E4` (a code too), not 20 digits (an identifier);
* number: the same with a fraction, `.5`, or an exponent that has a sign, as programs print it: `1e-05`;
* date: `2004-03-12`. `03/12/2004` is two dates, so text; a date with a time of day stays text, since its spelling
  (seconds, `T`, zone) would be lost.

A column of which only some cells are numbers stays text, and the owner is told how many. NBSP and other odd spaces
become plain ones and outer white space goes, because no program that has not seen the cells could expect them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from dikast.tables.table import MAX_EXACT_FLOAT, Column, Kind, Problem, Values

ODD_SPACES = dict.fromkeys(
    map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f"), " "
)
"""The Unicode spaces that are not line breaks."""

ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))

MAX_INTEGER_DIGITS = 18
"""19 digits may exceed int64."""

DATE = re.compile(r"\d{4}-\d\d-\d\d")

TOLD_SHARE = 0.5
"""A text column is reported as mixed if more than this share of its cells are numbers or dates."""


def number_patterns(thousands: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What an integer and what a number looks like with this thousands separator; an empty one allows none."""
    grouped = rf"|[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+" if thousands else ""
    whole = rf"(?:0|[1-9]\d*{grouped})"
    integer = re.compile(rf"[+-]?{whole}", re.ASCII)
    number = re.compile(rf"[+-]?(?:{whole}(?:\.\d+)?|\.\d+)(?:[eE][+-]\d+)?", re.ASCII)
    return integer, number


def tidy(cell: str) -> str:
    """The cell without odd spaces, zero-width characters and outer white space."""
    return cell.translate(ODD_SPACES).translate(ZERO_WIDTH).strip() if not cell.isascii() else cell.strip()


def typed_column(
    name: str, cells: Sequence[str], *, thousands: str, missing: frozenset[str]
) -> tuple[Column, Values, list[Problem]]:
    """One column of text cells as what it is.

    Args:
        name: The column's name.
        cells: As in the file, all rows.
        thousands: The separator allowed between groups of three digits; empty for none.
        missing: Spellings of a missing cell, besides an empty one, compared after tidying.
    """
    tidied = [tidy(cell) for cell in cells]
    present = [cell for cell in tidied if cell and cell not in missing]
    kind, readable = _kind(present, thousands)
    values = _array([None if not cell or cell in missing else cell for cell in tidied], kind, thousands)
    return Column(name, kind), values, _told(name, cells, tidied, present, kind, readable, thousands)


def _kind(present: list[str], thousands: str) -> tuple[Kind, int]:
    """The kind, and for text how many cells would have been of the next best kind."""
    integer, number = number_patterns(thousands)
    tests: list[tuple[Kind, Callable[[str], bool]]] = [
        ("integer", lambda cell: bool(integer.fullmatch(cell)) and _fits(cell)),
        ("number", lambda cell: bool(number.fullmatch(cell)) and _fits(cell)),
        ("date", _is_date),
    ]
    best = 0
    for kind, test in tests:
        passed = sum(map(test, present))
        if present and passed == len(present):
            return kind, passed
        best = max(best, passed)
    return "text", best


def _fits(cell: str) -> bool:
    return sum(map(str.isdigit, cell)) <= MAX_INTEGER_DIGITS


def _is_date(cell: str) -> bool:
    if not DATE.fullmatch(cell):
        return False
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _array(cells: list[str | None], kind: Kind, thousands: str) -> Values:
    if kind in ("integer", "number"):
        plain = [cell and cell.replace(thousands, "") if thousands else cell for cell in cells]
        return _integers(plain) if kind == "integer" else np.array([_float(cell) for cell in plain])
    if kind == "date":
        return np.array([cell or "NaT" for cell in cells], dtype="datetime64[s]")
    return np.array(cells, dtype=object)


def _integers(cells: list[str | None]) -> Values:
    numbers = [None if cell is None else int(cell) for cell in cells]
    present = [number for number in numbers if number is not None]
    if len(present) == len(numbers):
        return np.array(present, dtype=np.int64)
    if all(abs(number) <= MAX_EXACT_FLOAT for number in present):
        return np.array([_float(cell) for cell in cells])
    return np.array(numbers, dtype=object)


def _float(cell: str | None) -> float:
    return np.nan if cell is None else float(cell)


def _told(
    name: str, raw: Sequence[str], tidied: list[str], present: list[str], kind: Kind, readable: int, thousands: str
) -> list[Problem]:
    problems: list[Problem] = []
    odd = sum(before.strip(" \t\r\n") != after for before, after in zip(raw, tidied, strict=True))
    if odd:
        problems.append(Problem("odd spaces", f"column {name!r}: {odd} cells had NBSP or unseen characters", name, odd))
    grouped = sum(thousands in cell for cell in present) if thousands and kind in ("integer", "number") else 0
    if grouped:
        text = f"column {name!r}: {grouped} cells have {thousands!r} read as thousands separator"
        problems.append(Problem("thousands separators", text, name, grouped))
    if kind == "text" and readable > TOLD_SHARE * len(present):
        others = len(present) - readable
        text = f"column {name!r} is text: {readable} cells are numbers or dates, {others} are not"
        problems.append(Problem("mixed types", text, name, others))
    if raw and not present:
        problems.append(Problem("empty column", f"column {name!r} has no cells", name))
    return problems
