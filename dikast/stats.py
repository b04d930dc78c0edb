"""Tests and intervals, each once, for every table that dikast prints.

    paired_t(before, after).p
    randomisation(before, after).p                     # exact up to 16 pairs, else Monte Carlo
    holm([0.01, 0.04, 0.03])                           # adjusted for several comparisons
    tukey({"a": before, "b": after, "c": other})       # all pairs of several systems
    bootstrap(differences)                             # 95 % interval of a mean
    wilson(42, 50)                                     # 95 % interval of a proportion
    bounded_mean([1.0, 0.5, 0.0], 0, 1)                # 95 % interval of a mean that has bounds

All tests are two-sided. Anything random takes a seed and gives the same figure for it.

Not done: power, unpaired tests, Bayesian intervals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dikast.errors import UsageError
from dikast.late import late
from dikast.lazy import open_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    np = open_module("numpy")

BootstrapMethod = Literal["bca", "percentile"]

CONFIDENCE = 0.95
EXACT_PAIRS = 16  # 65,536 sign patterns
RANDOMISATIONS = 100_000  # Smucker, Allan and Carterette 2007, section 4.1
RESAMPLES = 10_000  # Efron and Tibshirani 1993, section 14.3: thousands for BCa
SEED = 0
_CHUNK_CELLS = 1 << 22  # random numbers drawn at once: 32 MB
_ROUNDING = 1e-12  # sums that differ by less, relative to their size, are equal


class TestResult(NamedTuple):
    """A test's statistic and two-sided p value."""

    __test__ = False  # pytest collects classes whose name begins so

    statistic: float
    p: float


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def paired_t(first: Sequence[float], second: Sequence[float]) -> TestResult:
    """Student's paired t test of `second - first`.

    Where all differences are equal there is no variance to test with: p is 1 if they are 0, else 0.

    Raises:
        UsageError: The samples differ in length, or there are fewer than 2 pairs.
    """
    differences = _differences(first, second)
    count = len(differences)
    if count < 2:
        raise UsageError(f"{count} pairs: a paired t test needs at least 2")
    mean, error = float(differences.mean()), float(differences.std(ddof=1)) / math.sqrt(count)
    if error <= _ROUNDING * abs(mean):
        return TestResult(math.copysign(math.inf, mean) if mean else 0.0, 0.0 if mean else 1.0)
    statistic = mean / error
    return TestResult(statistic, float(2 * special().stdtr(float(count - 1), -abs(statistic))))


def randomisation(
    first: Sequence[float], second: Sequence[float], *, samples: int = RANDOMISATIONS, seed: int = SEED
) -> TestResult:
    """Fisher's paired randomisation test: how often random signs give a mean difference as far from 0.

    Up to 16 differing pairs all sign patterns are counted; beyond, `samples` random ones, and the observed one is
    counted among them, so that p is never 0.

    Raises:
        UsageError: The samples differ in length, there is no pair, or `samples` is below 1.
    """
    differences = _differences(first, second)
    if not len(differences) or samples < 1:
        raise UsageError(f"{len(differences)} pairs, samples={samples}: at least 1 of each is needed")
    moved = differences[differences != 0]
    observed = abs(float(moved.sum())) - _ROUNDING * float(np.abs(moved).sum())
    statistic = float(differences.mean())
    if len(moved) <= EXACT_PAIRS:
        bits = np.right_shift.outer(np.arange(1 << len(moved)), np.arange(len(moved))) & 1
        signs = bits.astype(float) * 2 - 1
        return TestResult(statistic, float(np.mean(np.abs(signs @ moved) >= observed)))
    return TestResult(statistic, (_extremes(moved, observed, samples, seed) + 1) / (samples + 1))


