"""A covering array with fewer rows: take one away, mend what that opens by changing single levels, and so on.

    rows = smaller(space, ledger, rows, random)

The search is Nurmela's (2004): pick an open combination at random; among the rows that lack one level of it, make the
change that leaves fewest open, unless that place was changed just now (tabu). The moves are counted, not timed, so
that the result is the same on a slow machine.

Not covered: simulated annealing, and exact search.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from random import Random

import numpy as np

from dikast.evaluation.arrays.space import OPEN, Row, Space
from dikast.evaluation.arrays.uncovered import Ints, Ledger

MOVES = 12_000
"""In all, for strength 2: 2 seconds for 20 factors of 10 levels; half as many for each further degree of strength."""

MOVES_A_PLACE = 40
"""For small arrays: after so many changes of every place of the array, more found nothing in trials."""

TABU_MOVES = 10
"""How long a place may not be changed back. Nurmela uses 1 to 10."""

Combination = tuple[int, ...]
"""t places, ascending."""


@dataclass(frozen=True, slots=True)
class Move:
    """Giving one row another level of one factor."""

    row: int
    factor: int
    place: int
    left_open: int
    """By how many more combinations are open afterwards; below 0 is better."""


def smaller(space: Space, ledger: Ledger, rows: Sequence[Row], random: Random, moves: int | None = None) -> list[Row]:
    """As few of the rows, changed, as the moves suffice for; all is still covered.

    Args:
        space: The space.
        ledger: It counts the rows; afterwards those returned.
        rows: They cover everything.
        random: Where chance comes from.
        moves: How many changes to try in all; `None` for `MOVES`, fewer for a higher strength.
    """
    most = MOVES >> max(0, ledger.strength - 2)
    budget = min(most, MOVES_A_PLACE * len(rows) * len(space.sizes)) if moves is None else moves
    best = list(rows)
    while len(best) > ledger.bound and budget > 0:
        search = _Search(space, ledger, best, random)
        budget = search.mend(budget)
        if ledger.open:
            search.undo(best)
            break
        best = search.rows()
    return best


class _Search:
    """An array with one row too few."""

    def __init__(self, space: Space, ledger: Ledger, rows: Sequence[Row], random: Random) -> None:
        self.space, self.ledger, self.random = space, ledger, random
        least = min(range(len(rows)), key=lambda i: int(ledger.singles(rows[i]).sum()))
        self.open = _Bag()
        dropped = ledger.places(rows[least])
        for combination in combinations(map(int, dropped), ledger.strength):
            if ledger.counts[combination] == 1:
                self.open.add(combination)
        ledger.remove(rows[least])
        kept = [row for i, row in enumerate(rows) if i != least]
        self.places = np.array([ledger.places(row) for row in kept], np.int64).reshape(len(kept), len(space.sizes))
        self.tabu = np.zeros(self.places.shape, np.int64)
        self.clock = 0

    def rows(self) -> list[Row]:
        return [tuple(map(int, row - self.ledger.start[:-1])) for row in self.places]

    def undo(self, rows: Sequence[Row]) -> None:
        for row in self.rows():
            self.ledger.remove(row)
        for row in rows:
            self.ledger.add(row)

    def mend(self, budget: int) -> int:
        """Change until nothing is open, or the budget is spent; what is left of it."""
        least = len(self.open.items)
        while self.open.items and len(self.places) and budget > 0:
            budget -= 1
            self.clock += 1
            combination = self.open.items[int(self.random.random() * len(self.open.items))]
            move = self._best(combination, len(self.open.items) - least)
            if move is None:
                self._rewrite(combination)
            else:
                self._change(move.row, move.factor, move.place)
            least = min(least, len(self.open.items))
        return budget

    def _best(self, combination: Combination, above: int) -> Move | None:
        """The best change of one level that covers the combination; tabu ones only where they beat the best so far."""
        moves = [move for missing in range(len(combination)) for move in self._moves(combination, missing)]
        moves.sort(key=lambda move: move.left_open)
        ties: list[Move] = []
        for move in moves:
            if ties and move.left_open > ties[0].left_open:
                break
            free = self.tabu[move.row, move.factor] < self.clock or move.left_open + above < 0
            if free and self._allowed(move):
                ties.append(move)
        return ties[int(self.random.random() * len(ties))] if ties else None

    def _moves(self, combination: Combination, missing: int) -> list[Move]:
        """Every change that brings in the missing one of the places, to rows that have all others."""
        factors = [self._factor(place) for place in combination]
        present = np.ones(len(self.places), bool)
        for i, (factor, place) in enumerate(zip(factors, combination, strict=True)):
            if i != missing:
                present &= self.places[:, factor] == place
        rows = np.flatnonzero(present)
        if not len(rows):
            return []
        factor, place = factors[missing], combination[missing]
        others = self.places[rows]  # its own place among them: two levels of one factor are never open, or covered once
        lost = self._count(self.places[rows, factor], others, 1)
        won = self._count(np.full(len(rows), place), others, 0)
        return [Move(r, factor, place, left) for r, left in zip(rows.tolist(), (lost - won).tolist(), strict=True)]

    def _count(self, place: Ints, others: Ints, times: int) -> Ints:
        """For each row, of how many combinations of the place with its others there are so many."""
        rows, width = others.shape
        depth = self.ledger.strength - 1
        index = [others.reshape(rows, *[width if axis == i else 1 for i in range(depth)]) for axis in range(depth)]
        seen = self.ledger.counts[(place.reshape(rows, *[1] * depth), *index)] == times
        return seen.reshape(rows, -1).sum(axis=1) // factorial(depth)

    def _factor(self, place: int) -> int:
        return int(np.searchsorted(self.ledger.start, place, "right")) - 1

    def _allowed(self, move: Move) -> bool:
        if not self.space.constrained(move.factor):
            return True
        row = (self.places[move.row] - self.ledger.start[:-1]).tolist()
        row[move.factor] = move.place - int(self.ledger.start[move.factor])
        return self.space.allowed(row)

    def _change(self, row: int, factor: int, place: int) -> None:
        old = int(self.places[row, factor])
        if old == place:
            return
        others = self.places[row].copy()
        self.open.update(self._with(old, others, 1))
        self._add(old, others, -1)
        self.open.discard(self._with(place, others, 0))
        self._add(place, others, 1)
        self.places[row, factor] = place
        self.tabu[row, factor] = self.clock + TABU_MOVES
        self.ledger.open = len(self.open.items)

    def _with(self, place: int, others: Ints, times: int) -> list[Combination]:
        """The combinations of the place with others that are covered so many times."""
        depth = self.ledger.strength - 1
        found = np.argwhere(self.ledger.counts[place][np.ix_(*[others] * depth)] == times)
        return list(dict.fromkeys(tuple(sorted([place, *map(int, others[at])])) for at in found))

    def _add(self, place: int, others: Ints, by: int) -> None:
        for axis in range(self.ledger.strength):
            index: list[Ints] = [others] * self.ledger.strength
            index[axis] = np.array([place])
            self.ledger.counts[np.ix_(*index)] += by

    def _rewrite(self, combination: Combination) -> None:
        """Force the combination into a row that has most of it already; keep of the row what is possible."""
        factors = [self._factor(place) for place in combination]
        shared = (self.places[:, factors] == np.array(combination)).sum(axis=1)
        most = np.flatnonzero(shared == shared.max())
        row = int(most[int(self.random.random() * len(most))])
        made = [OPEN] * len(self.space.sizes)
        for factor, place in zip(factors, combination, strict=True):
            made[factor] = place - int(self.ledger.start[factor])
        old = (self.places[row] - self.ledger.start[:-1]).tolist()
        full = self.space.completed(
            made, [[level, *range(size)] for level, size in zip(old, self.space.sizes, strict=True)]
        )
        for factor, level in enumerate(full):
            self._change(row, factor, int(self.ledger.start[factor]) + level)


class _Bag:
    """A set that a random member can be taken from."""

    def __init__(self) -> None:
        self.items: list[Combination] = []
        self._at: dict[Combination, int] = {}

    def add(self, item: Combination) -> None:
        if item not in self._at:
            self._at[item] = len(self.items)
            self.items.append(item)

    def update(self, items: Sequence[Combination]) -> None:
        for item in items:
            self.add(item)

    def discard(self, items: Sequence[Combination]) -> None:
        for item in items:
            at, last = self._at.pop(item), self.items.pop()
            if at < len(self.items):
                self.items[at] = last
                self._at[last] = at
