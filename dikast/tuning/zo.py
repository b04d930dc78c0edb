"""ZO-RankSGD: probe around a point, step along the estimate, take whichever step is ranked first.

    algorithm = ZoRankSGD(start, ZoSettings(candidates=15, best=5), seed=0)

Two questions a round. *Probe*: m points x + mu xi, of which the k best are named; they give the estimate g of
`dikast.tuning.estimator`. *Step*: x itself and x - eta gamma^i g for i < l; whichever is first is the next x, so that a
round never makes it worse, as far as the ranking is right. Without steps (`steps=0`), x - eta g is taken unasked: the
paper's algorithm 1.

Off unless asked for: `averaged` (the paper's algorithm 3: where x stays, the next round's estimate is joined to this
one's), and beyond the paper: `adaptive` (eta and mu follow what was chosen), `elite` (the best probe is among the
steps), `antithetic` pairs, a `subspace`, a box (points are moved to its border, and the estimate knows where they are).

Paper: Tang et al.: Zeroth-Order Optimization Meets Human Feedback, arXiv 2303.03751, algorithms 1 to 3.

Not here: second moments. On an ill-conditioned function CMA-ES, which learns the axes, needs several times fewer
queries (`benchmarks/zo.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dikast.errors import UsageError
from dikast.tuning.asking import LEAST, Box, Question, answered, first_of
from dikast.tuning.directions import draw
from dikast.tuning.estimator import Compat, Floats, Ranking, cut_ranking, estimate

PROBE, STEP = "probe", "step"
GROWTH = 2.0
"""By how much eta and mu grow at most over what they were given, where they adapt."""


@dataclass(frozen=True)
class ZoSettings:
    """How it probes and steps.

    Args:
        candidates: Points of a probe, m.
        best: How many of them are named in order, k; all of them without.
        mu: How far a probe lies from x, in each coordinate.
        eta: The longest step, in lengths of the estimate.
        gamma: How much shorter each step of the line search is than the one before.
        steps: How many steps are tried, l.
        antithetic: Whether probes come in pairs, one on each side.
        subspace: Dimensions of the subspace in which a round's probes lie.
        averaged: Whether the estimates of rounds that found no better step are averaged with the next one.
        adaptive: Whether eta and mu are divided by gamma after the longest step was taken, or where all points were
            equally good, up to twice what they were given; and multiplied by it after no step was.
        floor: Below which share of what they were given they do not shrink.
        elite: Whether the probe's best point is among the steps.
        compat: Whose weights.
    """

    candidates: int = 15
    best: int | None = None
    mu: float = 0.01
    eta: float = 0.25
    gamma: float = 0.5
    steps: int = 5
    antithetic: bool = False
    subspace: int | None = None
    averaged: bool = False
    adaptive: bool = False
    floor: float = 0.0
    elite: bool = False
    compat: Compat = "paper"

    def __post_init__(self) -> None:
        ranked = self.candidates if self.best is None else self.best
        if self.candidates < LEAST or not 1 <= ranked <= self.candidates:
            hint = "at least two points, of which at least one and at most all are named"
            raise UsageError(f"candidates={self.candidates}, best={self.best} is no ranking", hint=hint)
        if min(self.mu, self.eta) <= 0 or not 0 < self.gamma < 1 or self.steps < 0:
            raise UsageError(
                f"mu={self.mu} and eta={self.eta} are above 0, gamma={self.gamma} is between 0 and 1, and steps="
                f"{self.steps} is no less than 0"
            )


class ZoRankSGD:
    """The algorithm, at a point.

    Args:
        start: Where it begins.
        settings: How it probes and steps.
        seed: Of the probes.
        box: Where points may lie.
    """

    def __init__(
        self, start: Floats, settings: ZoSettings | None = None, *, seed: int = 0, box: Box | None = None
    ) -> None:
        self.settings, self.box = settings or ZoSettings(), box or Box()
        self._point = self.box.clip(np.asarray(start, dtype=np.float64))
        self._random = np.random.default_rng(seed)
        self._scale = 1.0
        self._asked: Question | None = None
        self._gradient: Floats | None = None
        self._elite: Floats | None = None
        self._failed: list[Floats] = []
        self.rounds = 0

    @property
    def best(self) -> Floats:
        """The current point, which has won every line search up to now."""
        return self._point

    @property
    def mu(self) -> float:
        """How far the next probe lies."""
        return self.settings.mu * self._scale

    @property
    def eta(self) -> float:
        """The next line search's longest step."""
        return self.settings.eta * self._scale

    def ask(self, room: int | None = None) -> Question | None:
        """A probe, or the steps along what the last one showed."""
        if self._asked is None:
            self._asked = self._probe(room) if self._gradient is None else self._steps(room, self._gradient)
        return self._asked

    def tell(self, ranking: Ranking) -> None:
        """Estimate after a probe, move after steps."""
        question, self._asked = answered(self._asked, ranking), None
        if question.about == PROBE:
            self._learn(question.points, cut_ranking(ranking, question.best))
        else:
            self._move(question, first_of(ranking))

    def _probe(self, room: int | None) -> Question | None:
        settings = self.settings
        count = settings.candidates if room is None else min(room, settings.candidates)
        if count < LEAST:
            return None
        xi = draw(self._random, count, len(self._point), antithetic=settings.antithetic, subspace=settings.subspace)
        points = self.box.clip(self._point + self.mu * xi)
        return Question(points, min(settings.best or count, count), about=PROBE)

    def _learn(self, points: Floats, ranking: Ranking) -> None:
        estimated = estimate(points - self._point, ranking, self.mu, self.settings.compat)
        self._failed.append(estimated)
        gradient = np.mean(self._failed, axis=0)
        if not gradient.any():  # all points are equally good: there is nothing to step along
            if self.settings.adaptive:
                self._scale = min(self._scale / self.settings.gamma, GROWTH)
            self._settle()
            return
        if not self.settings.steps:
            self._point = self.box.clip(self._point - self.eta * gradient)
            self._settle()
            return
        self._gradient = gradient
        self._elite = points[first_of(ranking)] if self.settings.elite else None

    def _steps(self, room: int | None, gradient: Floats) -> Question | None:
        count = self.settings.steps if room is None else min(room, self.settings.steps)
        if count < 1:
            return None
        sizes = self.eta * self.settings.gamma ** np.arange(count)
        steps = self.box.clip(self._point - sizes[:, None] * gradient)
        known = [self._point] if self._elite is None else [self._point, self._elite]
        return Question(np.vstack([*known, steps]), best=1, known=len(known), about=STEP)

    def _move(self, question: Question, chosen: int) -> None:
        self._point = question.points[chosen]
        if self.settings.adaptive:
            if chosen == question.known:
                self._scale = min(self._scale / self.settings.gamma, GROWTH)
            elif chosen == 0:
                self._scale = max(self._scale * self.settings.gamma, self.settings.floor)
        stayed = chosen == 0 and self.settings.averaged
        self._settle(forget=not stayed)

    def _settle(self, *, forget: bool = True) -> None:
        self._gradient = self._elite = None
        self.rounds += 1
        if forget:
            self._failed = []
