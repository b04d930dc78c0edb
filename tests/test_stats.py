"""Tests and intervals against scipy and published examples."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast import stats
from dikast.errors import UsageError

reference: Any = import_module("scipy.stats")  # untyped

# Gosset's sleep data (Student 1908): extra hours of sleep under two drugs.
SLEEP_1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
# Darwin's maize (Fisher 1935, section 21): differences in eighths of an inch.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

samples = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40)


def test_students_sleep_data() -> None:
    """t = 4.0621, p = 0.002833 for these data, as in R's `t.test(..., paired = TRUE)`."""
    result = stats.paired_t(SLEEP_1, SLEEP_2)
    assert result.statistic == pytest.approx(4.0621, abs=1e-4)
    assert result.p == pytest.approx(0.002833, abs=1e-6)


def test_fishers_maize() -> None:
    """Fisher counts 863 of 32,768 patterns with a sum as high (section 21): 2 x 863 two-sided."""
    assert stats.randomisation([0] * 15, MAIZE).p == pytest.approx(2 * 863 / 32768)


def test_monte_carlo_comes_near_the_exact_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "EXACT_PAIRS", 10)
    p = stats.randomisation([0] * 15, MAIZE, samples=200_000, seed=5).p
    assert p == pytest.approx(2 * 863 / 32768, abs=0.002)
    assert p == stats.randomisation([0] * 15, MAIZE, samples=200_000, seed=5).p
    assert p != stats.randomisation([0] * 15, MAIZE, samples=200_000, seed=6).p


@given(samples)
def test_paired_t_is_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    differences = np.subtract(second, first)
    if differences.std() <= 1e-9:
        return
    expected = reference.ttest_rel(second, first)
    result = stats.paired_t(first, second)
    assert result.statistic == pytest.approx(float(expected.statistic), rel=1e-6)
    assert result.p == pytest.approx(float(expected.pvalue), rel=1e-6, abs=1e-12)


@settings(deadline=None)  # 65,536 sign patterns
@given(samples)
def test_randomisation_is_symmetric_and_a_probability(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    there, back = (stats.randomisation(*each, samples=200) for each in ((first, second), (second, first)))
    assert there.p == back.p
    assert 0 < there.p <= 1
    assert there.statistic == pytest.approx(-back.statistic)


def test_randomisation_of_more_pairs_than_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(3).normal(0.1, 1, 50)
    whole = stats.randomisation([0] * 50, values.tolist(), samples=999).p
    monkeypatch.setattr(stats, "_CHUNK_CELLS", 100)
    assert stats.randomisation([0] * 50, values.tolist(), samples=999).p == pytest.approx(whole, abs=0.05)
    expected = reference.ttest_1samp(values, 0).pvalue
    assert whole == pytest.approx(float(expected), abs=0.05)


def test_monte_carlo_counts_the_observed_pattern() -> None:
    """So p is never 0 (Davison and Hinkley 1997, section 4.2.1)."""
    assert stats.randomisation([0] * 40, [1] * 40, samples=99).p == 1 / 100


def test_no_difference_and_a_constant_difference() -> None:
    same = [0.1, 0.2, 0.3]
    assert stats.paired_t(same, same) == (0.0, 1.0)
    assert stats.randomisation(same, same) == (0.0, 1.0)
    assert stats.paired_t([0, 0], [1, 1]) == (math.inf, 0.0)
    assert stats.paired_t([1, 1], [0, 0]) == (-math.inf, 0.0)


def test_holms_example() -> None:
    """As R's `p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm")`; order is kept, and steps never fall."""
    assert stats.holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert stats.holm([0.04, 0.01, 0.9]) == pytest.approx([0.08, 0.03, 0.9])
    assert stats.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=10))
def test_holm_is_between_none_and_bonferroni(p_values: list[float]) -> None:
    for raw, adjusted in zip(p_values, stats.holm(p_values), strict=True):
        assert raw <= adjusted <= min(1.0, raw * len(p_values)) + 1e-15 or adjusted == max(p_values)
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = stats.holm(p_values)
    assert [adjusted[place] for place in order] == sorted(adjusted)


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_bootstrap_is_scipys(method: stats.BootstrapMethod) -> None:
    values = np.random.default_rng(1).lognormal(0, 1, 40)
    ours = stats.bootstrap(values.tolist(), method=method, samples=100_000)
    theirs = reference.bootstrap(
        (values,), np.mean, n_resamples=100_000, method="BCa" if method == "bca" else "percentile", rng=2
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.02 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.02 * width)


