"""DNO's replay: rows of older iterations among those of the newest, in exact shares.

    shares(3)                                   # [0.30, 0.15, 0.075]: of the iteration before, of the one before, ...
    replay(new, [older, oldest], seed=0)        # all of the new rows, and as many of the older ones

Paper: DNO (arXiv 2404.03715), algorithm 2: at most 30 % of the pairs are from the iteration before, 15 %
from the one before that, and so on. A share is taken of the finished mixture here, and never exceeded: with too few
older rows the mixture gets smaller, not the share of another iteration larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from random import Random
from typing import Generic, TypeVar

from dikast.errors import UsageError

T = TypeVar("T")

FIRST, RATIO = 0.30, 0.5
"""The share of the iteration before, and how it shrinks from one to the one before (DNO's 30 %, 15 %, ...)."""


@dataclass(frozen=True, slots=True)
class Replayed(Generic[T]):
    """A mixture.

    Args:
        rows: (iterations ago, row), shuffled; 0 for the new ones.
        counts: Rows by iterations ago, from 0.
    """

    rows: list[tuple[int, T]]
    counts: list[int]


def shares(older: int, first: float = FIRST, ratio: float = RATIO) -> list[float]:
    """The shares of so many older iterations, the latest first."""
    return [float(exact(first) * exact(ratio) ** ago) for ago in range(older)]


def exact(number: float) -> Fraction:
    """A number as it is written: 0.3 is three tenths, so that 30 % of 10 rows are 3 and not 2."""
    return Fraction(str(number))


def replay_counts(new: int, older: Sequence[int], of: Sequence[float]) -> list[int]:
    """How many rows of each older iteration go into the mixture: the most that exceed no share of it.

    Args:
        new: New rows; all of them are in it.
        older: How many rows each older iteration has, the latest first.
        of: The share of each.

    Raises:
        UsageError: A share is negative, there is not one for each iteration, or they leave nothing for the new rows.
    """
    exacts = [exact(share) for share in of]
    if len(exacts) != len(older) or any(share < 0 for share in exacts) or sum(exacts) >= 1:
        hint = "one a iteration, none negative, together below 1"
        raise UsageError(f"shares of replay: {list(of)} of {len(older)} older iterations", hint=hint)
    total = floor(new / (1 - sum(exacts)))
    while True:  # From above to the largest mixture that holds: each turn makes it smaller, or is the last.
        counts = [min(rows, floor(share * total)) for rows, share in zip(older, exacts, strict=True)]
        if new + sum(counts) == total:
            return counts
        total = new + sum(counts)


def replay(
    new: Sequence[T],
    older: Sequence[Sequence[T]],
    *,
    seed: int,
    first: float = FIRST,
    ratio: float = RATIO,
) -> Replayed[T]:
    """All new rows and some of the older ones, each at most once, shuffled; the same seed gives the same.

    Args:
        new: Rows of this iteration.
        older: Rows of the iterations before, the latest first; rows that they replayed themselves are not theirs.
        seed: Of the choice and of the order.
        first: The share of the iteration before.
        ratio: How it shrinks.

    Raises:
        UsageError: As `replay_counts`.
    """
    random = Random(seed)
    counts = replay_counts(len(new), [len(rows) for rows in older], shares(len(older), first, ratio))
    rows = [(0, row) for row in new]
    for ago, (mine, count) in enumerate(zip(older, counts, strict=True), start=1):
        rows += [(ago, mine[at]) for at in sorted(random.sample(range(len(mine)), count))]
    random.shuffle(rows)
    return Replayed(rows, [len(new), *counts])
