"""Win rates against a baseline as if both answered at the same length: AlpacaEval 2.0's regression.

    found = control_length([Faced("q1", 1.0, length=812, baseline=540), ...])
    found.win_rate, found.controlled.value, found.controlled.low

The chance that a system wins is logistic in three terms: tanh of the difference in length over that difference's
standard deviation, the instruction's difficulty where it is known, and a constant, the system. The controlled rate is
the mean chance with no difference in length (Dubois et al., arXiv 2404.04475, section 3; the reference implementation's
formulas `length_controlled_noreg`, and `length_controlled_minimal` without difficulties). Scores within 0..1 are taken
as chances.

`held` are comparisons of the baseline, asked to be brief, or verbose, with itself: they enter every fit with a small
weight and hold the length term, as in the formula `length_controlled_v1` of AlpacaEval's own leaderboard. Without them
the term of a system whose responses are nearly all shorter than the baseline's is anybody's guess, and so is its rate.

What differs from that leaderboard: the fit is by maximum likelihood, theirs has an L1 penalty chosen by
cross-validation; difficulties and held comparisons are the user's. Intervals are by bootstrap over instructions;
theirs are standard errors of the predicted chances.

Not covered: win rates between two systems of which neither is the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dikast import stats
from dikast.errors import DataError
from dikast.evaluation.calibration import Estimate

Floats = npt.NDArray[np.float64]

RESAMPLES = 1000
STEPS = 60
ENOUGH = 1e-9
HELD = 0.2
"""Weight of the held comparisons, split among their sets: AlpacaEval's."""
FARTHEST = 25.0
"""A coefficient beyond this, whose odds are 10^10 to 1, is on its way to infinity."""


@dataclass(frozen=True, slots=True)
class Faced:
    """One comparison of a system with the baseline.

    Args:
        prompt: What both answered; equal ones are resampled together.
        score: 1 where the system won, 0 where the baseline did, .5 for a tie, or the judge's probability.
        length: Of the system's response, in characters.
        baseline: Of the baseline's.
        difficulty: The instruction's, where it is known: how strongly the baseline is liked on it, in log odds.
    """

    prompt: str
    score: float
    length: int
    baseline: int
    difficulty: float | None = None


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """A system against the baseline.

    Args:
        n: Comparisons.
        win_rate: Mean score.
        controlled: Mean chance without a difference in length, with its 95 % interval; NaN without a finite fit.
        by_length: The length term's weight: log odds that a much longer response gains.
        with_difficulty: Whether the instructions' difficulty was in the regression.
        length: Mean length of the system's responses.
        baseline_length: Mean length of the baseline's.
        without_fit: In how many resamples there was no finite fit; they are in no interval.
        reason: Why there is no controlled rate.
    """

    n: int
    win_rate: Estimate
    controlled: Estimate
    by_length: float
    with_difficulty: bool
    length: float
    baseline_length: float
    without_fit: int
    reason: str

    @property
    def extreme(self) -> bool:
        """Whether the controlled rate is so far from the raw one that AlpacaEval warns of a failed fit."""
        raw, found = self.win_rate.value, self.controlled.value
        return found < min(raw * 0.75, raw - 0.1) or found > max(raw + (1 - raw) / 4, raw + 0.1)


def control_length(
    faced: Sequence[Faced],
    held: Sequence[Sequence[Faced]] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = stats.SEED,
) -> LengthControlled:
    """Fit the regression, and predict at equal lengths.

    Args:
        faced: One a comparison; difficulties count if all of them have one, here and in `held`.
        held: Sets of comparisons of the baseline with itself in another length; they are not resampled.
        resamples: For the intervals; 0 for none.
        seed: Of the resamples.

    Raises:
        DataError: There is no comparison, or a score lies outside 0..1.
    """
    if not faced:
        raise DataError("no comparison with the baseline")
    everything = [faced, *(one for one in held if one)]
    scores = np.array([one.score for part in everything for one in part], dtype=np.float64)
    if not ((scores >= 0) & (scores <= 1)).all():
        raise DataError("a score outside 0..1")
    difficult = all(one.difficulty is not None for part in everything for one in part)
    data = _Data(
        np.concatenate([_features(part, difficult, float(not place)) for place, part in enumerate(everything)]),
        scores,
        np.full(len(scores), HELD / max(1, len(everything) - 1)),
        len(faced),
    )
    fitted = data.fitted(np.ones(len(faced)))
    raw, drawn = _resampled(data, [one.prompt for one in faced], resamples, seed)
    value = math.nan if fitted is None else data.predicted(fitted, np.ones(len(faced)))
    return LengthControlled(
        n=len(faced),
        win_rate=Estimate(float(scores[: len(faced)].mean()), *_ends(raw)),
        controlled=Estimate(value, *_ends(drawn if fitted is not None else drawn[:0])),
        by_length=math.nan if fitted is None else float(fitted[0]),
        with_difficulty=difficult,
        length=float(np.mean([one.length for one in faced])),
        baseline_length=float(np.mean([one.baseline for one in faced])),
        without_fit=resamples - len(drawn),
        reason="" if fitted is not None else "length alone tells wins from losses: no finite weights are the likeliest",
    )


