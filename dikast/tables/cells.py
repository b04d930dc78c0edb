"""Text cells, as CSV holds them, to a typed column: a column is a number or a date if every cell in it says so.

What counts, and nothing else does:

* integer: `17`, `-17`, `1,234,567`; not `007`, `12E4`, `1E+05` among whole numbers (codes), not 20 digits (an
  identifier), not `+15551234567` (a telephone number);
* number: the same with a fraction of any length, `.5`, or an exponent that has a sign, as programs print it: `1e-05`;
* date: `2004-03-12`, and `03/12/2004` where the owner told the order of day and month;
* which mark is the decimal one, the owner says (`Spelling`), or the file shows it (`spelling_of`). Where neither does,
  a column whose numbers can be read in two ways stays text.

Everything else is text, and so is a column of which only some cells are numbers. The owner is told of each column that
a person would read as numbers, dates or truth values, with the option that reads it so; a type that the owner gave is
taken at its word, and cells that are not of it are missing and told. NBSP and other odd spaces become plain ones and
outer white space goes, because no program that has not seen the cells could expect them.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from dikast.sandbox.inside import written
from dikast.sandbox.inside.written import Spelling, decimal_shown, may_be_either, read_date, read_number
from dikast.tables.table import MAX_EXACT_FLOAT, MAX_INTEGER, Column, Kind, Problem, Values

ODD_SPACES = dict.fromkeys(
    map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f"), " "
)
"""The Unicode spaces that are not line breaks."""

ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))

MAX_INTEGER_DIGITS = 18
"""19 digits may exceed int64."""

DATE = re.compile(r"\d{4}-\d\d-\d\d")
SPREADSHEET_EXPONENT = re.compile(r"\A[+-]?\d++E[+-]\d++")
"""What a spreadsheet makes of the code `1E5`; C# prints numbers so too, but then among fractions."""
TRUE, FALSE = frozenset({"true", "yes", "t", "y", "1"}), frozenset({"false", "no", "f", "n", "0"})
TRUTH_WORDS = frozenset({"true", "false", "yes", "no"})

TOLD_SHARE = 0.5
"""A text column is reported as mixed if more than this share of its cells are numbers or dates."""

LOOKED_AT = 2_000
"""Cells of a text column that are looked at for what a person would read in it; all of it, if most of these are so."""

GIVEN: tuple[Kind, ...] = ("text", "integer", "number", "boolean", "date", "datetime")
"""Kinds that an owner may give a column."""

ENGLISH = Spelling(".", ",")
Reading = tuple[Column, Values, list[Problem]]


