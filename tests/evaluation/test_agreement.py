from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.agreement import (
    cohen_kappa,
    fleiss_kappa,
    grouped,
    kendall_tau_b,
    krippendorff_alpha,
    spearman,
    spearman_of_table,
    tau_b_of_table,
)

LABELS = st.sampled_from(["1", "2", "tie"])
# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section C: 12 units, 4 observers, values missing.
KRIPPENDORFF = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]
# Fleiss 1971 in the form of ten subjects and fourteen raters that textbooks use; kappa .210.
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_cohen_kappa_of_a_worked_example() -> None:
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: po .7, pe .5.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)


def test_cohen_kappa_leaves_out_what_one_side_lacks() -> None:
    assert cohen_kappa(["1", "2", None, "1"], ["1", "2", "2", None]) == 1
    assert math.isnan(cohen_kappa(["1", "1"], ["1", "1"]))
    assert math.isnan(cohen_kappa([], []))
    with pytest.raises(UsageError, match="cannot be compared"):
        cohen_kappa(["1"], [])


@given(st.lists(st.tuples(LABELS, LABELS), min_size=2))
def test_cohen_kappa_is_symmetric_and_does_not_care_for_names(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    renamed = {"1": "x", "2": "y", "tie": "z"}
    kappa = cohen_kappa(first, second)
    assert cohen_kappa(second, first) == pytest.approx(kappa, nan_ok=True)
    assert cohen_kappa([renamed[a] for a in first], [renamed[b] for b in second]) == pytest.approx(kappa, nan_ok=True)


def test_fleiss_kappa_of_the_published_example() -> None:
    items = [[label for label, count in enumerate(row) for _ in range(count)] for row in FLEISS]
    assert fleiss_kappa(items) == pytest.approx(0.210, abs=0.0005)
    assert math.isnan(fleiss_kappa([]))
    for bad in ([["1", "2"], ["1"]], [["1"]], [["1", None]]):
        with pytest.raises(UsageError, match="same number"):
            fleiss_kappa(bad)


def test_alpha_of_the_published_example() -> None:
    units = [list(unit) for unit in zip(*KRIPPENDORFF, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=0.0005)
    assert krippendorff_alpha(units, "interval") == pytest.approx(0.849, abs=0.0005)


def test_alpha_has_no_value_without_variation_and_needs_numbers_for_intervals() -> None:
    assert math.isnan(krippendorff_alpha([["1", "1"], ["1", "1"]]))
    assert math.isnan(krippendorff_alpha([["1"], [None, "2"]]))
    with pytest.raises(UsageError, match="numbers"):
        krippendorff_alpha([["a", "b"]], "interval")


@given(st.lists(st.lists(st.sampled_from([1, 2, 3, None]), min_size=2, max_size=4), min_size=1))
def test_alpha_does_not_care_who_said_what_and_is_at_most_one(units: list[list[int | None]]) -> None:
    for level in ("nominal", "interval"):
        alpha = krippendorff_alpha(units, level)
        assert krippendorff_alpha([unit[::-1] for unit in units][::-1], level) == pytest.approx(alpha, nan_ok=True)
        assert math.isnan(alpha) or alpha <= 1 + 1e-12


def test_kappa_of_two_full_raters_and_alpha_meet_for_many_items() -> None:
    first, second = ["1", "2", "tie", "1"] * 500, ["1", "2", "1", "2"] * 500
    assert krippendorff_alpha(list(zip(first, second, strict=True))) == pytest.approx(
        fleiss_kappa(list(zip(first, second, strict=True))), abs=1e-3
    )


@settings(deadline=None)  # the first call loads scipy.stats
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2)), min_size=2, max_size=25))
def test_tau_b_is_what_its_formula_says_from_points_or_a_table(points: list[tuple[int, int]]) -> None:
    first, second = [float(a) for a, _ in points], [float(b) for _, b in points]

    def sign(x: float) -> int:
        return (x > 0) - (x < 0)

    pairs = [(sign(a[0] - b[0]), sign(a[1] - b[1])) for a, b in combinations(points, 2)]
    untied = math.sqrt(sum(x != 0 for x, _ in pairs) * sum(y != 0 for _, y in pairs))
    expected = sum(x * y for x, y in pairs) / untied if untied else math.nan
    table = np.zeros((5, 3))
    for point in points:
        table[point] += 1
    assert kendall_tau_b(first, second) == pytest.approx(expected, nan_ok=True, abs=1e-12)
    assert tau_b_of_table(table) == pytest.approx(expected, nan_ok=True, abs=1e-12)
    assert spearman_of_table(table) == pytest.approx(spearman(first, second), nan_ok=True, abs=1e-12)


@given(st.lists(st.tuples(LABELS, LABELS, st.integers(0, 4)), min_size=1))
def test_a_weight_is_a_number_of_repetitions(rows: list[tuple[str, str, int]]) -> None:
    first, second, often = [a for a, _, _ in rows], [b for _, b, _ in rows], [n for _, _, n in rows]
    many = [(a, b) for a, b, n in rows for _ in range(n)]
    repeated = [a for a, _ in many], [b for _, b in many]
    assert cohen_kappa(first, second, often) == pytest.approx(cohen_kappa(*repeated), nan_ok=True)
    weighted = krippendorff_alpha(list(zip(first, second, strict=True)), weights=often)
    assert weighted == pytest.approx(krippendorff_alpha(many), nan_ok=True)


def test_rank_correlations_see_order_alone() -> None:
    assert spearman([1, 2, 3, 4], [1, 10, 100, 1000]) == pytest.approx(1)
    assert kendall_tau_b([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert math.isnan(spearman([1, 1], [1, 2]))


def test_correlation_within_groups_leaves_out_the_constant_ones() -> None:
    found = grouped(kendall_tau_b, ["a", "a", "b", "b", "c", "c"], [1, 2, 1, 2, 5, 5], [1, 2, 2, 1, 1, 2])
    assert (found.mean, found.used, found.groups) == (0, 2, 3)
    assert math.isnan(grouped(spearman, [], [], []).mean)
