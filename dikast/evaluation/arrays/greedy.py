"""Rows one at a time, each the best of several candidates: what fills up any construction (AETG).

    rows = completed(space, Ledger(space, 2), [], Random(0))

Cohen, Dalal, Fredman and Patton 1997 (AETG): a candidate starts from a combination that is still open, takes the other
factors in random order, and gives each the level that closes most. Here every candidate is then improved level by
level until nothing closes more; and rows given with open places (out of an orthogonal array) are filled the same way.

Not covered: making the result smaller (`dikast.evaluation.arrays.smaller`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np

from dikast.evaluation.arrays.space import OPEN, Row, Space
from dikast.evaluation.arrays.uncovered import Ints, Ledger

CANDIDATES = 10
"""Per row. AETG takes 50 without improving them; 10 improved ones give no larger arrays, in less time."""

SWEEPS = 3
"""Of improvement; a third one rarely changes a row."""


def completed(
    space: Space, ledger: Ledger, base: Sequence[Sequence[int]], random: Random, *, below: float = math.inf
) -> list[Row] | None:
    """The base's rows, their open places filled, and as many more as it takes to leave nothing open.

    Args:
        space: The space.
        ledger: Empty; afterwards it counts the rows returned.
        base: Rows, possible ones, with open places or without.
        random: Where chance comes from.
        below: Give up, with `None`, where fewer rows than these do not suffice.
    """
    rows: list[Row] = []
    for partial in base:
        if not ledger.open:
            return rows
        if len(rows) + 1 >= below:
            return None
        row = _filled(space, ledger, partial, random)
        if _gain(ledger, row):
            ledger.add(row)
            rows.append(row)
    while ledger.open:
        if len(rows) + 1 >= below:
            return None
        rows.append(max((_candidate(space, ledger, random) for _ in range(CANDIDATES)), key=lambda r: _gain(ledger, r)))
        ledger.add(rows[-1])
    return rows


def _gain(ledger: Ledger, row: Row) -> int:
    block = ledger.counts[np.ix_(*[ledger.places(row)] * ledger.strength)]
    return int(np.count_nonzero(block == 0))


def _candidate(space: Space, ledger: Ledger, random: Random) -> Row:
    return _filled(space, ledger, _open_combination(ledger, random), random)


def _open_combination(ledger: Ledger, random: Random) -> list[int]:
    """A row that has only a random one of the open combinations of the level that is in most of them."""
    degrees = ledger.degrees()
    most = np.flatnonzero(degrees == degrees.max())
    place = int(most[int(random.random() * len(most))])
    zeros = np.argwhere(ledger.counts[place] == 0)
    places = [place, *map(int, zeros[int(random.random() * len(zeros))])]
    row = [OPEN] * len(ledger.space.sizes)
    for at in places:
        factor = int(np.searchsorted(ledger.start, at, "right")) - 1
        row[factor] = at - int(ledger.start[factor])
    return row


def _filled(space: Space, ledger: Ledger, partial: Sequence[int], random: Random) -> Row:
    row = list(partial)
    order = sorted((f for f, level in enumerate(row) if level == OPEN), key=lambda _: random.random())
    chosen: list[int] = [int(ledger.start[f]) + level for f, level in enumerate(row) if level != OPEN]
    for factor in order:
        gains = ledger.gains(factor, np.asarray(chosen, np.int64))
        row[factor] = _best(space, row, factor, gains, random)
        chosen.append(int(ledger.start[factor]) + row[factor])
    for _ in range(SWEEPS if order else 0):
        if not _improved(space, ledger, row, order, random):
            break
    return tuple(row)


def _improved(space: Space, ledger: Ledger, row: list[int], order: Sequence[int], random: Random) -> bool:
    better, places = False, ledger.places(row)
    for factor in order:
        gains = ledger.gains(factor, places)
        now = row[factor]
        if gains.max() > gains[now]:
            row[factor] = OPEN
            row[factor] = _best(space, row, factor, gains, random)
            places[factor] += row[factor] - now
            better |= bool(gains[row[factor]] > gains[now])
    return better


def _best(space: Space, row: list[int], factor: int, gains: Ints, random: Random) -> int:
    """The level that closes most and is possible; of equal ones the heavier, then any."""
    weights = space.weights[factor]
    ranked = sorted(range(len(gains)), key=lambda level: (-int(gains[level]), -weights[level], random.random()))
    if not space.constrained(factor):
        return ranked[0]
    return next(level for level in ranked if space.fits(row, factor, level))
