"""Who speaks when: owners partition a text, switches are uniform, nobody is asked for nothing; TRIL's defects."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.rlgf.collecting import collect, draw_plans, own_reward, schedule_plans
from dikast.graphs.rlgf.schedules import Schedule
from dikast.graphs.rlgf.table import TablePolicy, TableSpeaker, combination_lock
from dikast.graphs.rlgf.turns import KINDS, Kind, Plan, Written, plan_of
from tests.graphs.rlgf.scripts import assert_share, assert_uniform

UNIT = st.floats(min_value=0, max_value=1, exclude_max=True)
MANY = 6000
END = 9


def plans(kind: Kind, count: int = MANY, *, horizon: int = 8, beta: float = 0.8, official: bool = False) -> list[Plan]:
    uniform = random.Random(5).random
    return draw_plans(kind, count, horizon=horizon, beta=beta, uniform=uniform, official=official)


class Says:
    """Says its own token, and after so many of a text in all the one that ends it."""

    def __init__(self, token: int, ends_at: int = 1000) -> None:
        self.token, self.ends_at = token, ends_at
        self.asked: list[tuple[tuple[int, ...], int]] = []

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[int]]:
        self.asked += [(tuple(prefix), count) for prefix, count in zip(prefixes, counts, strict=True)]
        return [self.say(prefix, count) for prefix, count in zip(prefixes, counts, strict=True)]

    def say(self, prefix: Sequence[int], count: int) -> list[int]:
        left = self.ends_at - len(prefix)
        return [self.token] * count if left > count else [self.token] * (left - 1) + [END]


@given(st.sampled_from(KINDS), st.integers(1, 9), UNIT, UNIT, UNIT, UNIT, st.integers(1, 12), st.integers(1, 12))
def test_owners_partition_every_text_and_the_policy_has_a_token(
    kind: Kind, horizon: int, beta: float, first: float, where: float, cut: float, policy_end: int, guide_end: int
) -> None:
    plan = plan_of(kind, horizon=horizon, beta=beta, uniforms=(first, where, cut))
    policy, guide = Says(1, policy_end), Says(2, guide_end)
    [text] = collect(policy, guide, [()], [plan], ends=[END])
    assert len(text.tokens) == len(text.owners) == len(text.mask) <= horizon
    assert "policy" in text.owners
    assert END not in text.tokens[:-1]
    for token, owner, mine in zip(text.tokens, text.owners, text.mask, strict=True):
        assert mine == (owner == "policy")
        assert token in (END, {"policy": 1, "guide": 2}[owner])
    assert Written.from_dict(text.as_dict()) == text


@pytest.mark.parametrize("kind", ["ppo_pp", "aggrevated"])
def test_switches_are_uniform_on_all_places(kind: Kind) -> None:
    counts = Counter(plan.tau for plan in plans(kind))
    assert_uniform(counts, range(1, 9))


@pytest.mark.parametrize("kind", ["ppo_pp", "aggrevated"])
def test_the_official_switch_leaves_out_the_last_place(kind: Kind) -> None:
    assert sorted({plan.tau for plan in plans(kind, official=True)}) == list(range(1, 8))
    last = [text.owners[-1] for text in collect(Says(1), Says(2), [()] * MANY, plans("aggrevated", official=True))]
    assert set(last) == {"guide"}
    assert "policy" in [text.owners[-1] for text in collect(Says(1), Says(2), [()] * MANY, plans("aggrevated"))]


def test_who_rolls_in_is_drawn_by_beta() -> None:
    guided = sum(plan.roll_in == "guide" for plan in plans("ppo_pp", beta=0.3))
    assert_share(guided, MANY, 0.3)
    own = sum(plan.roll_in == "policy" for plan in plans("aggrevated", beta=0.3))
    assert_share(own, MANY, 0.3)


def test_the_paper_s_turns() -> None:
    horizon = 5
    made = plan_of("ppo_pp", horizon=horizon, beta=1, uniforms=(0, 0.5, 0))
    assert made.tau == 3
    assert [made.owner(place) for place in range(1, 6)] == ["guide", "guide", "policy", "policy", "policy"]
    made = plan_of("aggrevated", horizon=horizon, beta=1, uniforms=(0, 0.5, 0))
    assert [made.owner(place) for place in range(1, 6)] == ["policy", "policy", "policy", "guide", "guide"]
    made = plan_of("aggrevated", horizon=horizon, beta=0, uniforms=(0, 0.5, 0))
    assert [made.owner(place) for place in range(1, 6)] == ["guide", "guide", "policy", "guide", "guide"]


def test_no_text_is_without_a_token_of_the_policy() -> None:
    """TRIL's AggreVaTeD writes 1 - beta of its texts by the guide alone: sampled for nothing."""
    for kind in KINDS:
        for beta in (0.0, 0.5, 1.0):
            texts = collect(Says(1), Says(2, ends_at=4), [()] * 200, plans(kind, 200, beta=beta), ends=[END])
            assert all(sum(text.mask) for text in texts)