def _extremes(moved: Floats, observed: float, samples: int, seed: int) -> int:
    """How many random sign patterns give a sum at least as far from 0 as the observed one."""
    random = np.random.default_rng(seed)
    rows, found = max(1, _CHUNK_CELLS // len(moved)), 0
    for start in range(0, samples, rows):
        signs = random.integers(0, 2, (min(rows, samples - start), len(moved)), np.int8) * 2 - 1
        found += int(np.count_nonzero(np.abs(signs @ moved) >= observed))
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979): compare with the level as if there were one test."""
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


class Pair(NamedTuple):
    """Two of several systems: their names, the mean of second minus first, its simultaneous interval, the p value."""

    first: str
    second: str
    difference: float
    interval: Interval
    p: float


def tukey(values: Mapping[str, Sequence[float]], *, confidence: float = CONFIDENCE) -> list[Pair]:
    """Tukey's honestly significant differences of systems over the same queries, all pairs.

    The error is that of the two-way analysis of variance without interaction (system, query), as Carterette 2012
    (section 4.2) has it: with two systems it is the paired t test. Intervals and p values hold for all pairs together.
    Where systems differ by the same amount on every query there is no variance to test with: p is 1 for equals, else 0.

    Args:
        values: System -> its values, query by query.
        confidence: Of the intervals.

    Raises:
        UsageError: There are fewer than two systems or queries, or they differ in length.
    """
    names, table = list(values), [list(scores) for scores in values.values()]
    if len(names) < 2 or min(map(len, table)) < 2 or len({len(scores) for scores in table}) > 1:
        raise UsageError("Tukey's test needs two systems and two queries, and every system's value for each query")
    from scipy.stats import studentized_range  # a third of a second: not before it is needed

    scores = np.array(table, dtype=np.float64)
    systems, queries = scores.shape
    means = scores.mean(1)
    residuals = scores - means[:, None] - scores.mean(0) + scores.mean()
    freedom = (systems - 1) * (queries - 1)
    error = math.sqrt(float((residuals**2).sum()) / freedom / queries)
    if error < _ROUNDING * max(1.0, float(np.abs(scores).max())):
        error = 0.0
    reach = float(studentized_range.ppf(confidence, systems, freedom)) * error
    found: list[Pair] = []
    for first in range(systems):
        for second in range(first + 1, systems):
            moved = float(means[second] - means[first])
            if error:
                p = float(studentized_range.sf(abs(moved) / error, systems, freedom))
            else:
                p = 1.0 if abs(moved) < _ROUNDING else 0.0
            found.append(Pair(names[first], names[second], moved, Interval(moved - reach, moved + reach), p))
    return found


def bootstrap(
    values: Sequence[float],
    *,
    confidence: float = CONFIDENCE,
    samples: int = RESAMPLES,
    seed: int = SEED,
    method: BootstrapMethod = "bca",
) -> Interval:
    """Bootstrap interval of the mean (Efron 1987; Efron and Tibshirani 1993, chapters 13 and 14).

    Values that are all equal give an interval of no width.

    Raises:
        UsageError: There is no value, or `confidence` or `samples` is out of range.
    """
    observed = np.asarray(values, float)
    if not len(observed) or not 0 < confidence < 1 or samples < 1:
        raise UsageError(f"{len(observed)} values, confidence={confidence}, samples={samples}: cannot be")
    if np.all(observed == observed[0]):
        return Interval(float(observed[0]), float(observed[0]))
    means = _resampled_means(observed, samples, seed)
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    levels = _bca_levels(observed, means, tails) if method == "bca" else tails
    low, high = np.quantile(means, levels)
    return Interval(float(low), float(high))


def _resampled_means(observed: Floats, samples: int, seed: int) -> Floats:
    random, size = np.random.default_rng(seed), len(observed)
    rows = max(1, _CHUNK_CELLS // size)
    chunks = (min(rows, samples - start) for start in range(0, samples, rows))
    return np.concatenate([observed[random.integers(0, size, (chunk, size))].mean(axis=1) for chunk in chunks])


def _bca_levels(observed: Floats, means: Floats, tails: tuple[float, float]) -> tuple[float, float]:
    """Efron and Tibshirani 1993, equations 14.9 to 14.15; for a mean the jackknife is the values themselves."""
    ndtr, ndtri = special().ndtr, special().ndtri
    center = float(observed.mean())
    below = float(np.mean(means < center) + np.mean(means <= center)) / 2
    bias = float(ndtri(min(max(below, 1 / len(means)), 1 - 1 / len(means))))
    spread = observed - observed.mean()
    acceleration = float((spread**3).sum() / (6 * (spread**2).sum() ** 1.5))
    shifted = [bias + float(ndtri(tail)) for tail in tails]
    low, high = (float(ndtr(bias + shift / (1 - acceleration * shift))) for shift in shifted)
    return low, high


def wilson(successes: float, trials: float, *, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927), without continuity correction; 0 to 1 for no trials.

    Counts need not be whole: a planner asks what the interval would be.

    Raises:
        UsageError: `successes` is not between 0 and `trials`, or `confidence` not between 0 and 1.
    """
    if not 0 <= successes <= trials or not 0 < confidence < 1:
        raise UsageError(f"{successes} of {trials}, confidence={confidence}: cannot be")
    if not trials:
        return Interval(0.0, 1.0)
    z = normal_quantile(confidence)
    share, scale = successes / trials, 1 + z * z / trials
    center = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    return Interval(0.0 if not successes else center - half, 1.0 if successes == trials else center + half)


