"""Systems ranked by their pairwise wins: Bradley and Terry's model by maximum likelihood, on Elo's scale.

    board = rank([Match("a", "b", 1.0, prompt="q1"), Match("b", "a", 0.5, prompt="q2"), ...])
    board.standings[0].rating           # 1000 is the mean of the rated systems; 400 points are odds of 10 to 1

P(i beats j) = 1 / (1 + exp(t_j - t_i)); a tie is half a win for either (Bradley and Terry 1952; ties and scale as in
Chatbot Arena, Chiang et al., arXiv 2403.04132). Intervals are percentiles of a bootstrap over prompts, all matches of a
prompt together.

The likelihood has a maximum only among systems each of which has, over whatever chain of others, wins or ties over each
other one (Ford 1957). Systems outside the largest such set get no rating, and the reason; one that falls out of it in a
resample counts as infinitely strong or weak there. `regularise` adds imaginary ties, so that there always is a maximum.

Not covered: ties as a third outcome with a probability of their own (Rao and Kupper, Davidson), covariates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from dikast import stats
from dikast.errors import DataError, UsageError

Floats = npt.NDArray[np.float64]
Reason = Literal["", "won all", "lost all", "in between", "not connected"]

SCALE = 400 / math.log(10)
"""Points of a unit of log odds: Elo's 400 points are odds of 10 to 1."""
MEAN = 1000.0
"""Rating of the mean system, or of the anchor: Elo's, as in Chatbot Arena."""
RESAMPLES = 1000
STEPS = 100
"""Newton's; a handful suffices, and each raises the likelihood."""
ENOUGH = 1e-10
"""Largest gradient, in wins, at which a fit has ended."""


@dataclass(frozen=True, slots=True)
class Match:
    """One comparison.

    Args:
        first: A system.
        second: Another one.
        score: 1 where the first one won, 0 where the second did, .5 for a tie.
        prompt: What both answered; matches of one prompt are resampled together.
    """

    first: str
    second: str
    score: float
    prompt: str


@dataclass(frozen=True, slots=True)
class Standing:
    """One system.

    Args:
        system: Its name.
        matches: How many it had.
        points: Wins and half of the ties, as a share of them.
        rating: On Elo's scale; `None` without one.
        low: Lower end of its 95 % interval; -inf where too many resamples put the system below all others.
        high: Upper end; inf accordingly.
        reason: Why there is no rating: it never lost or tied, or never won or tied, against those that are rated; no
            chain of matches leads to them; or nobody can be rated, and it beat some and lost to others.
        unbounded: In how many resamples it had no finite rating.
    """

    system: str
    matches: int
    points: float
    rating: float | None
    low: float
    high: float
    reason: Reason
    unbounded: int


@dataclass(frozen=True, slots=True)
class Board:
    """The ranking.

    Args:
        standings: Best first; those without a rating after the rated ones, but for those that won all, which lead.
        rates: System -> other system -> wins and half of the ties, as a share of their matches; without those that
            never met.
        matches: How many counted.
        prompts: Of how many prompts.
        resamples: For the intervals.
    """

    standings: tuple[Standing, ...]
    rates: dict[str, dict[str, float]]
    matches: int
    prompts: int
    resamples: int


