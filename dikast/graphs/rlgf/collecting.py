"""Texts by the batch: policy and guide as speakers that go on from token ids; what the trainers here are fed by.

    texts = collect(policy, guide, prompts, plans)

A speaker is asked once a round for all texts whose turn is its own. The policy draws from its own random numbers alone,
so that PPO++ with beta 0 is PPO to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from dikast.graphs.rlgf.schedules import Schedule
from dikast.graphs.rlgf.turns import Kind, Owner, Plan, Written, plan_of


class Speaker(Protocol):
    """Goes on with texts; a guide may be anything that does."""

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> Sequence[Sequence[int]]:
        """The next tokens of each text.

        Args:
            prefixes: Prompt and text so far, as token ids.
            counts: How many tokens each may get; fewer end the text. A token that ends texts is the last one said.
        """
        ...


def draw_plans(
    kind: Kind,
    count: int,
    *,
    horizon: int,
    beta: float,
    uniform: Callable[[], float],
    official: bool = False,
) -> list[Plan]:
    """Plans of an iteration, three numbers each, whatever the collector.

    Args:
        kind: The iteration's collector (`Schedule.kind`).
        count: How many.
        horizon: Tokens of a text at most.
        beta: As in `plan_of`.
        uniform: Draws from [0, 1); of its own, nobody else's.
        official: As in `plan_of`.
    """
    return [
        plan_of(kind, horizon=horizon, beta=beta, uniforms=(uniform(), uniform(), uniform()), official=official)
        for _ in range(count)
    ]


def collect(
    policy: Speaker,
    guide: Speaker,
    prompts: Sequence[Sequence[int]],
    plans: Sequence[Plan],
    *,
    ends: Collection[int] = (),
) -> list[Written]:
    """Have texts written.

    Args:
        policy: What is trained.
        guide: Frozen: another model, or the policy as it was, never the policy itself.
        prompts: Token ids, one prompt a plan.
        plans: One a text.
        ends: Tokens that end a text; beside them only the horizon does.

    Raises:
        ValueError: Policy and guide are one object, or there is not one prompt a plan.
    """
    return finish(policy, guide, prompts, [Written(plan) for plan in plans], ends=ends)


def finish(
    policy: Speaker,
    guide: Speaker,
    prompts: Sequence[Sequence[int]],
    texts: Sequence[Written],
    *,
    ends: Collection[int] = (),
) -> list[Written]:
    """Have texts written to their ends that stand already in part; arguments and errors as for `collect`."""
    if policy is guide:
        raise ValueError("the guide is the policy itself: give a frozen copy, which training does not change")
    speakers: dict[Owner, Speaker] = {"policy": policy, "guide": guide}
    pairs = list(zip(prompts, texts, strict=True))
    while any(text.turn for _, text in pairs):
        for owner, speaker in speakers.items():
            pairs = spoken(owner, speaker, pairs, ends)
    return [text for _, text in pairs]


def spoken(
    owner: Owner, speaker: Speaker, pairs: Sequence[tuple[Sequence[int], Written]], ends: Collection[int]
) -> list[tuple[Sequence[int], Written]]:
    """The texts after one speaker's turns."""
    places = [place for place, (_, text) in enumerate(pairs) if text.turn and text.turn.owner == owner]
    if not places:
        return list(pairs)
    prefixes = [(*pairs[place][0], *pairs[place][1].tokens) for place in places]
    counts = [turn.tokens for place in places if (turn := pairs[place][1].turn)]
    found = list(pairs)
    for place, count, tokens in zip(places, counts, speaker.go_on(prefixes, counts), strict=True):
        found[place] = (found[place][0], found[place][1].add(tokens, ended=has_ended(tokens, count, ends)))
    return found


def has_ended(tokens: Sequence[int], count: int, ends: Collection[int]) -> bool:
    """Whether what was said in a turn of `count` tokens ends its text."""
    return len(tokens) < count or tokens[count - 1] in ends


def own_reward(texts: Sequence[Written], rewards: Sequence[float]) -> float | None:
    """The mean reward of texts that the policy wrote alone, for `Schedule.measure`; `None` without any."""
    own = [reward for text, reward in zip(texts, rewards, strict=True) if all(text.mask)]
    return sum(own) / len(own) if own else None


def schedule_plans(
    schedule: Schedule,
    iteration: int,
    count: int,
    *,
    horizon: int,
    beta: float,
    uniform: Callable[[], float],
    official: bool = False,
) -> list[Plan]:
    """An iteration's plans, of the collector whose turn it is. PPO has PPO++'s draws."""
    kind = schedule.kind(iteration, uniform())
    return draw_plans(kind, count, horizon=horizon, beta=beta, uniform=uniform, official=official)