def newcombe(first: int, of_first: int, second: int, of_second: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the difference of two independent shares, `first / of_first - second / of_second`.

    Newcombe 1998 (Statistics in Medicine 17: 873-890), method 10: Wilson's intervals of both, squared and added.

    Raises:
        UsageError: One of the shares is of nothing or cannot be, or `confidence` is not between 0 and 1.
    """
    if not (of_first and of_second):
        raise UsageError("the difference of a share of nothing", hint="give counts of at least one trial each")
    one, two = first / of_first, second / of_second
    (low, high), (other_low, other_high) = (
        wilson(count, trials, confidence=confidence) for count, trials in ((first, of_first), (second, of_second))
    )
    return Interval(
        one - two - math.hypot(one - low, other_high - two),
        one - two + math.hypot(high - one, two - other_low),
    )


@cache
def special() -> Any:
    """SciPy's special functions of single floats; untyped. Those of arrays import six times as much."""
    with late("scipy.special"):
        return import_module("scipy.special.cython_special")


def normal_quantile(confidence: float = CONFIDENCE) -> float:
    """How many standard errors a two-sided interval reaches to either side; 1.96 for 95 %."""
    return float(special().ndtri((1 + confidence) / 2))


def bounded_mean(
    values: Sequence[float], low: float, high: float, *, pseudo: int, confidence: float = CONFIDENCE
) -> Interval:
    """Interval of the mean of values within `low`..`high`, never of no width: for shares with half credits, and biases.

    The normal interval after `pseudo` values at each end have been added: of proportions that is Agresti and Coull's
    (1998) with 2, of paired differences Bonett and Price's (2012) with 1. A bootstrap of few values, or of values that
    are nearly all at one end, holds the mean far too seldom: of 5 values with a mean of 0.9 in 41 % of cases for 95 %.

    Raises:
        UsageError: There is no value, or one is out of bounds.
    """
    if not len(values) or min(values) < low or max(values) > high or not 0 < confidence < 1:
        raise UsageError(f"{len(values)} values within {low}..{high}, confidence={confidence}: cannot be")
    padded = np.asarray([*values, *[low] * pseudo, *[high] * pseudo], float)
    half = normal_quantile(confidence) * float(padded.std()) / math.sqrt(len(padded))
    center, mean = float(padded.mean()), float(np.mean(values))
    return Interval(max(low, min(center - half, mean)), min(high, max(center + half, mean)))


def share_interval(credits: Sequence[float]) -> Interval:
    """95 % interval of a share: Wilson's where each credit is 0 or 1, that of `bounded_mean` where some lie between.

    Raises:
        UsageError: One lies outside 0..1.
    """
    if all(credit in (0, 1) for credit in credits):
        return wilson(sum(credits), len(credits))
    return bounded_mean(credits, 0, 1, pseudo=2)


def _differences(first: Sequence[float], second: Sequence[float]) -> Floats:
    if len(first) != len(second):
        raise UsageError(f"{len(first)} and {len(second)} values: the samples are not paired")
    return np.asarray(second, float) - np.asarray(first, float)
