"""A covering array from start to end: the best of the constructions, made smaller, then weighed, ordered and drawn on.

    rows = covering_array(space, 2, Random(0))

Not covered: looking sizes up in tables of best known arrays.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from math import fsum, prod
from random import Random

import numpy as np

from dikast.evaluation.arrays.constructions import bases
from dikast.evaluation.arrays.greedy import completed
from dikast.evaluation.arrays.smaller import smaller
from dikast.evaluation.arrays.space import OPEN, Row, Space
from dikast.evaluation.arrays.uncovered import Ledger

LISTED_CELLS = 50_000
"""So many cells are listed one by one in a tenth of a second."""


def covering_array(space: Space, strength: int, random: Random) -> list[Row]:
    """Rows of allowed levels that cover every possible combination; those that cover most come first.

    Raises:
        UsageError: The space is too large for the strength.
    """
    ledger, rows = _best(space, strength, random)
    rows = smaller(space, ledger, rows, random)
    rows = _relabelled(space, rows, random)
    return ordered(space, strength, _weighed(space, strength, rows))


def _best(space: Space, strength: int, random: Random) -> tuple[Ledger, list[Row]]:
    """The fewest rows of all constructions; of equal ones the first."""
    ledger = Ledger(space, strength)
    rows = completed(space, ledger, [], random)
    assert rows is not None  # no limit was set
    for _, base in bases(space, strength):
        if len(rows) == ledger.bound:
            break
        other = Ledger(space, strength)
        fewer = completed(space, other, base, random, below=len(rows))
        if fewer is not None:
            ledger, rows = other, fewer
    return ledger, rows


def _relabelled(space: Space, rows: Sequence[Row], random: Random) -> list[Row]:
    """The levels of each factor without rules renamed at random, so that the heavier ones occur more often.

    Such a factor's levels are alike to a covering array: it stays one.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    for factor, size in enumerate(space.sizes):
        if not space.constrained(factor):
            often = Counter(columns[factor])
            by_count = sorted(range(size), key=lambda level: -often[level])
            by_weight = sorted(range(size), key=lambda level: (-space.weights[factor][level], random.random()))
            name = dict(zip(by_count, by_weight, strict=True))
            columns[factor] = [name[level] for level in columns[factor]]
    return list(zip(*columns, strict=True))


def _weighed(space: Space, strength: int, rows: Sequence[Row]) -> list[Row]:
    """Places where any level would do are given the level that is furthest behind its weight."""
    ledger, made = Ledger(space, strength), [list(row) for row in rows]
    for row in rows:
        ledger.add(row)
    often = [Counter(column) for column in zip(*rows, strict=True)]
    for row in made:
        for factor, size in enumerate(space.sizes):
            if ledger.singles(tuple(row))[factor]:
                continue
            ledger.remove(tuple(row))
            often[factor][row[factor]] -= 1
            row[factor] = OPEN
            fitting = [level for level in range(size) if space.fits(row, factor, level)]
            row[factor] = max(fitting, key=lambda level: space.weights[factor][level] / (often[factor][level] + 1))
            often[factor][row[factor]] += 1
            ledger.add(tuple(row))
    return [tuple(row) for row in made]


def ordered(space: Space, strength: int, rows: Sequence[Row]) -> list[Row]:
    """The rows, each the one that covers most of what those before it leave open; of equal ones the heavier.

    What a row adds only shrinks, so that a row whose figure is up to date and still the highest is the next
    (Minoux 1978).
    """
    ledger = Ledger(space, strength)
    heap = [(-_gain(ledger, row), -_weight(space, row), i) for i, row in enumerate(rows)]
    heapq.heapify(heap)
    done: list[Row] = []
    while heap:
        _, weight, i = heapq.heappop(heap)
        now = (-_gain(ledger, rows[i]), weight, i)
        if heap and now > heap[0]:
            heapq.heappush(heap, now)
        else:
            ledger.add(rows[i])
            done.append(rows[i])
    return done


def _gain(ledger: Ledger, row: Row) -> int:
    return int(np.count_nonzero(ledger.counts[np.ix_(*[ledger.places(row)] * ledger.strength)] == 0))


def _weight(space: Space, row: Row) -> float:
    return prod(weights[level] for weights, level in zip(space.weights, row, strict=True))


def by_weight(space: Space, rows: Sequence[Row], random: Random) -> list[Row]:
    """All rows in a random order in which the heavier tend to come first.

    Priority sampling (Duffield, Lund and Thorup 2007): by weight / u with u uniform; unlike u ** (1 / weight) it needs
    nothing but a division, which is the same on every machine.
    """
    keys = [_weight(space, row) / (1 - random.random()) for row in rows]
    return [rows[i] for i in sorted(range(len(rows)), key=lambda i: (-keys[i], i))]


def extra(space: Space, taken: Sequence[Row], random: Random) -> Iterator[Row]:
    """Cells without end, so that each is tested as often as its weight says, those of `taken` counted.

    Of few cells, the one that is furthest behind its weight is next (Webster's divisors), random among equal ones; of
    too many to list, each level is drawn by its weight.
    """
    if prod(space.sizes) > LISTED_CELLS:
        while True:
            yield _drawn(space, random)
    times = Counter(taken)
    cells = [row for row, possible in space.tuples(range(len(space.sizes))) if possible]
    heap = [((times[row] + 0.5) / _weight(space, row), random.random(), i) for i, row in enumerate(cells)]
    heapq.heapify(heap)
    while True:
        behind, tie, i = heap[0]
        yield cells[i]
        heapq.heapreplace(heap, (behind + 1 / _weight(space, cells[i]), tie, i))


def _drawn(space: Space, random: Random) -> Row:
    row = [OPEN] * len(space.sizes)
    for factor, weights in enumerate(space.weights):
        fitting = [level for level in range(len(weights)) if space.fits(row, factor, level)]
        left = random.random() * fsum(weights[level] for level in fitting)
        for level in fitting:
            row[factor] = level
            left -= weights[level]
            if left < 0:
                break
    return tuple(row)
