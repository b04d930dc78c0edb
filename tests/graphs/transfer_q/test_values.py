"""Values and choices by themselves: identities, limits, and what few heavy weights do."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.graphs.transfer_q.choosing import divergence, log_counts, pick, weighted
from dikast.graphs.transfer_q.values import direct, indirect, repository, soft

REWARDS, BASELINE = [0.1, 0.9, 0.4, 0.6], [0.9, 0.1, 0.4, 0.5]


def test_direct_is_the_mean_and_shares_count() -> None:
    assert direct(REWARDS).value == pytest.approx(0.5)
    assert direct(REWARDS).ess == pytest.approx(4)
    assert direct([0.0, 1.0], np.log([1, 3])).value == pytest.approx(0.75)


def test_indirect_weights_add_up_to_one() -> None:
    weights = np.exp((np.array(REWARDS) - BASELINE) / 0.5)
    found = indirect(REWARDS, BASELINE, beta=0.5, least_ess=0)
    assert found.value == pytest.approx(float((weights * REWARDS).sum() / weights.sum()))
    assert found.ess == pytest.approx(float(weights.sum() ** 2 / (weights**2).sum()))
    assert found.power == 1
    constant = indirect([0.3] * 4, BASELINE, beta=0.5)
    assert constant.value == pytest.approx(0.3)
    assert indirect(REWARDS, REWARDS, beta=0.01).value == direct(REWARDS).value


def test_rewards_beyond_what_exp_can_hold() -> None:
    found = indirect([1000.0, -1000.0], [0.0, 0.0], beta=0.1, least_ess=0)
    assert (found.value, found.ess) == (1000.0, pytest.approx(1))
    assert soft([1000.0, -1000.0], beta=0.1).value == pytest.approx(1000 - 0.1 * np.log(2))


def test_few_heavy_weights_are_tempered_to_the_floor() -> None:
    rewards, baseline = [5.0, 0.0, 0.1, 0.2, 0.3, 0.1, 0.2, 0.1, 0.2, 0.3], [0.0] * 10
    bare = indirect(rewards, baseline, beta=0.5, least_ess=0)
    held = indirect(rewards, baseline, beta=0.5, least_ess=0.3)
    assert bare.ess < 1.1
    assert held.ess == pytest.approx(3.0)
    assert 0 < held.power < 1
    assert direct(rewards).value < held.value < bare.value
    assert indirect(rewards, baseline, beta=0.5, least_ess=1).value == pytest.approx(float(direct(rewards).value))
    rows = indirect([rewards, REWARDS + [0.5] * 6], [baseline, BASELINE + [0.5] * 6], beta=0.5)
    assert rows.power[0] == held.power
    assert rows.power[1] == 1


def test_the_repository_s_rule_is_not_normalised() -> None:
    weights = np.exp(0.5 * (np.array(REWARDS) - BASELINE))
    assert repository(REWARDS, BASELINE).value == pytest.approx(float((weights * REWARDS).mean()))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no completion"):
        direct([])
    for beta, least in ((0.0, 0.3), (1.0, 1.5)):
        with pytest.raises(ValueError, match="beta"):
            indirect(REWARDS, BASELINE, beta=beta, least_ess=least)
    with pytest.raises(ValueError, match="beta"):
        soft(REWARDS, beta=0)
    with pytest.raises(ValueError, match="weight"):
        weighted([0.0], [0.0], weight=-1)


def test_no_weight_is_the_solver_and_much_weight_the_value() -> None:
    priors = np.log([0.5, 0.3, 0.2])
    assert weighted(priors, [3.0, 1.0, 2.0], weight=0) == pytest.approx(priors)
    assert np.exp(weighted(priors, [3.0, 1.0, 2.0], weight=500))[0] == pytest.approx(1)
    assert divergence(priors, priors) == 0
    assert divergence(weighted(priors, [0.0, 0.0, 900.0], weight=9), priors) == pytest.approx(-np.log(0.2))


def test_picks_are_as_likely_as_they_should_be() -> None:
    policy, random = np.log([0.5, 0.3, 0.2]), np.random.default_rng(0)
    counts = np.bincount([pick(policy, random, greedy=False) for _ in range(20_000)], minlength=3)
    assert counts / 20_000 == pytest.approx([0.5, 0.3, 0.2], abs=0.015)
    assert pick(np.log([0.2, 0.4, 0.4]), random, greedy=True) == 1
    assert np.exp(log_counts([1, 3])) == pytest.approx([0.25, 0.75])