def rank(
    matches: Sequence[Match],
    *,
    regularise: float = 0.0,
    anchor: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = stats.SEED,
) -> Board:
    """Rate the systems.

    Args:
        matches: In any order.
        regularise: Imaginary ties of each system with one more system, which is not shown.
        anchor: The system whose rating is 1000; else it is the mean.
        resamples: For intervals; 0 for none.
        seed: Of the resamples.

    Raises:
        DataError: There is no match, a system meets itself, or a score lies outside 0..1.
        UsageError: `anchor` is not among the rated systems, or a number is negative.
    """
    _check(matches, regularise, resamples)
    names = sorted({name for one in matches for name in (one.first, one.second)})
    data = _Data.of(matches, names)
    wins = data.wins(np.ones(data.prompts))
    fitted, reasons = fit(wins, regularise)
    anchored = _anchored(names, fitted, anchor)
    ratings = MEAN + SCALE * (fitted - anchored)
    drawn = _resampled(data, fitted, regularise, None if anchor is None else names.index(anchor), resamples, seed)
    intervals = [_interval(column) for column in (MEAN + SCALE * (drawn - anchored)).T]
    unbounded = (~np.isfinite(drawn)).sum(axis=0) if resamples else np.zeros(len(names))
    met = wins + wins.T
    standings = [
        Standing(
            name,
            round(float(met[i].sum())),
            float(wins[i].sum() / met[i].sum()),
            float(ratings[i]) if not reasons[i] else None,
            *(intervals[i] if not reasons[i] and resamples else (math.nan, math.nan)),
            reasons[i],
            int(unbounded[i]),
        )
        for i, name in enumerate(names)
    ]
    rates = {
        a: {b: float(wins[i, j] / met[i, j]) for j, b in enumerate(names) if met[i, j]} for i, a in enumerate(names)
    }
    return Board(tuple(sorted(standings, key=_place)), rates, len(matches), data.prompts, resamples)


def _check(matches: Sequence[Match], regularise: float, resamples: int) -> None:
    if not matches:
        raise DataError("no match between two systems")
    itself = next((one for one in matches if one.first == one.second), None)
    if itself is not None:
        raise DataError(f"{itself.first!r} is compared with itself, on {itself.prompt!r:.60}")
    if not all(0 <= one.score <= 1 for one in matches):
        raise DataError("a score outside 0..1")
    if not (math.isfinite(regularise) and regularise >= 0 and resamples >= 0):
        raise UsageError(f"regularise={regularise}, resamples={resamples}: neither can be negative")


def _place(standing: Standing) -> tuple[int, float, str]:
    order = {"won all": 0, "": 1, "in between": 1, "lost all": 2, "not connected": 3}
    value = standing.points if standing.rating is None else standing.rating
    return order[standing.reason], -value, standing.system


@dataclass(frozen=True)
class _Data:
    """Matches as arrays, to be weighted by their prompts."""

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    score: Floats
    prompt: npt.NDArray[np.intp]
    systems: int
    prompts: int

    @staticmethod
    def of(matches: Sequence[Match], names: Sequence[str]) -> _Data:
        places = {name: i for i, name in enumerate(names)}
        prompts = {name: i for i, name in enumerate(dict.fromkeys(one.prompt for one in matches))}
        return _Data(
            np.array([places[one.first] for one in matches]),
            np.array([places[one.second] for one in matches]),
            np.array([one.score for one in matches], dtype=np.float64),
            np.array([prompts[one.prompt] for one in matches]),
            len(names),
            len(prompts),
        )

    def wins(self, weights: Floats) -> Floats:
        """Wins of each over each, with every prompt weighted."""
        size = self.systems
        weight = weights[self.prompt]
        found = np.bincount(self.first * size + self.second, weight * self.score, size * size)
        found += np.bincount(self.second * size + self.first, weight * (1 - self.score), size * size)
        return np.asarray(found, dtype=np.float64).reshape(size, size)


def fit(wins: Floats, regularise: float = 0.0) -> tuple[Floats, list[Reason]]:
    """Strengths that make the wins likeliest, their mean 0, and why a system has none.

    Args:
        wins: Of system i over system j, a tie as half a one for either.
        regularise: Imaginary ties of each system with one more system.

    Returns:
        Log odds, inf, -inf or NaN where a system has no finite strength beside the largest set of those that have;
        and the reason for each system.
    """
    size = len(wins)
    if regularise:
        wins = np.pad(wins, (0, 1))
        wins[size, :size] = wins[:size, size] = regularise / 2
    reasons = _reasons(wins)
    rated = np.array([not reason for reason in reasons])
    found = np.array([{"won all": math.inf, "lost all": -math.inf}.get(reason, math.nan) for reason in reasons])
    if rated.any():
        found[rated] = _likeliest(wins[np.ix_(rated, rated)])
        found[rated] -= found[:size][rated[:size]].mean()
    found = found[:size]
    return found, reasons[:size]


