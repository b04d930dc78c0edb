"""DNO on a table: exact steps, exploitability, and the loss in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dikast.errors import UsageError
from dikast.graphs.dno.nash import expected_wins, exploitability, gradient, loss, play, sigmoid, step, win_rate

BIASED = [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]]
"""Rock, paper, scissors, of which each wins with another margin: intransitive."""
START = [0.8, 0.1, 0.1]


@st.composite
def games(draw: st.DrawFn) -> tuple[Any, Any, float]:
    size = draw(st.integers(2, 6))
    upper = draw(arrays(float, (size, size), elements=st.floats(0, 1)))
    table = np.triu(upper, 1)
    table = table + np.tril(1 - table.T, -1) + np.eye(size) / 2
    weights = draw(arrays(float, size, elements=st.floats(0.01, 1)))
    return table, weights / weights.sum(), draw(st.floats(0.05, 20))


@given(games())
@settings(max_examples=200, deadline=None)
def test_each_exact_step_wins_at_least_half_against_the_policy_before(game: tuple[Any, Any, float]) -> None:
    """And by what the paper's theorem says: 1/2 + eta KL(next || policy)."""
    table, policy, eta = game
    after = step(table, policy, eta)
    divergence = float(np.sum(after * np.log(np.maximum(after, 1e-300) / policy)))
    assert win_rate(table, after, policy) >= 0.5 + eta * divergence - 1e-9
    assert after.sum() == pytest.approx(1)
    found = play(table, policy, eta, 5)
    assert min(found.win_rates) >= 0.5 - 1e-12


def test_the_last_policy_cycles_and_the_average_converges() -> None:
    game = play(BIASED, START, eta=10, steps=4000)
    assert min(game.win_rates) >= 0.5
    assert game.exploitability("average") <= 0.02
    assert game.exploitability("last") > 5 * game.exploitability("average")
    assert game.exploitability("best") <= game.exploitability("last")
    assert np.allclose(game.choose("average"), game.policies[1:].mean(axis=0))
    assert game.exploitability("best") == min(exploitability(game.preference, one) for one in game.policies)


def test_a_transitive_preference_is_learnt_and_its_best_answer_is_the_equilibrium() -> None:
    game = play([[0.5, 0.8, 0.9], [0.2, 0.5, 0.7], [0.1, 0.3, 0.5]], [1 / 3] * 3, eta=1, steps=100)
    assert game.choose("last")[0] > 0.999
    assert game.exploitability("last") < 1e-3
    assert exploitability(game.preference, np.array([1.0, 0, 0])) == 0


def test_the_equilibrium_of_the_plain_game_stays_where_it_is() -> None:
    plain = [[0.5, 1, 0], [0, 0.5, 1], [1, 0, 0.5]]
    game = play(plain, [1 / 3] * 3, eta=1, steps=10)
    assert game.exploitability("last") == pytest.approx(0, abs=1e-12)
    assert expected_wins(game.preference, game.choose()) == pytest.approx([0.5] * 3)


def test_the_step_is_the_minimum_of_the_loss() -> None:
    """Where D = r1 - r2 for each two answers; the loss is higher wherever one goes from there."""
    table, policy, eta = np.array(BIASED), np.array(START), 3.0
    reward, after = expected_wins(table, policy), step(table, policy, eta)
    ratios = eta * np.log(after / policy)
    for first in range(3):
        for second in range(3):
            difference, target = ratios[first] - ratios[second], reward[first] - reward[second]
            assert difference == pytest.approx(target, abs=1e-12)
            assert gradient(difference, target) == pytest.approx(0, abs=1e-12)
            for off in (-0.1, 0.1):
                assert loss(difference + off, target) > loss(difference, target)


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_the_gradient_is_the_losss_and_zero_only_at_the_target(difference: float, target: float) -> None:
    tiny = 1e-5
    slope = (loss(difference + tiny, target) - loss(difference - tiny, target)) / (2 * tiny)
    assert gradient(difference, target) == pytest.approx(float(slope), abs=1e-6)
    assert np.sign(gradient(difference, target)) == np.sign(difference - target) or abs(difference - target) < 1e-9


@given(st.floats(-30, 30))
def test_with_a_certain_target_the_loss_is_dpos(difference: float) -> None:
    dpo = float(np.logaddexp(0, -difference))
    assert float(loss(difference, np.inf)) == dpo
    assert float(loss(difference, 40)) == pytest.approx(dpo, abs=1e-12)
    assert float(loss(difference, -np.inf)) == float(np.logaddexp(0, difference))
    assert float(loss(difference, 0)) == pytest.approx((dpo + np.logaddexp(0, difference)) / 2)


def test_sigmoid_of_large_numbers() -> None:
    assert sigmoid([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(("table", "start", "eta"), [
    ([[0.5, 0.5]], [1.0], 1.0),
    ([[0.5, 0.6], [0.6, 0.5]], [0.5, 0.5], 1.0),
    ([[0.5, 1.5], [-0.5, 0.5]], [0.5, 0.5], 1.0),
    (BIASED, [0.5, 0.5], 1.0),
    (BIASED, [0.5, 0.6, 0.1], 1.0),
    (BIASED, [1.5, -0.5, 0.0], 1.0),
    (BIASED, START, 0.0),
])  # fmt: skip
def test_what_is_no_game_is_refused(table: Any, start: Any, eta: float) -> None:
    with pytest.raises(UsageError):
        play(table, start, eta, 1)


def test_a_word_that_names_no_policy_is_refused() -> None:
    other: Any = "first"
    with pytest.raises(UsageError, match="average"):
        play(BIASED, START, 1, 1).choose(other)
