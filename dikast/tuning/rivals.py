"""What ZO-RankSGD is measured against, in the same terms: points drawn by chance, a grid, CMA-ES.

All of them need the order alone. `Drawn` and `Grid` keep the best point up to now in each question, so that a judge who
can only compare sees it beside the new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np

from dikast.errors import MissingExtraError, UsageError
from dikast.tuning.asking import LEAST, Box, Question, answered, first_of
from dikast.tuning.estimator import Floats, Ranking, unranked

BATCH = 8
"""New points of a question."""


class Champion:
    """Asks about one list of points after another, always with the best up to now.

    Args:
        points: All of them; the first one is where it begins, and is asked about first.
        batch: New ones of a question.
    """

    def __init__(self, points: Floats, batch: int = BATCH) -> None:
        self._points, self._batch, self._next = points, batch, 1
        self._best = points[0]
        self._asked: Question | None = None

    @property
    def best(self) -> Floats:
        """The best point up to now."""
        return self._best

    def ask(self, room: int | None = None) -> Question | None:
        """The next points."""
        if self._asked is None:
            count = self._batch if room is None else min(room, self._batch)
            new = self._points[self._next : self._next + count]
            if not len(new):
                return None
            self._next += len(new)
            self._asked = Question(np.vstack([self._best, new]), best=1, known=1, about="batch")
        return self._asked

    def tell(self, ranking: Ranking) -> None:
        """Keep the best."""
        question, self._asked = answered(self._asked, ranking), None
        self._best = question.points[first_of(ranking)]


def drawn(start: Floats, count: int, *, seed: int, box: Box | None = None, spread: float = 1.0) -> Champion:
    """Random search: points drawn uniformly in the box, or normally about the start where there is none.

    Args:
        start: Where it begins; asked about beside the others.
        count: How many points are drawn.
        seed: Of the draws.
        box: Where points may lie, with both bounds.
        spread: Standard deviation where there is no box.
    """
    random, size = np.random.default_rng(seed), (count, len(start))
    if box is not None and box.low is not None and box.high is not None:
        found = random.uniform(box.low, box.high, size)
    else:
        found = start + spread * random.standard_normal(size)
    return Champion(np.vstack([start, found]))


def grid(start: Floats, levels: Sequence[Sequence[float]], *, seed: int) -> Champion:
    """All combinations of some levels, in an order drawn by chance, so that one that is cut off has no corner.

    Args:
        start: Where it begins; asked about beside the others.
        levels: Of each coordinate.
        seed: Of the order.
    """
    points = np.array(list(product(*levels)), dtype=np.float64)
    return Champion(np.vstack([start, np.random.default_rng(seed).permutation(points)]))


def levels_for(count: int, most: Sequence[int | None]) -> list[int]:
    """How many levels each coordinate has in a grid of at most `count` points, as even as can be.

    Args:
        count: Points at most.
        most: How many levels a coordinate can have at most; `None` for any number.
    """
    found = [1] * len(most)
    while True:
        open_ = [place for place, top in enumerate(most) if top is None or found[place] < top]
        place = min(open_, key=lambda one: (found[one], one), default=None)
        if place is None or np.prod(found) // found[place] * (found[place] + 1) > count:
            return found
        found[place] += 1


class CmaEs:
    """CMA-ES of the package `cma`, told ranks in place of values: it uses no more of them.

    Args:
        start: The first mean.
        sigma: The first standard deviation.
        seed: Of the draws; the process's own generator is left alone.
        box: Where points may lie.
        population: Points of a question; 4 + 3 ln d without.

    Raises:
        MissingExtraError: The package is absent.
        UsageError: There is but one coordinate, which it does not take.
    """

    def __init__(
        self, start: Floats, sigma: float, *, seed: int, box: Box | None = None, population: int | None = None
    ) -> None:
        if len(start) < LEAST:
            raise UsageError("CMA-ES moves two numbers at least", hint="take another algorithm, or one more knob")
        random, limits = np.random.default_rng(seed), box or Box()

        def draws(count: int, dimensions: int) -> Floats:
            return random.standard_normal((count, dimensions))

        options: dict[str, Any] = {"randn": draws, "seed": float("nan"), "verbose": -10, "verb_log": 0, "verb_disp": 0}
        if limits.low is not None or limits.high is not None:
            options["bounds"] = [limits.low, limits.high]
        if population is not None:
            options["popsize"] = population
        self._strategy = load_cma().CMAEvolutionStrategy(list(start), sigma, options)
        self._best = np.asarray(start, dtype=np.float64)
        self._asked: Question | None = None
        self._drawn: Any = None

    @property
    def best(self) -> Floats:
        """The first of the last ranking."""
        return self._best

    @property
    def mean(self) -> Floats:
        """Where the distribution's middle is."""
        return np.asarray(self._strategy.result.xfavorite, dtype=np.float64)

    def ask(self, room: int | None = None) -> Question | None:
        """A generation; it is never a smaller one."""
        if self._asked is None:
            if room is not None and room < self._strategy.popsize:
                return None
            self._drawn = self._strategy.ask()
            points = np.array(self._drawn, dtype=np.float64)
            # Its parents are the better half.
            self._asked = Question(points, best=max(1, len(points) // 2), about="generation")
        return self._asked

    def tell(self, ranking: Ranking) -> None:
        """Move the distribution."""
        question, self._asked = answered(self._asked, ranking), None
        ranks = np.zeros(len(question.points))
        for place, group in enumerate([*ranking, unranked(ranking, len(question.points))]):
            ranks[list(group)] = place
        self._strategy.tell(self._drawn, ranks.tolist())
        self._best = question.points[first_of(ranking)]


def load_cma() -> Any:
    """The package `cma`, which has no types.

    Raises:
        MissingExtraError: It is absent.
    """
    try:
        return import_module("cma")
    except ModuleNotFoundError as error:
        raise MissingExtraError("CMA-ES", extra="tune") from error
