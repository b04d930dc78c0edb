"""The estimator's identities, exact or as the paper has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.tuning.estimator import (
    Floats,
    count_edges,
    cut_ranking,
    edge_count,
    edges,
    estimate,
    estimate_by_edges,
    weights,
)
from dikast.tuning.oracles import rank_values


@st.composite
def rankings(draw: st.DrawFn) -> tuple[int, list[list[int]]]:
    """Some of up to nine points in groups."""
    count = draw(st.integers(2, 9))
    named = draw(st.permutations(range(count)))[: draw(st.integers(1, count))]
    groups: list[list[int]] = [[]]
    for index in named:
        if groups[-1] and draw(st.booleans()):
            groups.append([])
        groups[-1].append(index)
    return count, groups


@given(rankings(), st.integers(0, 2**32 - 1))
def test_weights_are_the_sum_over_edges(case: tuple[int, list[list[int]]], seed: int) -> None:
    count, ranking = case
    offsets = np.random.default_rng(seed).standard_normal((count, 4))
    np.testing.assert_allclose(estimate(offsets, ranking, 0.3), estimate_by_edges(offsets, ranking, 0.3), atol=1e-12)
    assert edge_count(ranking, count) == len(edges(ranking, count))
    assert weights(ranking, count).sum() == 0


@pytest.mark.parametrize(("count", "best"), [(2, 1), (6, 6), (6, 1), (15, 15), (15, 5)])
def test_a_strict_ranking_weighs_as_the_closed_form(count: int, best: int) -> None:
    order = [[index] for index in range(best)]
    closed = [-(count - 1 - 2 * place) for place in range(best)] + [best] * (count - best)
    assert weights(order, count).tolist() == closed
    assert count_edges(count, best) == edge_count(order, count) == len(edges(order, count))


def line(values: Floats) -> Floats:
    return 3 * values - 7


def cube(values: Floats) -> Floats:
    return values**3


@pytest.mark.parametrize("transform", [cast(Any, np.exp), line, cube, cast(Any, np.arctan)])
def test_only_the_order_counts(transform: Callable[[Floats], Floats]) -> None:
    random = np.random.default_rng(1)
    offsets, values = random.standard_normal((8, 3)), random.standard_normal(8)
    there, again = rank_values(values.tolist()), rank_values(transform(values).tolist())
    assert estimate(offsets, there, 1.0).tolist() == estimate(offsets, again, 1.0).tolist()


@given(st.permutations(range(7)))
def test_points_may_come_in_any_order(order: list[int]) -> None:
    """Ranks stay with their points: what the authors' program got wrong where it shuffled what people saw."""
    random = np.random.default_rng(2)
    offsets, values = random.standard_normal((7, 3)), random.standard_normal(7)
    shuffled = estimate(offsets[order], rank_values(values[order].tolist(), 4), 1.0)
    np.testing.assert_allclose(shuffled, estimate(offsets, rank_values(values.tolist(), 4), 1.0), atol=1e-12)


def test_a_whole_ranking_turned_round_turns_the_estimate() -> None:
    offsets = np.random.default_rng(3).standard_normal((6, 3))
    order = [[4], [2], [0], [1], [5], [3]]
    np.testing.assert_allclose(estimate(offsets, order, 1.0), -estimate(offsets, order[::-1], 1.0), atol=1e-12)


def test_what_all_points_share_drops_out_but_not_with_the_repositorys_weights() -> None:
    offsets = np.random.default_rng(4).standard_normal((6, 3))
    order = [[4], [2], [0]]
    np.testing.assert_allclose(estimate(offsets + 9, order, 1.0), estimate(offsets, order, 1.0), atol=1e-12)
    assert np.abs(estimate(offsets + 9, order, 1.0, "repo") - estimate(offsets, order, 1.0, "repo")).min() > 1


@pytest.mark.parametrize(("count", "best", "apart"), [(6, 6, 0.28), (15, 15, 0.10), (6, 1, 0.18)])
def test_the_repositorys_weights_are_this_far_from_the_papers(count: int, best: int, apart: float) -> None:
    """m - 2t in place of m - 1 - 2t; they sum to -k."""
    order = [[index] for index in range(best)]
    repo, paper = weights(order, count, "repo"), weights(order, count)
    assert repo.tolist()[:best] == [-(count - 2 * place) for place in range(best)]
    assert repo.sum() == -best
    assert np.linalg.norm(repo - paper) / np.linalg.norm(paper) == pytest.approx(apart, abs=0.02)


def cosine(count: int, best: int, seed: int) -> float:
    """Between the estimate and the gradient of a quadratic, the mean over 200 draws."""
    random, found = np.random.default_rng(seed), list[float]()
    at = np.full(10, 1.0)
    for _ in range(200):
        offsets = 0.01 * random.standard_normal((count, 10))
        ranking = rank_values([float((at + one) @ (at + one)) for one in offsets], best)
        guess = estimate(offsets, ranking, 0.01)
        found.append(float(guess @ at / np.linalg.norm(guess) / np.linalg.norm(at)))
    return float(np.mean(found))


def test_it_points_uphill_and_better_so_the_more_is_ranked() -> None:
    few, more, most = cosine(3, 1, 5), cosine(9, 1, 5), cosine(9, 9, 5)
    assert 0.1 < few < more < most


def test_a_ranking_by_chance_points_nowhere() -> None:
    random = np.random.default_rng(6)
    total = sum(
        estimate(random.standard_normal((5, 3)), [[int(i)] for i in random.permutation(5)], 1.0) for _ in range(4000)
    )
    assert np.abs(total / 4000).max() < 0.03


def test_where_nothing_is_better_there_is_no_direction() -> None:
    assert estimate(np.ones((3, 2)), [[0, 1, 2]], 1.0).tolist() == [0, 0]


@pytest.mark.parametrize("ranking", [[[0], [0]], [[3]], [[-1]]])
def test_what_is_no_ranking_is_refused(ranking: list[list[int]]) -> None:
    with pytest.raises(UsageError, match="no ranking of 3 points"):
        weights(ranking, 3)


def test_values_are_ranked_with_their_ties_and_nan_behind_all() -> None:
    nan, infinite = float("nan"), float("inf")
    assert rank_values([2.0, nan, 1.0, 2.0, infinite]) == [[2], [0, 3], [4], [1]]
    assert rank_values([2.0, nan, 1.0, 2.0], best=2) == [[2], [0]]
    assert cut_ranking([[1, 2], [0]], 0) == []