def test_a_guide_that_ends_early_is_cut_at_a_place_of_its_text() -> None:
    made = [plan for plan in plans("ppo_pp", beta=1, horizon=20) if plan.tau > 4]
    texts = collect(Says(1), Says(2, ends_at=4), [()] * len(made), made, ends=[END])
    counts = Counter(text.plan.tau for text in texts)
    assert_uniform(counts, range(1, 5))
    assert all(text.dropped == 4 - text.owners.count("guide") for text in texts)


def test_a_last_token_that_ends_the_text_ends_it() -> None:
    made = plan_of("aggrevated", horizon=8, beta=1, uniforms=(0, 0.3, 0))
    guide = Says(2)
    [text] = collect(Says(1, ends_at=3), guide, [()], [made], ends=[END])
    assert (made.tau, text.tokens, text.ended, guide.asked) == (3, (1, 1, END), True, [])


def test_the_guide_is_never_the_policy_itself() -> None:
    """TRIL's guide is the policy as it is now, where both began as one model."""
    one = Says(1)
    with pytest.raises(ValueError, match="frozen"):
        collect(one, one, [()], plans("ppo_pp", 1))
    world = combination_lock(4, 4, 0)
    policy = TablePolicy(world, 0)
    guide = TableSpeaker(world, policy.probabilities, np.random.default_rng(0))
    before = guide.probabilities.copy()
    policy.logits += np.arange(4.0)
    assert (guide.probabilities == before).all()
    assert not (policy.probabilities == before).all()


def test_ppo_pp_without_its_guide_is_ppo_to_the_last_bit() -> None:
    world = combination_lock(6, 3, 0)

    def texts(kind: Kind, beta: float) -> list[tuple[int, ...]]:
        policy = TablePolicy(world, 3)
        guide = TableSpeaker(world, world.guide(0.8), np.random.default_rng(1))
        return [text.tokens for text in collect(policy, guide, [()] * 64, plans(kind, 64, horizon=6, beta=beta))]

    assert texts("ppo_pp", 0) == texts("ppo", 0.8)
    assert texts("ppo_pp", 0.5) != texts("ppo", 0.8)


def test_d2lols_switches_once_by_iteration() -> None:
    schedule = Schedule("d2lols", switch_at=3)
    assert [schedule.kind(at, 0.0) for at in range(6)] == ["aggrevated"] * 3 + ["ppo_pp"] * 3


def test_d2lols_switches_once_by_the_policy_s_own_reward() -> None:
    schedule = Schedule("d2lols", switch_at=0, switch_reward=0.5)
    kinds: list[str] = []
    for reward in (None, 0.4, 0.6, 0.1, None):
        kinds.append(schedule.kind(len(kinds), 0.0))
        schedule.measure(reward)
    assert kinds == ["aggrevated"] * 3 + ["ppo_pp"] * 2


def test_the_own_reward_is_of_texts_that_the_policy_wrote_alone() -> None:
    texts = collect(Says(1), Says(2), [()] * 3, [Plan("aggrevated", 3, tau, "policy") for tau in (1, 3, 3)])
    assert own_reward(texts, [9, 1, 2]) == 1.5
    assert own_reward(texts[:1], [9]) is None


def test_lols_mixes_by_iteration() -> None:
    schedule, uniform = Schedule("lols", share=0.7), random.Random(0).random
    kinds = Counter[str]()
    for at in range(2000):
        found = {plan.kind for plan in schedule_plans(schedule, at, 2, horizon=4, beta=0.5, uniform=uniform)}
        assert len(found) == 1
        kinds.update(found)
    assert_share(kinds["ppo_pp"], 2000, 0.7)


def test_values_are_fitted_where_one_alone_finishes_the_text() -> None:
    def fitted(plan: Plan) -> tuple[int, ...]:
        [text] = collect(Says(1), Says(2), [()], [plan])
        return text.rolled_out

    assert fitted(Plan("aggrevated", 5, 3, "policy")) == (0, 0, 0, 1, 1)
    assert fitted(Plan("ppo_pp", 5, 3, "guide")) == (0, 0, 1, 1, 1)
    assert fitted(Plan("ppo_pp", 5, 3, "policy")) == (1, 1, 1, 1, 1)
    assert fitted(Plan("ppo", 5, 1, "policy")) == (1, 1, 1, 1, 1)
