"""Groups of texts: what is shared, what each member writes anew, and which tokens are trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from dikast.graphs.rlgf.grouping import collect_groups, shares
from dikast.graphs.rlgf.turns import Plan

END, HORIZON, MEMBERS = 99, 6, 3


class Counting:
    """Says a number that it never said before at each place, so that texts that are sampled anew differ."""

    def __init__(self, first: int, ends_at: int = 1000) -> None:
        self.next, self.ends_at = first, ends_at
        self.asked: list[tuple[tuple[int, ...], int]] = []

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[int]]:
        found: list[list[int]] = []
        for prefix, count in zip(prefixes, counts, strict=True):
            self.asked.append((tuple(prefix), count))
            said: list[int] = []
            for place in range(len(prefix), len(prefix) + count):
                self.next += 1
                said.append(END if place + 1 == self.ends_at else self.next)
                if said[-1] == END:
                    break
            found.append(said)
        return found


def groups(
    plan: Plan, prompts: Sequence[Sequence[int]] = ((), ()), **ends: int
) -> tuple[Counting, Counting, list[list[tuple[int, ...]]]]:
    policy, guide = Counting(1000, ends.get("policy", 1000)), Counting(5000, ends.get("guide", 1000))
    made = collect_groups(policy, guide, prompts, [plan] * len(prompts), members=MEMBERS, ends=[END])
    assert [one.group for one in made] == [group for group in range(len(prompts)) for _ in range(MEMBERS)]
    for one in made:
        assert set(one.trained) <= {0, 1}
        assert all(owner == "policy" for owner, mine in zip(one.text.owners, one.trained, strict=True) if mine)
    return policy, guide, [[one.text.tokens for one in made if one.group == group] for group in range(len(prompts))]


@pytest.mark.parametrize(
    ("plan", "shared"),
    [
        (Plan("ppo_pp", HORIZON, 4, "guide"), 3),
        (Plan("ppo_pp", HORIZON, 1, "guide"), 0),
        (Plan("ppo_pp", HORIZON, 4, "policy"), 0),  # the policy alone: nothing of it is worth sharing
        (Plan("ppo", HORIZON, 1, "policy"), 0),
        (Plan("aggrevated", HORIZON, 4, "policy"), 3),
        (Plan("aggrevated", HORIZON, 4, "guide"), 3),
        (Plan("aggrevated", HORIZON, 1, "policy"), 0),
    ],
)
def test_what_is_before_the_switch_is_written_once_a_group(plan: Plan, shared: int) -> None:
    assert shares(plan) == (shared > 0)
    policy, guide, made = groups(plan)
    for texts in made:
        assert {len(text) for text in texts} == {HORIZON}
        assert len({text[:shared] for text in texts}) == 1
        for place in range(shared, HORIZON):
            assert len({text[place] for text in texts}) == MEMBERS  # each member's own
    assert made[0][0][:shared] != made[1][0][:shared] or not shared
    owner = {"policy": policy, "guide": guide}[plan.roll_in]
    assert [one for one in owner.asked if one == ((), shared)] == [((), shared)] * (2 if shared else 0)


@pytest.mark.parametrize(
    ("plan", "trained"),
    [
        (Plan("ppo_pp", HORIZON, 4, "guide"), (0, 0, 0, 1, 1, 1)),
        (Plan("ppo_pp", HORIZON, 4, "policy"), (1, 1, 1, 1, 1, 1)),
        (Plan("ppo", HORIZON, 1, "policy"), (1, 1, 1, 1, 1, 1)),
        (Plan("aggrevated", HORIZON, 4, "policy"), (0, 0, 0, 1, 0, 0)),
        (Plan("aggrevated", HORIZON, 4, "guide"), (0, 0, 0, 1, 0, 0)),
        (Plan("aggrevated", HORIZON, 6, "policy"), (0, 0, 0, 0, 0, 1)),
    ],
)
def test_only_what_a_member_s_policy_wrote_itself_is_trained_on(plan: Plan, trained: tuple[int, ...]) -> None:
    policy, guide = Counting(1000), Counting(5000)
    made = collect_groups(policy, guide, [(), ()], [plan] * 2, members=MEMBERS)
    assert {one.trained for one in made} == {trained}


def test_prompts_stand_before_what_is_written_and_belong_to_their_group() -> None:
    policy, guide, _ = groups(Plan("ppo_pp", HORIZON, 3, "guide"), [(7, 7), (8, 8, 8)])
    assert Counter(prefix[:2] for prefix, _ in guide.asked) == {(7, 7): 1, (8, 8): 1}
    assert Counter((prefix[0], len(prefix), count) for prefix, count in policy.asked) == {(7, 4, 4): 3, (8, 5, 4): 3}


def test_a_shared_beginning_that_ends_the_text_is_cut_where_the_policy_can_go_on() -> None:
    """As a text that one guide writes alone: at one of its places, all equally likely."""
    for cut, kept in ((0.0, 0), (0.4, 0), (0.6, 1), (0.99, 1)):
        policy, _, made = groups(Plan("ppo_pp", HORIZON, 5, "guide", cut), guide=2)
        for texts in made:
            assert len({text[:kept] for text in texts}) == 1
            assert all(END not in text for text in texts)
            assert {len(text) for text in texts} == {HORIZON}
        assert {count for _, count in policy.asked} == {HORIZON - kept}


def test_a_shared_beginning_that_is_as_long_as_it_may_be_and_ends_no_text_stays() -> None:
    policy, _, made = groups(Plan("ppo_pp", HORIZON, 5, "guide", 0.0))
    assert {count for _, count in policy.asked} == {2}
    assert all(len({text[:4] for text in texts}) == 1 for texts in made)


def test_a_policy_that_ends_in_the_shared_beginning_is_cut_as_well() -> None:
    _, _, made = groups(Plan("aggrevated", HORIZON, 5, "policy", 0.6), policy=2)
    assert all(len({text[:1] for text in texts}) == 1 for texts in made)


def test_members_end_for_themselves() -> None:
    _, _, made = groups(Plan("ppo", HORIZON, 1, "policy"), policy=3)
    assert all(len(text) == 3 and text[-1] == END for texts in made for text in texts)


def test_a_last_token_that_ends_the_text_ends_it() -> None:
    """Also where the turn is used up: the guide is not asked for what would come behind."""
    _, guide, made = groups(Plan("aggrevated", HORIZON, 1, "policy"), policy=1)
    assert made == [[(END,)] * MEMBERS] * 2
    assert guide.asked == []
    policy, _, made = groups(Plan("ppo_pp", HORIZON, 3, "guide", 0.6), guide=2)
    assert {count for _, count in policy.asked} == {HORIZON - 1}
    assert all(END not in text for texts in made for text in texts)


def test_each_group_has_a_plan_of_its_own() -> None:
    policy, guide = Counting(1000), Counting(5000)
    plans = [
        Plan("ppo", HORIZON, 1, "policy"),
        Plan("ppo_pp", HORIZON, 3, "guide"),
        Plan("ppo_pp", HORIZON, 5, "guide"),
    ]
    made = collect_groups(policy, guide, [(7,), (8,), (9,)], plans, members=2)
    assert guide.asked == [((8,), 2), ((9,), 4)]
    assert [one.shared for one in made] == [0, 0, 2, 2, 4, 4]
    assert Counter((prefix[0], count) for prefix, count in policy.asked) == {(7, 6): 2, (8, 4): 2, (9, 2): 2}
