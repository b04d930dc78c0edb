"""Whether an answer is the one that a user wrote down for a question of their own.

    is_right("$1,234", ["1234"])          True
    is_right(0.6667, ["0.6666666666666666"])    True
    is_right([], [])                      True

The data sets have official rules; a user has a value, written as people write. Right is what WikiTableQuestions' rule
takes for right, and besides

* truth: true, "true", "Yes" are one, so are false and "no";
* numbers with separators, a currency, a magnitude or a per cent sign: "1,234" is 1234, "45%" is 45 and 0.45; two
  currencies are never the same;
* a rounded number is met by what rounds to it, if it is written with three digits, or with two behind the point: 0.6667
  by 2/3, but not by 0.667;
* dates and times in another spelling: "January 5, 2024", "2024-01-05 10:30:00"; durations: "1:00:00";
* rows: `[["ann", 3], ["bob", 7]]` and `{"ann": 3, "bob": 7}` are met by rows of the same values, in any order of rows;
* nothing: `[]`, and null in a JSON lines file, are met by an empty answer.

A number that can be read in two ways is read as the table's owner told (`Spelling`). Not covered: other words.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from dikast.sandbox.inside.written import PLAIN, Spelling, is_date_text, read_amount, read_date
from dikast.tables.answers import TOLERANCE, denotation_correct, distinct, items, normalise, read
from dikast.tables.labelled import Answer, Labelled, labelled

RELATIVE_TOLERANCE = 1e-9
"""As for WikiSQL's results: sums in another order differ less."""
ROUNDED_DIGITS, ROUNDED_PLACES = 3, 2
"""From three digits on, or two of them behind the point, a gold number may be a rounded one."""

TRUTH = {"true": True, "yes": True, "false": False, "no": False}
SPAN = re.compile(r"(?:(-?\d{1,9}) days?,? ?)?(\d{1,6}):(\d\d)(?::(\d\d(?:\.\d{1,9})?))?")
Rows = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Item:
    """One item of an answer, in every way that it can be read.

    Args:
        text: As written.
        truth: Whether it says yes or no.
        number: Its number; of a share in per cent the per cent.
        currency: The number's currency, if it has one.
        percent: Whether it is a share in per cent.
        moment: Its date and time.
        seconds: Its duration.
    """

    text: str
    truth: bool | None
    number: float | None
    currency: str
    percent: bool
    moment: datetime.datetime | None
    seconds: float | None

    @classmethod
    def of(cls, text: str, spelling: Spelling) -> Item:
        """Read an item."""
        amount = read_amount(text, spelling)
        value, currency, percent = amount or (None, "", False)
        moment = read_date(text, spelling) if is_date_text(text) else None
        return cls(text, TRUTH.get(normalise(text)), value, currency, percent, moment, _seconds(text))


def is_right(gold: object, answer: Sequence[str], spelling: Spelling = PLAIN) -> bool:
    """Whether an answer is the gold one.

    Args:
        gold: JSON, as the user wrote it.
        answer: The answer's items, with their table if they are an `Answer`.
        spelling: How the table's owner writes numbers and dates.
    """
    table = answer.table if isinstance(answer, Answer) else None
    wanted = labelled(gold)
    if wanted is not None and table is not None and _widths(wanted) == _widths(table):
        return _same_rows(wanted["rows"], table["rows"], spelling)
    golds = [items(gold), *([_flat(wanted)] if isinstance(gold, Mapping) and wanted else [])]
    answers = [list(answer), *([_flat(table)] if table else [])]
    return any(same_items(one, other, spelling) for one in golds for other in answers)


def same_items(gold: Sequence[str], answer: Sequence[str], spelling: Spelling = PLAIN) -> bool:
    """Whether two lists have the same items, order and repeats aside."""
    if denotation_correct(gold, answer):
        return True
    if len(distinct(list(map(read, gold)))) != len(distinct(list(map(read, answer)))):
        return False
    wanted, given = _read_all(gold, spelling), _read_all(answer, spelling)
    met = all(any(same_item(one, other) for other in given) for one in wanted)
    return met and all(any(same_item(one, other) for one in wanted) for other in given)


def _read_all(texts: Sequence[str], spelling: Spelling) -> list[Item]:
    return [Item.of(text, spelling) for text in texts]


def same_item(gold: Item, answer: Item) -> bool:
    """Whether an item is the gold one, in any reading that both have."""
    if read(gold.text).matches(read(answer.text)):
        return True
    if gold.truth is not None or answer.truth is not None:
        return gold.truth == answer.truth
    if gold.moment is not None and answer.moment is not None:
        return _same_moment(gold.moment, answer.moment)
    if gold.seconds is not None and answer.seconds is not None:
        return math.isclose(gold.seconds, answer.seconds, abs_tol=TOLERANCE)
    return _same_number(gold, answer)


def _same_number(gold: Item, answer: Item) -> bool:
    if gold.number is None or answer.number is None:
        return False
    if gold.currency and answer.currency and gold.currency != answer.currency:
        return False
    told = answer.number
    readings = [told] if gold.percent == answer.percent else [told, told * 100 if gold.percent else told / 100]
    return any(_rounds_to(gold, reading) for reading in readings)


def _rounds_to(gold: Item, number: float) -> bool:
    wanted = cast(float, gold.number)
    if math.isclose(wanted, number, rel_tol=RELATIVE_TOLERANCE, abs_tol=TOLERANCE):
        return True
    places = _places(wanted)
    digits = len(f"{wanted:.{places}f}".replace(".", "").lstrip("-0"))
    rounded = places and (digits >= ROUNDED_DIGITS or (places >= ROUNDED_PLACES and digits >= ROUNDED_PLACES))
    return bool(rounded) and abs(wanted - number) <= 0.5 * 10**-places * (1 + RELATIVE_TOLERANCE)


def _places(number: float) -> int:
    """Digits behind the point of the shortest decimal that is this number."""
    text = repr(number)
    return 0 if "e" in text or text.endswith(".0") else len(text.partition(".")[2])


def _same_moment(one: datetime.datetime, other: datetime.datetime) -> bool:
    """As clocks show it, unless both say where their clock stands."""
    if (one.tzinfo is None) == (other.tzinfo is None):
        return one == other
    return one.replace(tzinfo=None) == other.replace(tzinfo=None)


def _seconds(text: str) -> float | None:
    found = SPAN.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _widths(table: Labelled) -> set[int]:
    return set(map(len, table["rows"]))


def _flat(table: Labelled | None) -> list[str]:
    return [cell for row in (table["rows"] if table else []) for cell in row if cell]


def _same_rows(gold: Rows, answer: Rows, spelling: Spelling) -> bool:
    """Whether each gold row is met by an answer's own row, cell by cell."""
    if len(gold) != len(answer):
        return False
    left = [_read_all(row, spelling) for row in answer]
    for row in gold:
        wanted = _read_all(row, spelling)
        place = next((at for at, given in enumerate(left) if all(map(same_item, wanted, given))), None)
        if place is None:
            return False
        del left[place]
    return True