def number_patterns(thousands: str, decimal: str = ".") -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What an integer and what a number looks like with these marks; an empty one allows none."""
    grouped = rf"|[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+" if thousands else ""
    whole = rf"(?:0|[1-9]\d*{grouped})"
    point = re.escape(decimal)
    fraction = rf"(?:{whole}(?:{point}\d+)?|{point}\d+)" if decimal else whole
    integer = re.compile(rf"[+-]?{whole}", re.ASCII)
    number = re.compile(rf"[+-]?{fraction}(?:[eE][+-]\d+)?", re.ASCII)
    return integer, number


def tidy(cell: str) -> str:
    """The cell without odd spaces, zero-width characters and outer white space."""
    return cell.translate(ODD_SPACES).translate(ZERO_WIDTH).strip() if not cell.isascii() else cell.strip()


def spelling_of(cells: Iterable[str], spelling: Spelling) -> Spelling:
    """How a whole file writes its numbers: as told, else as those of its cells show that can be read in one way only.

    Only a decimal point is taken from what cells show, since the rest of dikast writes it too; decimal commas, and a
    file that has both, are for its owner to tell.
    """
    if spelling.marks_given:
        return spelling
    shown = {mark for cell in cells if (mark := decimal_shown(cell))}
    return replace(spelling, decimal=".", thousands=",") if shown == {"."} else replace(spelling, assume="")


def typed_column(
    name: str,
    cells: Sequence[str],
    *,
    thousands: str | None = None,
    missing: frozenset[str],
    spelling: Spelling = ENGLISH,
    given: Kind | None = None,
) -> Reading:
    """One column of text cells as what it is.

    Args:
        name: The column's name.
        cells: As in the file, all rows.
        thousands: The separator allowed between groups of three digits, in place of the spelling's; empty for none.
        missing: Spellings of a missing cell, besides an empty one, compared after tidying.
        spelling: How numbers and dates are written.
        given: The kind that the owner says it is.
    """
    if thousands is not None:
        spelling = replace(spelling, decimal=None, thousands=thousands)
    tidied = [tidy(cell) for cell in cells]
    kept = [None if not cell or cell in missing else cell for cell in tidied]
    present = [cell for cell in kept if cell is not None]
    if given is not None:
        values, problems = as_given(name, kept, given, spelling)
        return Column(name, given), values, _report_odd_spaces(name, cells, tidied) + problems
    kind, readable = _kind(present, spelling)
    problems = _report_odd_spaces(name, cells, tidied) + _report_reading(name, present, kind, readable, spelling)
    if cells and not present:
        problems.append(Problem("empty column", f"column {name!r} has no cells", name))
    return Column(name, kind), _array(kept, kind, spelling), problems


def as_given(name: str, cells: Sequence[str | None], kind: Kind, spelling: Spelling) -> tuple[Values, list[Problem]]:
    """Cells as the kind that their owner says they are; those that are not are missing, and told.

    Numbers are read as the helper `num` reads them, so with currency, unit and per cent sign; dates as `date` does.
    Moments with offsets become UTC.
    """
    if kind == "text":
        return np.array([*cells, None], dtype=object)[:-1], []
    spelling = written.settled((cell for cell in cells if cell is not None), spelling)
    read = [None if cell is None else _read_given(cell, kind, spelling) for cell in cells]
    lost = sum(cell is not None and value is None for cell, value in zip(cells, read, strict=True))
    text = f"column {name!r}: {lost} cells are not to be read as {kind} and are missing"
    return _given_array(read, kind), [Problem("not of the given type", text, name, lost)] if lost else []


def _read_given(cell: str, kind: Kind, spelling: Spelling) -> object:
    if kind == "boolean":
        return True if cell.casefold() in TRUE else False if cell.casefold() in FALSE else None
    if kind in ("date", "datetime"):
        moment = read_date(cell, spelling)
        if moment is None or (kind == "date" and moment.time() != datetime.time()):
            return None
        return moment if moment.tzinfo is None else moment.astimezone(datetime.UTC).replace(tzinfo=None)
    exact = cell.removeprefix("+")
    number = int(exact) if exact.removeprefix("-").isdecimal() else read_number(cell, spelling)
    if kind == "number" or number is None:
        return None if number is None else float(number)
    return int(number) if int(number) == number and abs(number) <= MAX_INTEGER else None


def _given_array(values: list[object], kind: Kind) -> Values:
    from dikast.tables.values import array_of

    return array_of(values, kind)


def _kind(present: list[str], spelling: Spelling) -> tuple[Kind, int]:
    """The kind, and for text how many cells would have been of the next best kind."""
    integer, number = number_patterns(spelling.groupers[:1] if spelling.marks_given else "", spelling.point)
    codes = _has_codes(present, spelling.point)
    tests: list[tuple[Kind, Callable[[str], bool]]] = [
        ("integer", lambda cell: bool(integer.fullmatch(cell)) and _is_count(cell)),
        ("number", lambda cell: bool(number.fullmatch(cell)) and _is_number(cell, spelling) and not codes),
        ("date", lambda cell: _is_date(cell, spelling)),
    ]
    best = 0
    for kind, test in tests:
        passed = sum(map(test, present))
        if present and passed == len(present):
            return kind, passed
        best = max(best, passed)
    return "text", best


def _has_codes(present: list[str], point: str) -> bool:
    """Whether whole numbers with an exponent stand here among nothing that has a fraction."""
    if not any(map(SPREADSHEET_EXPONENT.fullmatch, present)):
        return False
    return not point or not any(point in cell for cell in present)


def _is_count(cell: str) -> bool:
    """Whether digits are few enough for a quantity, and no telephone number."""
    phone = cell.startswith("+") and cell[1:].isdigit() and len(cell) > written.PHONE_DIGITS
    return not phone and sum(map(str.isdigit, cell)) <= MAX_INTEGER_DIGITS


def _is_number(cell: str, spelling: Spelling) -> bool:
    """Digits of a fraction or beside an exponent are precision, however many; those of a whole number may be a name."""
    if not spelling.marks_given and may_be_either(cell):
        return False
    return (bool(spelling.point) and spelling.point in cell) or "e" in cell.lower() or _is_count(cell)


def _is_date(cell: str, spelling: Spelling) -> bool:
    if DATE.fullmatch(cell):
        try:
            date.fromisoformat(cell)
        except ValueError:
            return False
        return True
    told = spelling.dayfirst is not None and written.is_ordered_date(cell)
    return told and _moment(cell, spelling) is not None


def _moment(cell: str, spelling: Spelling) -> datetime.datetime | None:
    """A date in figures by the told order alone: the others of its column do not change it."""
    first, second = (int(part) for part in re.split(r"[/.-]", cell)[:2])
    day, month = (first, second) if spelling.dayfirst else (second, first)
    found = read_date(cell, spelling)
    agreed = found is not None and (found.day, found.month, found.time()) == (day, month, datetime.time())
    return found if agreed and found is not None and found.tzinfo is None else None


def _array(cells: list[str | None], kind: Kind, spelling: Spelling) -> Values:
    if kind in ("integer", "number"):
        plain = [cell and _plain(cell, spelling) for cell in cells]
        return _integers(plain) if kind == "integer" else np.array([_float(cell) for cell in plain])
    if kind == "date":
        return np.array([_iso(cell, spelling) for cell in cells], dtype="datetime64[s]")
    return np.array(cells, dtype=object)


def _plain(cell: str, spelling: Spelling) -> str:
    """A number with a point and no separators, as Python reads it."""
    thousands = spelling.groupers[:1] if spelling.marks_given else ""
    cell = cell.replace(thousands, "") if thousands else cell
    return cell.replace(spelling.point, ".") if spelling.point else cell


def _iso(cell: str | None, spelling: Spelling) -> str:
    if cell is None:
        return "NaT"
    moment = None if DATE.fullmatch(cell) else _moment(cell, spelling)
    return cell if moment is None else moment.date().isoformat()


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


def _report_odd_spaces(name: str, raw: Sequence[str], tidied: list[str]) -> list[Problem]:
    odd = sum(before.strip(" \t\r\n") != after for before, after in zip(raw, tidied, strict=True))
    text = f"column {name!r}: {odd} cells had NBSP or unseen characters"
    return [Problem("odd spaces", text, name, odd)] if odd else []


def _report_reading(name: str, present: list[str], kind: Kind, readable: int, spelling: Spelling) -> list[Problem]:
    """What the owner should know of a column's reading."""
    if kind in ("integer", "number"):
        mark = spelling.groupers[:1] if spelling.marks_given else ""
        grouped = sum(mark in cell for cell in present) if mark else 0
        text = f"column {name!r}: {grouped} cells have {mark!r} read as thousands separator"
        return [Problem("thousands separators", text, name, grouped)] if grouped else []
    if kind != "text" or not present:
        return []
    for code, count, what in _suspicions(present, spelling):
        if count:
            return [Problem(code, f"column {name!r} is text: {count} cells {what.format(name=name)}", name, count)]
    if readable > TOLD_SHARE * len(present):
        others = len(present) - readable
        text = f"column {name!r} is text: {readable} cells are numbers or dates, {others} are not"
        return [Problem("mixed types", text, name, others)]
    return []


