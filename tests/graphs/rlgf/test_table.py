"""The paper's update on a table: its formulas, by other means; and that a small lock is learnt."""

from __future__ import annotations

import numpy as np
import pytest

from dikast.graphs.rlgf.advantages import Ppo, estimate, normalised, penalised
from dikast.graphs.rlgf.collecting import collect
from dikast.graphs.rlgf.table import (
    WHOSE,
    TableLearner,
    TablePolicy,
    TableSpeaker,
    combination_lock,
    likelihood_gradient,
    policy_gradient,
    softmax,
    states_of,
    value_gradient,
)
from dikast.graphs.rlgf.turns import Plan, Written

NEAR = 1e-6
STEP = 1e-6


def test_advantages_are_sums_of_one_step_errors() -> None:
    rewards, values, gamma, lam = [0.1, -0.2, 1.0], [0.5, 0.3, 0.7], 0.9, 0.8
    errors = [0.1 + 0.9 * 0.3 - 0.5, -0.2 + 0.9 * 0.7 - 0.3, 1.0 - 0.7]
    wanted = [sum((gamma * lam) ** (k - t) * errors[k] for k in range(t, 3)) for t in range(3)]
    advantages, returns = estimate(rewards, values, gamma=gamma, lam=lam)
    assert advantages == pytest.approx(wanted)
    assert returns == pytest.approx([a + v for a, v in zip(wanted, values, strict=True)])
    plain, _ = estimate(rewards, values, gamma=1.0, lam=1.0)
    assert plain == pytest.approx([0.9 - 0.5, 0.8 - 0.3, 1.0 - 0.7])


def test_what_is_stored_is_the_reward_less_the_penalty() -> None:
    """TRIL stores the bare reward for PPO++ and AggreVaTeD."""
    assert penalised(1.0, [-1.0, -2.0, -3.0], [-2.0, -2.5, -1.0], [1, 0, 1], kl=0.1) == pytest.approx([-0.1, 0, 1.2])
    world = combination_lock(3, 2, 0)
    for kind in ("ppo", "ppo_pp", "aggrevated"):
        policy = TablePolicy(world, 0)
        learner = TableLearner(policy, Ppo(kl=0.5, gamma=1.0, lam=1.0, normalise=False))
        policy.logits[:, 0] += 1.0
        text = Written(Plan(kind, 3, 3, "policy"), (0, 0, 1), ("policy",) * 3)
        batch = learner.batch([text], [2.0])
        kl = [np.log(policy.probabilities[s, t]) - np.log(0.5) for s, t in zip(batch.state, batch.token, strict=True)]
        assert batch.advantage[2] == pytest.approx(2.0 - 0.5 * kl[2])
        assert batch.advantage[0] == pytest.approx(2.0 - 0.5 * sum(kl))


def test_advantages_have_mean_0_and_spread_1() -> None:
    """TRIL's comment promises it; its code does not do it."""
    found = normalised(np.array([1.0, 2.0, 6.0]))
    assert (found.mean(), found.std()) == (pytest.approx(0), pytest.approx(1))
    assert normalised(np.zeros(3)).tolist() == [0, 0, 0]
    assert Ppo().normalise


def sample(kind: str = "ppo_pp") -> tuple[TablePolicy, TableLearner, list[Written]]:
    world = combination_lock(4, 3, 1)
    policy = TablePolicy(world, 2)
    policy.logits += np.random.default_rng(0).normal(size=policy.logits.shape)
    learner = TableLearner(policy, Ppo(entropy=0.02, normalise=False))
    guide = TableSpeaker(world, world.guide(0.8), np.random.default_rng(1))
    plans = [Plan("aggrevated" if kind == "aggrevated" else "ppo_pp", 4, 1 + at % 4, "guide") for at in range(32)]
    return policy, learner, collect(policy, guide, [()] * 32, plans)


