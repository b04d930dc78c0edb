"""Which of many items may meet a gold one: found by what they share, so that long answers are judged in good time.

    near = Candidates(answer_items, judging)
    near.of(gold_item)        # positions; all that `same_item` takes for the same are among them

Comparing each of a hundred thousand items with each of as many takes hours; whoever writes the answer is not trusted.
"""

from __future__ import annotations

import bisect
import datetime
import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from dikast.tables.answers import TOLERANCE
from dikast.tables.item import Item
from dikast.tables.judging import Judging

RELATIVE = 1e-9
SLACK = 1 + 1e-6
"""Windows are a little wider than the rule, which has the last word."""


class Candidates:
    """Items that can be looked up.

    Args:
        items: They.
        judging: The tolerance.
        places: Digits behind the point of a number, which may be a rounded one.
    """

    def __init__(self, items: Sequence[Item], judging: Judging, places: Callable[[float], int]) -> None:
        self._judging, self._places = judging, places
        self._alike: dict[object, list[int]] = defaultdict(list)
        numbers: list[tuple[float, int]] = []
        for at, item in enumerate(items):
            for key in _keys(item):
                self._alike[key].append(at)
            numbers += [(number, at) for number in set(_readings(item))]
        numbers.sort()
        self._numbers = [number for number, _ in numbers]
        self._at = [at for _, at in numbers]

    def of(self, gold: Item) -> set[int]:
        """Positions of the items that may meet this one."""
        found = {at for key in _keys(gold) for at in self._alike.get(key, ())}
        for number in _readings(gold):
            radius = self._radius(number)
            first = bisect.bisect_left(self._numbers, number - radius)
            last = bisect.bisect_right(self._numbers, number + radius)
            found.update(self._at[first:last])
        return found

    def _radius(self, number: float) -> float:
        if self._judging.has_tolerance:
            share = self._judging.rel_tol or 0.0
            return (abs(number) * share / (1 - share) + (self._judging.abs_tol or 0.0)) * SLACK + math.ulp(number)
        rounded = 0.5 * 10.0 ** -self._places(number) if self._places(number) else 0.0
        return max(TOLERANCE, RELATIVE * abs(number), rounded) * SLACK


def _keys(item: Item) -> list[object]:
    keys: list[object] = [("text", item.value.text)]
    if item.value.date is not None:
        keys.append(("date", item.value.date))
    if item.truth is not None:
        keys.append(("truth", item.truth))
    if item.moment is not None:
        keys.append(("clock", item.moment.replace(tzinfo=None)))
        if item.moment.tzinfo is not None:
            keys.append(("moment", item.moment.astimezone(datetime.UTC)))
    return keys


def _readings(item: Item) -> list[float]:
    """Its numbers in every unit that two items may be compared in: seconds and shares among them."""
    known = [number for number in (item.value.number, item.seconds) if number is not None]
    amount = [] if item.number is None else [item.number, item.number * 100, item.number / 100]
    return [float(number) for number in [*known, *amount]]