def test_bootstrap_repeats_itself_and_narrows_with_confidence() -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.4, 0.3]
    assert stats.bootstrap(values, seed=1) == stats.bootstrap(values, seed=1)
    wide, narrow = stats.bootstrap(values, confidence=0.99), stats.bootstrap(values, confidence=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert stats.bootstrap([0.5] * 10) == (0.5, 0.5)
    assert stats.bootstrap([0.5]) == (0.5, 0.5)


def test_bootstrap_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [0.1, 0.5, 0.2, 0.9, 0.4, 0.3]
    whole = stats.bootstrap(values)
    monkeypatch.setattr(stats, "_CHUNK_CELLS", 100)
    assert stats.bootstrap(values) == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize(("successes", "trials"), [(42, 50), (0, 20), (20, 20), (1, 3), (5000, 10000)])
def test_wilson_is_scipys(successes: int, trials: int) -> None:
    expected = reference.binomtest(successes, trials).proportion_ci(method="wilson")
    assert stats.wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing() -> None:
    assert stats.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((5, 56, 0, 29), -0.0381, 0.1926),
    ],
)
def test_newcombes_table(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe 1998, table II, method 10."""
    first, of_first, second, of_second = counts
    found = stats.newcombe(*counts)
    assert found == pytest.approx((low, high), abs=5e-5)
    mirrored = stats.newcombe(second, of_second, first, of_first)
    assert mirrored == pytest.approx((-high, -low), abs=5e-5)
    with pytest.raises(UsageError, match="share of nothing"):
        stats.newcombe(0, 0, 1, 2)


def test_arguments_that_make_no_sense() -> None:
    for call in (
        lambda: stats.paired_t([1], [1]),
        lambda: stats.paired_t([1, 2], [1]),
        lambda: stats.randomisation([], []),
        lambda: stats.randomisation([1], [2], samples=0),
        lambda: stats.bootstrap([]),
        lambda: stats.bootstrap([1], confidence=1.0),
        lambda: stats.wilson(3, 2),
        lambda: stats.wilson(-1, 2),
    ):
        with pytest.raises(UsageError):
            call()


@pytest.mark.parametrize(("n", "share"), [(5, 0.9), (10, 0.9), (20, 0.95), (50, 0.98), (100, 0.8)])
def test_a_bounded_mean_is_held_as_often_as_it_says(n: int, share: float) -> None:
    """Where the bootstrap holds it in 40 to 90 % of cases: Wilson 1927; Agresti and Coull 1998."""
    drawn = np.random.default_rng(4)
    held = 0
    for _ in range(600):
        low, high = stats.bounded_mean([float(x < share) for x in drawn.random(n)], 0, 1, pseudo=2)
        assert low < high
        held += low <= share <= high
    assert held / 600 > 0.9


def test_a_bounded_mean_lies_within_its_bounds_and_its_interval() -> None:
    for values in ([1.0], [0.0, 0.0], [0.5], [1.0, 0.5, 0.0]):
        low, high = stats.bounded_mean(values, 0, 1, pseudo=2)
        assert 0 <= low <= sum(values) / len(values) <= high <= 1
        assert low < high
    with pytest.raises(UsageError, match="cannot be"):
        stats.bounded_mean([2.0], 0, 1, pseudo=2)


def test_tukeys_test_of_two_systems_is_the_paired_t_test() -> None:
    [pair] = stats.tukey({"one": SLEEP_1, "two": SLEEP_2})
    assert (pair.first, pair.second) == ("one", "two")
    assert pair.p == pytest.approx(stats.paired_t(SLEEP_1, SLEEP_2).p, rel=1e-6)
    interval = reference.ttest_rel(SLEEP_2, SLEEP_1).confidence_interval()
    assert tuple(pair.interval) == pytest.approx(tuple(interval), rel=1e-6)


def test_tukeys_test_of_three_systems_has_the_error_of_a_two_way_analysis_of_variance() -> None:
    generator = np.random.default_rng(1)
    hard = generator.random(12)
    values = {
        name: list(hard + generator.normal(shift, 0.1, 12)) for name, shift in (("a", 0), ("b", 0.05), ("c", 0.3))
    }
    # The same model as a regression on dummies: intercept, systems but one, queries but one.
    rows = [(system, query) for system in range(3) for query in range(12)]
    design = np.array([[1, *(s == i for i in (1, 2)), *(q == j for j in range(1, 12))] for s, q in rows], float)
    observed = np.array([values["abc"[s]][q] for s, q in rows])
    _, [residual], rank, _ = np.linalg.lstsq(design, observed)
    error = math.sqrt(residual / (36 - rank) / 12)
    pairs = {(pair.first, pair.second): pair for pair in stats.tukey(values)}
    for (first, second), pair in pairs.items():
        moved = np.mean(values[second]) - np.mean(values[first])
        assert pair.difference == pytest.approx(moved)
        assert pair.p == pytest.approx(reference.studentized_range.sf(abs(moved) / error, 3, 22), rel=1e-6)
        assert (pair.p < 0.05) == (not pair.interval.low <= 0 <= pair.interval.high)
    assert pairs["a", "c"].p < 1e-4


def test_tukeys_test_without_variance_and_without_enough() -> None:
    same = stats.tukey({"a": [1, 2, 3], "b": [1, 2, 3], "c": [2, 3, 4]})
    assert [pair.p for pair in same] == [1, 0, 0]
    for values in ({"a": [1.0, 2.0]}, {"a": [1.0], "b": [2.0]}, {"a": [1.0, 2.0], "b": [1.0]}):
        with pytest.raises(UsageError, match="two systems and two queries"):
            stats.tukey(values)


def test_a_share_has_wilsons_interval_unless_some_credits_lie_between() -> None:
    assert stats.share_interval([1, 0, 1, 1]) == stats.wilson(3, 4)
    assert stats.share_interval([1, 0.5, 1, 1]) == stats.bounded_mean([1, 0.5, 1, 1], 0, 1, pseudo=2)
    assert stats.share_interval([]) == (0.0, 1.0)
    with pytest.raises(UsageError):
        stats.share_interval([0.5, 2])
