"""The arithmetic inside a model, on tables of losses without a rule and with one."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.decoding.duo.routes import BIG, every_route
from dikast.graphs.duo.study import Losses, ranks_of


def losses(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Losses:
    routes = every_route(2)
    costs = np.asarray([0, 0.1, 1.0])[routes].mean(axis=1)
    return Losses(table, np.full(table.shape[1], 2.0), costs, (routes == BIG).sum(axis=1), 1.0)


def test_on_noise_the_oracle_gains_what_its_null_gains_and_cross_fitted_nothing() -> None:
    random = np.random.default_rng(0)
    made = losses(random.normal(size=(9, 2000, 2)))
    oracle, _ = made.oracle(1.0)
    crossed, _ = made.cross_fitted(1.0)
    assert np.mean(oracle) < -0.9  # the least of nine
    assert made.null(0) == pytest.approx(float(np.mean(oracle)), abs=0.03)
    assert np.mean(crossed) == pytest.approx(0, abs=0.05)
    assert np.mean(made.fixed(1.0)[0]) == pytest.approx(0, abs=0.05)


def test_what_suits_a_text_in_both_halves_is_found_cross_fitted_and_every_budget_is_kept() -> None:
    random = np.random.default_rng(1)
    made = losses(np.repeat(random.normal(size=(9, 500, 1)), 2, axis=2))
    before = np.inf
    for budget in (0.0, 0.05, 0.2, 0.5, 1.0):
        oracle, cost = made.oracle(budget)
        crossed, paid = made.cross_fitted(budget)
        assert np.mean(crossed) == pytest.approx(float(np.mean(oracle)))
        assert max(cost, paid, made.fixed(budget)[1]) <= budget + 1e-9
        assert np.mean(oracle) <= before
        before = float(np.mean(oracle))
    random_losses = [float(np.mean(made.random(count, 0)[0])) for count in (1, 10, 100)]
    assert random_losses == sorted(random_losses, reverse=True)
    assert random_losses[-1] == pytest.approx(before, abs=1e-6)  # a hundred draws find the best of nine


def test_a_fixed_mixture_costs_its_budget_and_lies_between_its_two_routes() -> None:
    level = np.asarray([5, 4, 3, 5, 4, 3, 5, 4, 1.0])
    made = losses(np.repeat(np.repeat(level[:, None, None], 6, axis=1), 2, axis=2))
    for budget, loss in ((0.0, 5.0), (0.05, 4.0), (1.0, 1.0), (0.025, 4.5)):
        found, cost = made.fixed(budget)
        assert (np.mean(found), cost) == (pytest.approx(loss), pytest.approx(budget))


def test_equal_values_share_a_rank() -> None:
    assert ranks_of([3.0, 1.0, 3.0]).tolist() == [2.0, 0.5, 2.0]
