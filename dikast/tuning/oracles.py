"""Who ranks points in an experiment: a function whose values nobody sees, exactly or with mistakes.

    ranking = ValueOracle(f).rank(points, best=5)           # the five best, in order
    ranking = Noisy(ValueOracle(f), swaps=0.2, seed=0).rank(points, best=5)

A judge, a measure or a person who ranks runs of a method is `dikast.graphs.zo_ranksgd`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from dikast.errors import UsageError
from dikast.tuning.estimator import Floats, Ranking, cut_ranking


class Oracle(Protocol):
    """Ranks points."""

    def rank(self, points: Floats, best: int) -> Ranking:
        """The best points in order: an (m, k) ranking oracle."""
        ...


@dataclass
class ValueOracle:
    """Ranks by a function, the lowest value first; equal values are a tie, and NaN is worse than any number.

    Args:
        value: Of a point.
        asked: How many points were ranked up to now.
    """

    value: Callable[[Floats], float]
    asked: int = 0

    def rank(self, points: Floats, best: int) -> Ranking:
        """The `best` best; where those behind them are as good as the last, ties are cut by their place."""
        self.asked += len(points)
        return rank_values([self.value(point) for point in points], best)


@dataclass
class Noisy:
    """Another oracle's ranking with mistakes; ties are broken by chance first.

    Args:
        oracle: The one that knows.
        swaps: Chance of each two neighbours to change places, the best pair first: a point may be carried on.
        flips: Chance of a ranking that says nothing at all: all points in an order drawn by chance.
        seed: Of the mistakes.
    """

    oracle: Oracle
    swaps: float = 0.0
    flips: float = 0.0
    seed: int = 0
    random: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        if not (0 <= self.swaps <= 1 and 0 <= self.flips <= 1):
            raise UsageError(f"swaps={self.swaps} and flips={self.flips} are chances, from 0 to 1")
        self.random = np.random.default_rng(self.seed)

    def rank(self, points: Floats, best: int) -> Ranking:
        """All points in the order with mistakes, cut at `best`."""
        count = len(points)
        if self.random.random() < self.flips:
            return [[int(index)] for index in self.random.permutation(count)[:best]]
        order = [int(index) for group in self.oracle.rank(points, count) for index in self.random.permutation(group)]
        for place in range(count - 1):
            if self.random.random() < self.swaps:
                order[place], order[place + 1] = order[place + 1], order[place]
        return [[index] for index in order[:best]]


def rank_values(values: Sequence[float], best: int | None = None) -> list[list[int]]:
    """The order of some values, the lowest first, equal ones in one group; NaN behind all numbers.

    Args:
        values: Of the points.
        best: How many of them are named at most; all of them without.
    """
    known = [float("inf") if np.isnan(value) else value for value in values]
    groups: dict[tuple[float, bool], list[int]] = {}
    for index in sorted(range(len(values)), key=lambda one: (known[one], bool(np.isnan(values[one])), one)):
        groups.setdefault((known[index], bool(np.isnan(values[index]))), []).append(index)
    return cut_ranking(list(groups.values()), len(values) if best is None else best)
