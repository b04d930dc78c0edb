"""Whether an answer is right, as the official WikiTableQuestions evaluator judges it.

    denotation_correct(["17"], ["17.0"])                                    # True
    denotation_correct(["January 26, 1995"], ["1995-01-26"], ["1995-01-26"])  # True: canonical forms given

Both sides become sets of values: a number if it reads as one, a date if it looks like `yyyy-mm-dd` (`xx` where not
known), else text. Right is: equally many distinct values, and every target value matches some predicted one. Two
values match if their normalised texts are equal, or both are numbers less than 1e-6 apart, or both are dates equal in
all three fields. A target's number or date is read from its canonical form where there is one, its text from its own.

Source: the rules of evaluator.py 1.0.2 (Pasupat and Liang 2015, arXiv 1508.00305), written anew. Kept on purpose:

* a number less than 1e-6 from a whole number is cut, not rounded, to an integer: 2.9999999 is 2, so it is not 3;
* a date of which only the year is known is a number;
* a number written with `_`, which today's Python reads, is text; so is one too large for a float.

Not covered: answers that are right in other words.
"""

from __future__ import annotations

import bisect
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from dikast.errors import UsageError
from dikast.sandbox.inside.details import without_details

TOLERANCE = 1e-6

QUOTES_AND_DASHES = str.maketrans(
    {
        **dict.fromkeys("‘’´`", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
    }
)
UNKNOWN = -1

Date = tuple[int, int, int]
"""Year, month, day; `UNKNOWN` where it is not known."""


@dataclass(frozen=True, slots=True)
class Value:
    """One item of an answer.

    Args:
        text: Normalised.
        number: Its number, if it is one.
        date: Its date, if it is one.
    """

    text: str
    number: int | float | None = None
    date: Date | None = None

    @property
    def identity(self) -> object:
        """What makes two items of one side the same: the number or the date where there is one, else the text."""
        return self.text if self.number is None and self.date is None else (self.number, self.date)

    def matches(self, other: Value) -> bool:
        """Whether the evaluator takes the two for the same."""
        if self.text == other.text:
            return True
        if self.number is not None and other.number is not None:
            return _apart(self.number, other.number) < TOLERANCE
        return self.date is not None and self.date == other.date


def denotation_correct(target: Sequence[str], predicted: Sequence[str], canonical: Sequence[str] | None = None) -> bool:
    """Judge one answer.

    Args:
        target: The gold answer's items as written.
        predicted: The predicted items; order and repeats do not matter.
        canonical: The release's canonical form of each target item (`targetCanon`); without it the text is read.

    Raises:
        UsageError: There are not as many canonical forms as target items.
    """
    forms = target if canonical is None else canonical
    if len(forms) != len(target):
        raise UsageError(f"{len(target)} target items with {len(forms)} canonical forms")
    wanted = distinct([read(text, form) for text, form in zip(target, forms, strict=True)])
    given = distinct([read(text) for text in predicted])
    return len(wanted) == len(given) and _each_matches(wanted, given)


def _each_matches(wanted: Sequence[Value], given: Sequence[Value]) -> bool:
    """Whether each value matches one of the others, without comparing each with each."""
    texts, dates = {item.text for item in given}, {item.date for item in given if item.date is not None}
    numbers = sorted(item.number for item in given if item.number is not None)
    return all(
        want.text in texts or (want.date is not None and want.date in dates) or _is_near(want.number, numbers)
        for want in wanted
    )


def _is_near(number: int | float | None, numbers: Sequence[int | float]) -> bool:
    if number is None:
        return False
    at = bisect.bisect_left(numbers, number)
    return any(_apart(number, other) < TOLERANCE for other in numbers[max(0, at - 1) : at + 1])


def items(answer: object) -> list[str]:
    """A program's answer, JSON as it left the sandbox, as the items to judge.

    Lists, rows and objects are flattened, missing values are left out, true and false become `yes` and `no`, and whole
    numbers lose their `.0`.
    """
    if answer is None:
        return []
    if isinstance(answer, bool):
        return ["yes" if answer else "no"]
    if isinstance(answer, float):
        return [str(int(answer)) if answer.is_integer() else repr(answer)]
    if isinstance(answer, Mapping):
        answer = list(cast(Mapping[str, object], answer).values())
    if isinstance(answer, (list, tuple)):
        return [item for part in cast(Sequence[object], answer) for item in items(part)]
    return [str(answer)]


def distinct(values: Sequence[Value]) -> list[Value]:
    """The first of each that are the same."""
    return list({value.identity: value for value in reversed(values)}.values())[::-1]


def read(text: str, form: str = "") -> Value:
    """An item as a value.

    Args:
        text: As written.
        form: Its canonical form; empty means the text itself.
    """
    source = form or text
    number = _number(source)
    date = _date(source) if number is None else None
    if date is not None and date[1:] == (UNKNOWN, UNKNOWN):
        number, date = date[0], None
    return Value(normalise(text) if text else _written(number, date), number, date)


def normalise(text: str) -> str:
    """The text without what the evaluator overlooks.

    Diacritics go, typographic quotes and dashes become ASCII, trailing citations, marks and parentheses and one pair of
    outer double quotes go, and one final full stop; white space is collapsed and letters are lower case.
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) != "Mn")
    stripped = without_details(plain.translate(QUOTES_AND_DASHES).strip())
    return re.sub(r"\s+", " ", stripped.removesuffix(".")).lower().strip()


def _number(text: str) -> int | float | None:
    if "_" in text:
        return None
    try:
        amount = float(text)
    except ValueError:
        return None
    if not math.isfinite(amount):
        return None
    try:
        return int(text)
    except ValueError:
        return int(amount) if abs(amount - round(amount)) < TOLERANCE else amount


def _date(text: str) -> Date | None:
    fields = text.lower().split("-")
    if len(fields) != 3 or "_" in text:
        return None
    try:
        year = UNKNOWN if fields[0] in ("xx", "xxxx") else int(fields[0])
        month, day = (UNKNOWN if field == "xx" else int(field) for field in fields[1:])
    except ValueError:
        return None
    known = (year, month, day) != (UNKNOWN, UNKNOWN, UNKNOWN)
    valid = (month == UNKNOWN or 1 <= month <= 12) and (day == UNKNOWN or 1 <= day <= 31)
    return (year, month, day) if known and valid else None


def _written(number: float | None, date: Date | None) -> str:
    """The text of an item that has only a canonical form."""
    if number is not None:
        return str(number)
    return "" if date is None else "-".join("xx" if field == UNKNOWN else str(field) for field in date)


def _apart(one: float, other: float) -> float:
    return abs(one - other)
