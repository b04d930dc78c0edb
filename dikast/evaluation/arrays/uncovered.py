"""How often each t-way combination of levels is covered, as one dense array: the ledger that every construction keeps.

    ledger = Ledger(space, strength=2)
    ledger.add((0, 3, 1))
    ledger.open          # combinations still to be covered

Every level of every factor has a place 0 .. S-1; an array of shape (S,) * t holds how many rows have the combination
of the t levels, in every order of them. What need not be covered (impossible, or two levels of one factor) starts at
`NOT_ASKED`.

Not covered: spaces whose array would not fit into memory; they are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from dikast.errors import UsageError
from dikast.evaluation.arrays.space import Row, Space

Ints = NDArray[np.int64]

NOT_ASKED = 1 << 20
"""Above any number of rows, so that adding and taking away rows never makes it look uncovered."""

LEDGER_CELLS = 1 << 27
"""512 MB of counts."""


class Ledger:
    """Counts of covered combinations.

    Args:
        space: The space.
        strength: t.

    Raises:
        UsageError: The counts would not fit into memory.
    """

    def __init__(self, space: Space, strength: int) -> None:
        self.space, self.strength = space, strength
        self.start: Ints = np.concatenate([[0], np.cumsum(space.sizes)]).astype(np.int64)
        places = int(self.start[-1])
        if places**strength > LEDGER_CELLS:
            raise UsageError(f"strength {strength} over {places} values is too large", hint="use a lower strength")
        self.counts = np.full((places,) * strength, NOT_ASKED, np.int32)
        self.repeats = factorial(strength)
        self.bound = 0  # no array has fewer rows than any choice of t factors has combinations
        for factors in space.subsets(strength):
            self._ask(factors)
        self.open = int(np.count_nonzero(self.counts == 0)) // self.repeats

    def _ask(self, factors: Sequence[int]) -> None:
        ranges: list[Ints] = [np.arange(self.start[f], self.start[f + 1]) for f in factors]
        free = not any(self.space.constrained(factor) for factor in factors)
        block = np.zeros([len(r) for r in ranges], np.int32)
        if not free:
            for levels, possible in self.space.tuples(factors):
                block[levels] = 0 if possible else NOT_ASKED
        self.bound = max(self.bound, int(np.count_nonzero(block == 0)))
        for order in permutations(range(len(factors))):
            self.counts[np.ix_(*(ranges[i] for i in order))] = block.transpose(order)

    def places(self, row: Sequence[int]) -> Ints:
        """The places of a full row's levels."""
        return self.start[:-1] + np.asarray(row, np.int64)

    def add(self, row: Row) -> None:
        """Count a full row in."""
        self._count(row, 1)

    def remove(self, row: Row) -> None:
        """Count a full row out."""
        self._count(row, -1)

    def _count(self, row: Row, by: int) -> None:
        block = np.ix_(*[self.places(row)] * self.strength)
        seen = self.counts[block]
        edge = 0 if by > 0 else 1
        self.open -= by * (int(np.count_nonzero(seen == edge)) // self.repeats)
        self.counts[block] = seen + by

    def gains(self, factor: int, others: Ints) -> Ints:
        """For each level of a factor, how many open combinations it would close, or bring nearer, beside others.

        Args:
            factor: The factor.
            others: Places of levels of other factors; of fewer than t-1, combinations that hold all of them count.
                The factor's own may be among them: two levels of one factor are never open.
        """
        part = self.counts[self.start[factor] : self.start[factor + 1]] == 0
        fewer = len(others) < self.strength - 1
        for axis in range(1, self.strength):
            if fewer and axis > len(others):
                break
            part = part.take(others[axis - 1 : axis] if fewer else others, axis=axis)
        return part.reshape(len(part), -1).sum(axis=1)

    def degrees(self) -> Ints:
        """For each place, in how many open combinations its level is."""
        zero = self.counts == 0
        return zero.reshape(len(zero), -1).sum(axis=1) // (self.repeats // self.strength)

    def singles(self, row: Row) -> Ints:
        """For each factor, how many combinations this row alone covers by its level there; the row is counted in."""
        seen = self.counts[np.ix_(*[self.places(row)] * self.strength)] == 1
        return seen.reshape(len(row), -1).sum(axis=1)