def _reasons(wins: Floats) -> list[Reason]:
    """Why each system cannot be rated with the largest set that can."""
    from scipy.sparse import csgraph

    graph = cast(Any, csgraph)
    _, parts = graph.connected_components(wins > 0, connection="strong")
    main = int(np.argmax(np.bincount(parts)))
    if len(wins) > 1 and (parts == main).sum() == 1:
        won, lost = (wins.sum(axis=1) > 0).tolist(), (wins.sum(axis=0) > 0).tolist()
        return [
            "in between" if up and down else "won all" if up else "lost all" for up, down in zip(won, lost, strict=True)
        ]
    start = int(np.argmax(parts == main))
    below = set(graph.breadth_first_order(wins > 0, start, return_predecessors=False).tolist())
    above = set(graph.breadth_first_order((wins > 0).T, start, return_predecessors=False).tolist())
    return [
        "" if part == main else "lost all" if i in below else "won all" if i in above else "not connected"
        for i, part in enumerate(parts)
    ]


def _likeliest(wins: Floats) -> Floats:
    """Newton's method with halved steps; the likelihood is concave, with one maximum if all are connected."""
    met = wins + wins.T
    strengths: Floats = np.zeros(len(wins))
    value = _log_likelihood(wins, strengths)
    for _ in range(STEPS):
        chances = 1 / (1 + np.exp(np.subtract.outer(-strengths, -strengths)))
        gradient = (wins - met * chances).sum(axis=1)
        if np.abs(gradient).max() < ENOUGH * max(1.0, met.sum()):
            break
        curved = met * chances * (1 - chances)
        # A constant added to all strengths changes nothing: the ones fix their mean.
        hessian = np.diag(curved.sum(axis=1)) - curved + 1 / len(wins)
        step = cast(Floats, np.linalg.solve(hessian, gradient))
        while (tried := _log_likelihood(wins, strengths + step)) < value and np.abs(step).max() > ENOUGH:
            step /= 2
        strengths, value = strengths + step, tried
    return strengths


def _log_likelihood(wins: Floats, strengths: Floats) -> float:
    return -float((wins * np.logaddexp(0, np.subtract.outer(-strengths, -strengths))).sum())


def _anchored(names: Sequence[str], fitted: Floats, anchor: str | None) -> float:
    """The strength that becomes 1000."""
    if anchor is None:
        return 0.0
    if anchor not in names or not np.isfinite(fitted[names.index(anchor)]):
        rated = ", ".join(name for name, value in zip(names, fitted, strict=True) if np.isfinite(value))
        raise UsageError(f"{anchor!r} has no rating, and can be no anchor", hint=f"rated: {rated}")
    return float(fitted[names.index(anchor)])


def _resampled(data: _Data, fitted: Floats, regularise: float, anchor: int | None, resamples: int, seed: int) -> Floats:
    """Strengths in each resample of the prompts, shape (resamples, systems)."""
    random = np.random.default_rng(seed)
    found = np.empty((resamples, data.systems))
    for i in range(resamples):
        counts = random.multinomial(data.prompts, np.full(data.prompts, 1 / data.prompts))
        drawn, _ = fit(data.wins(counts.astype(np.float64)), regularise)
        there = np.isfinite(drawn) & np.isfinite(fitted)
        if anchor is not None and there[anchor]:
            drawn += fitted[anchor] - drawn[anchor]
        elif there.any():
            # Those that have fallen out must not move the others: the mean of the rest stays where it was.
            drawn += fitted[there].mean() - drawn[there].mean()
        found[i] = drawn
    return found


def _interval(values: Floats) -> tuple[float, float]:
    """Percentiles; a resample without any strength, finite or not, says nothing about either end."""
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    tail = (1 - stats.CONFIDENCE) / 2
    low, high = (float(np.quantile(known, part, method="inverted_cdf")) for part in (tail, 1 - tail))
    return low, high