def _suspicions(present: list[str], spelling: Spelling) -> list[tuple[str, int, str]]:
    """What a person would read in a text column, gravest first: code, how many cells, what they are and what to do."""
    head = present[:LOOKED_AT]

    def most(test: Callable[[str], object]) -> int:
        if sum(bool(test(cell)) for cell in head) <= TOLD_SHARE * len(head):
            return 0
        return sum(bool(test(cell)) for cell in present)

    either = 0 if spelling.marks_given else sum(map(may_be_either, present)) if most(_is_numeral) else 0
    comma = spelling.point != "," and most(_is_numeral) and sum(decimal_shown(cell) == "," for cell in present)
    letters = sum(map(_ends_in_a_letter, present)) if most(written.is_quantity) else 0
    return [
        ("decimal comma", int(comma), "have a decimal comma: the option decimal reads them as numbers"),
        ("ambiguous numbers", either, "have a mark that is decimal or between thousands: tell decimal or thousands"),
        ("ambiguous dates", 0 if spelling.dayfirst is not None else most(written.is_ordered_date),
         "are dates whose day and month may change places: the option dayfirst reads them as dates"),
        ("codes", most(_is_code), "begin with + or have an exponent, as telephone numbers and codes do: the option"
         " types reads them as numbers, {name}=number"),
        ("letters behind numbers", letters, "end in a letter that is a unit or a magnitude: num() takes m for metres,"
         " t for tonnes, and reads k, M, b only beside a currency"),
        ("moments", most(_is_moment), "are dates with a time of day: the option types reads them, {name}=datetime"),
        ("truth values", most(lambda cell: cell.casefold() in TRUTH_WORDS),
         "are true or false: the option types reads them, {name}=boolean"),
        ("written numbers", 0 if most(_is_numeral) else most(lambda cell: written.is_quantity(cell)),
         "are numbers with a currency, a unit or a per cent sign: num() reads them, or the option types,"
         " {name}=number"),
    ]  # fmt: skip


def _is_numeral(cell: str) -> bool:
    digits = cell.lstrip("+-").translate({ord(mark): None for mark in ".,'"})
    return digits.isascii() and digits.isdigit()


def _is_code(cell: str) -> bool:
    phone = cell.startswith("+") and sum(map(str.isdigit, cell)) >= written.PHONE_DIGITS
    return phone or SPREADSHEET_EXPONENT.fullmatch(cell) is not None


def _ends_in_a_letter(cell: str) -> bool:
    """Whether `num` has to know that a unit is no magnitude; beside a currency there is nothing to know."""
    found = re.search(r"\d\s?[kKmMbBtT]\b", cell[: written.MAX_CELL])
    amount = written.read_amount(cell) if found else None
    return found is not None and not (amount and amount[1])


def _is_moment(cell: str) -> bool:
    return ":" in cell and read_date(cell, Spelling(dayfirst=True)) is not None