def test_the_policy_s_gradient_is_that_of_the_clipped_objective() -> None:
    policy, learner, texts = sample()
    batch = learner.batch(texts, [float(len(set(text.tokens))) for text in texts])
    batch.advantage[:] -= batch.advantage.mean()
    own = batch.mask > 0
    policy.logits += np.random.default_rng(1).normal(size=policy.logits.shape) * 0.3
    ppo = learner.ppo

    def loss(logits: np.ndarray) -> float:
        logs = np.log(softmax(logits))
        ratio = np.exp(logs[batch.state, batch.token] - batch.old)[own]
        gain = batch.advantage[own]
        clipped = np.minimum(ratio * gain, np.clip(ratio, 1 - ppo.clip, 1 + ppo.clip) * gain)
        entropy = -(softmax(logits) * logs).sum(-1)[batch.state[own]]
        return float(-(clipped + ppo.entropy * entropy).mean())

    found = policy_gradient(policy.logits, batch, own, ppo)
    assert np.abs(found).max() > 1e-3
    for place in np.ndindex(*found.shape):
        move = np.zeros_like(policy.logits)
        move[place] = STEP
        slope = (loss(policy.logits + move) - loss(policy.logits - move)) / (2 * STEP)
        assert found[place] == pytest.approx(slope, abs=NEAR)


def test_the_value_s_gradient_is_that_of_the_larger_error() -> None:
    policy, learner, texts = sample()
    batch = learner.batch(texts, [float(at % 3) for at in range(len(texts))])
    policy.values += np.random.default_rng(1).normal(size=policy.values.shape) * 0.5
    seen, clip = batch.fitted > 0, learner.ppo.value_clip

    def loss(values: np.ndarray) -> float:
        now = values[batch.critic, batch.state]
        near = np.clip(now, batch.value - clip, batch.value + clip)
        return float(0.5 * np.maximum((now - batch.target) ** 2, (near - batch.target) ** 2)[seen].mean())

    found = value_gradient(policy.values, batch, seen, learner.ppo)
    for place in np.ndindex(*found.shape):
        move = np.zeros_like(policy.values)
        move[place] = STEP
        slope = (loss(policy.values + move) - loss(policy.values - move)) / (2 * STEP)
        assert found[place] == pytest.approx(slope, abs=NEAR)


def test_the_likelihood_of_references_rises() -> None:
    policy, _, _ = sample()
    references = [(0, 1, 2, 0), (1, 1, 1, 1)]

    def loss(logits: np.ndarray) -> float:
        logs = np.log(softmax(logits))
        terms = [logs[states_of(policy.world, one), list(one)] for one in references]
        return float(-np.concatenate(terms).mean())

    found = likelihood_gradient(policy, references)
    for place in np.ndindex(*found.shape):
        move = np.zeros_like(policy.logits)
        move[place] = STEP
        slope = (loss(policy.logits + move) - loss(policy.logits - move)) / (2 * STEP)
        assert found[place] == pytest.approx(slope, abs=NEAR)


def test_a_guide_s_tokens_move_nothing_of_the_policy() -> None:
    policy, learner, texts = sample("aggrevated")
    batch = learner.batch(texts, [1.0] * len(texts))
    own = batch.mask > 0
    with_own = policy_gradient(policy.logits, batch, own, Ppo(entropy=0.0))
    batch.advantage[~own] = 1e6
    assert (policy_gradient(policy.logits, batch, own, Ppo(entropy=0.0)) == with_own).all()
    batch.mask[:] = 0
    assert (policy_gradient(policy.logits, batch, batch.mask > 0, Ppo()) == 0).all()


def test_each_text_s_value_is_that_of_who_finishes_it() -> None:
    _, learner, texts = sample("aggrevated")
    assert set(learner.batch(texts, [1.0] * len(texts)).critic) == {WHOSE["guide"]}
    _, learner, texts = sample()
    assert set(learner.batch(texts, [1.0] * len(texts)).critic) == {WHOSE["policy"]}


def test_a_lock_is_shut_by_the_first_wrong_token() -> None:
    world = combination_lock(5, 4, 3)
    secret = world.secret.tolist()
    assert world.reward(secret) == 1
    wrong = [*secret[:2], (secret[2] + 1) % 4, *secret[3:]]
    assert world.reward(wrong) == 0
    assert [state % 2 for state in states_of(world, wrong)] == [0, 0, 0, 1, 1]
    assert world.opened(world.guide(0.8)) == pytest.approx(0.8**5)
    assert world.opened(np.full(world.after.shape, 0.25)) == pytest.approx(0.25**5)
