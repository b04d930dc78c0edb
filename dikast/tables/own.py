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

A number that can be read in two ways is read as the table's owner told (`Spelling`). A tolerance that was told takes
the place of the rules for numbers, and order counts where it was told (`dikast.tables.judging`). Not covered: other
words.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import cast

from dikast.sandbox.inside.written import PLAIN, Spelling
from dikast.tables.answers import TOLERANCE, Value, denotation_correct, distinct, items, read
from dikast.tables.item import Item
from dikast.tables.judging import DEFAULT, Judging
from dikast.tables.labelled import Answer, Labelled, labelled
from dikast.tables.matching import Candidates

RELATIVE_TOLERANCE = 1e-9
"""As for WikiSQL's results: sums in another order differ less."""
ROUNDED_DIGITS, ROUNDED_PLACES = 3, 2
"""From three digits on, or two of them behind the point, a gold number may be a rounded one."""

MOST_SCANNED = 5_000_000
"""Rows that are looked at as another's match, of those that are not equal as they stand; half a minute."""
Rows = Sequence[Sequence[str]]


def is_right(
    gold: object,
    answer: Sequence[str],
    spelling: Spelling = PLAIN,
    judging: Judging = DEFAULT,
    *,
    ordered: bool = False,
) -> bool:
    """Whether an answer is the gold one.

    Args:
        gold: JSON, as the user wrote it.
        answer: The answer's items, with their table if they are an `Answer`.
        spelling: How the table's owner writes numbers and dates.
        judging: The tolerance.
        ordered: Whether items and rows have to stand in the gold answer's order.
    """
    table = answer.table if isinstance(answer, Answer) else None
    wanted = labelled(gold)
    if wanted is not None and table is not None and _widths(wanted) == _widths(table):
        return same_rows(wanted["rows"], table["rows"], spelling, judging, ordered=ordered)
    golds = [items(gold), *([_flat(wanted)] if isinstance(gold, Mapping) and wanted else [])]
    answers = [list(answer), *([_flat(table)] if table else [])]
    return any(same_items(one, other, spelling, judging, ordered=ordered) for one in golds for other in answers)


def same_items(
    gold: Sequence[str],
    answer: Sequence[str],
    spelling: Spelling = PLAIN,
    judging: Judging = DEFAULT,
    *,
    ordered: bool = False,
) -> bool:
    """Whether two lists have the same items, order and repeats aside, unless they count."""
    if ordered:
        pairs = zip(_read_all(gold, spelling), _read_all(answer, spelling), strict=True)
        return len(gold) == len(answer) and all(same_item(one, other, judging) for one, other in pairs)
    if not judging.has_tolerance and denotation_correct(gold, answer):
        return True
    if len(distinct(list(map(read, gold)))) != len(distinct(list(map(read, answer)))):
        return False
    given = _read_all(list(dict.fromkeys(answer)), spelling)
    near = Candidates(given, judging, _places)
    met: set[int] = set()
    for want in _read_all(list(dict.fromkeys(gold)), spelling):
        meets = {at for at in near.of(want) if same_item(want, given[at], judging)}
        if not meets:
            return False
        met |= meets
    return len(met) == len(given)


def _read_all(texts: Sequence[str], spelling: Spelling) -> list[Item]:
    return [Item.of(text, spelling) for text in texts]


def same_item(gold: Item, answer: Item, judging: Judging = DEFAULT) -> bool:
    """Whether an item is the gold one, in any reading that both have."""
    if _same_value(gold.value, answer.value, judging):
        return True
    if gold.truth is not None or answer.truth is not None:
        return gold.truth == answer.truth
    if gold.moment is not None and answer.moment is not None:
        return _same_moment(gold.moment, answer.moment)
    if gold.seconds is not None and answer.seconds is not None:
        return math.isclose(gold.seconds, answer.seconds, abs_tol=TOLERANCE)
    return _same_number(gold, answer, judging)


def _same_value(gold: Value, answer: Value, judging: Judging) -> bool:
    if not judging.has_tolerance:
        return gold.matches(answer)
    if gold.number is not None and answer.number is not None:
        return judging.close(gold.number, answer.number)
    return gold.text == answer.text or (gold.date is not None and gold.date == answer.date)


def _same_number(gold: Item, answer: Item, judging: Judging) -> bool:
    if gold.number is None or answer.number is None:
        return False
    if gold.currency and answer.currency and gold.currency != answer.currency:
        return False
    told = answer.number
    readings = [told] if gold.percent == answer.percent else [told, told * 100 if gold.percent else told / 100]
    if judging.has_tolerance:
        return any(judging.close(gold.number, reading) for reading in readings)
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


def _widths(table: Labelled) -> set[int]:
    return set(map(len, table["rows"]))


def _flat(table: Labelled | None) -> list[str]:
    return [cell for row in (table["rows"] if table else []) for cell in row if cell]


def same_rows(
    gold: Rows, answer: Rows, spelling: Spelling = PLAIN, judging: Judging = DEFAULT, *, ordered: bool = False
) -> bool:
    """Whether each gold row is met by an answer's own row, cell by cell.

    Rows that are equal as they stand are taken for each other first; the others are looked up by their cells, and where
    these leave more than `MOST_SCANNED` to look at, the answer is not the gold one.
    """
    if len(gold) != len(answer):
        return False
    wanted, given = ([_read_all(row, spelling) for row in rows] for rows in (gold, answer))
    if ordered:
        return all(_same_row(one, other, judging) for one, other in zip(wanted, given, strict=True))
    left = dict[tuple[object, ...], list[list[Item]]]()
    for row in given:
        left.setdefault(_identity(row), []).append(row)
    others: list[list[Item]] = []
    for row in wanted:
        if same := left.get(_identity(row)):
            same.pop()
        else:
            others.append(row)
    return _all_met(others, [row for rows in left.values() for row in rows], judging)


def _all_met(wanted: list[list[Item]], left: list[list[Item]], judging: Judging) -> bool:
    width = max(map(len, left), default=0)
    if any(len(row) != width for row in [*wanted, *left]):
        return False
    columns = [Candidates([row[at] for row in left], judging, _places) for at in range(width)]
    scanned, taken = 0, set[int]()
    for row in wanted:
        near = [column.of(cell) for column, cell in zip(columns, row, strict=True)]
        scanned += sum(map(len, near))
        few = sorted(min(near, key=len) - taken) if near else []
        place = next((at for at in few if _same_row(row, left[at], judging)), None)
        if place is None or scanned > MOST_SCANNED:
            return False
        taken.add(place)
    return True


def _same_row(gold: list[Item], answer: list[Item], judging: Judging) -> bool:
    return len(gold) == len(answer) and all(same_item(*pair, judging) for pair in zip(gold, answer, strict=True))


def _identity(row: list[Item]) -> tuple[object, ...]:
    return tuple(item.value.identity for item in row)
