"""What every algorithm of this package is: it asks for points to be ranked, and is told the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dikast.errors import UsageError
from dikast.tuning.estimator import Floats, Ranking, check_ranking

LEAST = 2
"""Fewer points have no order."""


@dataclass(frozen=True)
class Question:
    """Points to rank.

    Args:
        points: A line each.
        best: How many of the best have to be named, in order.
        known: How many of the points, the first ones, were in an earlier question: to look at them again costs nothing
            where they have a value.
        about: What the answer is for: `probe`, `step`, ...
    """

    points: Floats
    best: int
    known: int = 0
    about: str = ""


class Algorithm(Protocol):
    """Looks for a point that is as good as can be, by rankings alone.

    `ask` and `tell` take turns. With the same settings, seed and answers, the questions are the same.
    """

    @property
    def best(self) -> Floats:
        """The point that it would give if it were stopped now."""
        ...

    def ask(self, room: int | None = None) -> Question | None:
        """The next question; `None` where there is none any more, or none so small. Asked again, the same.

        Args:
            room: How many points beside the known ones it may have at most.
        """
        ...

    def tell(self, ranking: Ranking) -> None:
        """The answer.

        Raises:
            UsageError: Nothing was asked, or it is no ranking of these points.
        """
        ...


@dataclass(frozen=True)
class Box:
    """Where points may lie.

    Args:
        low: Of every coordinate, or of each; `None` for no bound.
        high: The same.
    """

    low: float | Floats | None = None
    high: float | Floats | None = None

    def clip(self, points: Floats) -> Floats:
        """The points, each at its nearest place within."""
        return points if self.low is None and self.high is None else np.clip(points, self.low, self.high)


def answered(question: Question | None, ranking: Ranking) -> Question:
    """The question that an answer is to.

    Raises:
        UsageError: Nothing was asked, the answer is no ranking of these points, or it names none.
    """
    if question is None:
        raise UsageError("nothing was asked that could be answered", hint="call ask() first")
    if not check_ranking(ranking, len(question.points)):
        raise UsageError("a ranking has to name the best point at least")
    return question


def first_of(ranking: Ranking) -> int:
    """The best point; of several the one that stands first."""
    return min(next(group for group in ranking if group))
