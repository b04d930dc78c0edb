from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.covering import coverage, plan
from tests.evaluation.test_covering import axes_of


def test_a_quota_repeats_every_cell_round_after_round() -> None:
    once = plan(DEFAULT_AXES, strength=2, seed=3)
    assert plan(DEFAULT_AXES, strength=2, seed=3, quota=3) == once * 3


UNEVEN = axes_of((4, 3, 3, 3, 3, 2, 2))


def test_of_a_small_budget_the_first_tests_cover_most() -> None:
    whole = plan(UNEVEN, strength=2)
    gains = [coverage(UNEVEN, 2, whole[:n]).covered for n in range(len(whole) + 1)]
    steps = [after - before for before, after in pairwise(gains)]
    assert steps == sorted(steps, reverse=True)
    assert plan(UNEVEN, strength=2, budget=7) == whole[:7]


def test_what_is_left_of_the_budget_goes_where_the_weight_is() -> None:
    weights = {"category": {"self_harm": 20.0}}
    axes = Axes(DEFAULT_AXES.values, ({"category": ("self_harm",), "style": ("slang",)},), weights)
    needed = len(plan(axes, strength=2))
    cells = plan(axes, strength=2, budget=4000)
    extra = cells[needed:]
    assert len(cells) == 4000
    assert all(axes.allowed(cell) for cell in extra)
    heavy = sum(cell["category"] == "self_harm" for cell in cells)
    assert heavy == pytest.approx(len(cells) * 20 * 25 / (20 * 25 + 390), rel=0.02)  # 25 cells of it, 390 others
    first = plan(axes, strength=None, budget=30)
    assert sum(cell["category"] == "self_harm" for cell in first) > 10  # 25 of 415 cells are


def test_without_weights_no_cell_is_repeated_before_all_are_tested() -> None:
    cells = plan(DEFAULT_AXES, strength=2, budget=2 * 420 - 30)
    times = Counter(tuple(cell.values()) for cell in cells)
    assert Counter(times.values()) == {1: 30, 2: 390}


def test_the_heavier_value_occurs_more_often() -> None:
    """15 factors of two values in 7 tests: each value of a factor occurs 3 or 4 times, and no place is free."""
    values = axes_of((2,) * 15).values
    axes = Axes(values, (), {axis: {f"v{i % 2}": 2.0} for i, axis in enumerate(values)})
    cells = plan(axes, strength=2)
    assert len(cells) == 7
    for i, axis in enumerate(values):
        assert [cell[axis] for cell in cells].count(f"v{i % 2}") == 4