def _features(faced: Sequence[Faced], difficult: bool, system: float) -> Floats:
    """Shape (comparisons, terms): length, difficulty if known, system. All of one length: the length term is 0."""
    longer = np.array([one.length - one.baseline for one in faced], dtype=np.float64)
    spread = float(longer.std(ddof=1)) if len(faced) > 1 else 0.0
    terms = [np.tanh(longer / spread) if spread else np.zeros(len(faced))]
    if difficult:
        terms.append(np.array([one.difficulty for one in faced], dtype=np.float64))
    return np.stack([*terms, np.full(len(faced), system)], axis=1)


@dataclass(frozen=True)
class _Data:
    """The comparisons, the first `own` of which are the system's; the others have fixed weights."""

    features: Floats
    scores: Floats
    weights: Floats
    own: int

    def fitted(self, own: Floats) -> Floats | None:
        """The terms' weights, with each of the system's comparisons weighted.

        Where it won all, or lost all, its constant alone is infinite.
        """
        scores = self.scores[: self.own][own > 0]
        if (scores == 1).all() or (scores == 0).all():
            return np.array([0.0] * (self.features.shape[1] - 1) + [math.inf if scores[0] else -math.inf])
        weights = self.weights.copy()
        weights[: self.own] = own
        return fit(self.features, self.scores, weights)

    def predicted(self, fitted: Floats, own: Floats) -> float:
        """Mean chance of the system with the length term at 0."""
        level = self.features[: self.own].copy()
        level[:, 0] = 0.0
        return float(np.average(_chances(level, fitted), weights=own))


def fit(features: Floats, scores: Floats, weights: Floats) -> Floats | None:
    """Weights of the terms that make the scores likeliest; `None` where they would be infinite."""
    found: Floats = np.zeros(len(features.T))
    value = _log_likelihood(features, scores, weights, found)
    for _ in range(STEPS):
        chances = _chances(features, found)
        gradient = features.T @ (weights * (scores - chances))
        if np.abs(gradient).max() < ENOUGH * weights.sum():
            return found
        bend = (features * (weights * chances * (1 - chances))[:, None]).T @ features
        # Least squares: a term that is the same everywhere, or a multiple of another one, gets no weight of its own.
        step: Floats = np.asarray(np.linalg.lstsq(bend, gradient, rcond=None)[0], dtype=np.float64)
        while (tried := _log_likelihood(features, scores, weights, found + step)) < value:
            step /= 2
            if np.abs(step).max() < ENOUGH:
                return found
        found, value = found + step, tried
        if np.abs(found).max() > FARTHEST:
            return None
    return None


def _chances(features: Floats, fitted: Floats) -> Floats:
    """Of each row; the last term of an infinite fit is that of the system's own rows."""
    if math.isinf(fitted[-1]):
        return np.full(len(features), float(fitted[-1] > 0))
    return np.exp(-np.logaddexp(0, -(features @ fitted)))


def _log_likelihood(features: Floats, scores: Floats, weights: Floats, fitted: Floats) -> float:
    logits = features @ fitted
    return -float((weights * (np.logaddexp(0, logits) - scores * logits)).sum())


def _resampled(data: _Data, named: Sequence[str], resamples: int, seed: int) -> tuple[Floats, Floats]:
    """The win rate in each resample of the prompts, and the controlled one in those that have a fit."""
    places = {name: i for i, name in enumerate(dict.fromkeys(named))}
    prompts = np.array([places[name] for name in named])
    random, count = np.random.default_rng(seed), len(places)
    raw: list[float] = []
    controlled: list[float] = []
    for _ in range(resamples):
        own = random.multinomial(count, np.full(count, 1 / count)).astype(np.float64)[prompts]
        raw.append(float(np.average(data.scores[: data.own], weights=own)))
        fitted = data.fitted(own)
        if fitted is not None:
            controlled.append(data.predicted(fitted, own))
    return np.array(raw), np.array(controlled)


def _ends(values: Floats) -> tuple[float, float]:
    if not len(values):
        return math.nan, math.nan
    tail = (1 - stats.CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(values, [tail, 1 - tail]))
    # Comparisons that are all alike cannot be resampled into others: that says nothing about how sure the figure is.
    return (low, high) if low < high else (math.nan, math.nan)
