"""Texts in groups, for trainers without a critic: the members of a group share what is before the switch.

    texts = collect_groups(policy, guide, prompts, plans, members=4, ends=ends)       # 4 texts a prompt

What is shared is written once; from the switch on each member is sampled anew. So the mean reward of a group estimates
what the text so far is worth: with PPO++ under the policy, with AggreVaTeD under the guide, whose spread is then due to
the policy's one action at the switch. That action alone is trained on there, the shared tokens nowhere: equal tokens
with advantages that sum to 0 have no gradient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from dikast.graphs.rlgf.collecting import Speaker, finish, has_ended
from dikast.graphs.rlgf.turns import Owner, Plan, Written


@dataclass(frozen=True, slots=True)
class Member:
    """A text of a group.

    Args:
        group: Which group.
        text: The text.
        shared: How many of its tokens the group shares.
    """

    group: int
    text: Written
    shared: int

    @property
    def trained(self) -> tuple[int, ...]:
        """1 for each token of the policy's that is not shared."""
        return tuple(mine * (place >= self.shared) for place, mine in enumerate(self.text.mask))


def collect_groups(
    policy: Speaker,
    guide: Speaker,
    prompts: Sequence[Sequence[int]],
    plans: Sequence[Plan],
    *,
    members: int,
    ends: Collection[int] = (),
) -> list[Member]:
    """Have groups of texts written, one group a prompt and plan.

    Args:
        policy: What is trained.
        guide: Frozen; see `collect`.
        prompts: Token ids, one prompt a plan.
        plans: One a group.
        members: Texts of a group.
        ends: Tokens that end a text.

    Raises:
        ValueError: As `collect`.
    """
    shared = begun({"policy": policy, "guide": guide}, prompts, plans, ends)
    wanted = [(group, text) for group, text in enumerate(shared) for _ in range(members)]
    texts = finish(policy, guide, [prompts[group] for group, _ in wanted], [text for _, text in wanted], ends=ends)
    return [Member(group, text, len(before.tokens)) for (group, before), text in zip(wanted, texts, strict=True)]


def shares(plan: Plan) -> bool:
    """Whether a group has something to share: what the guide rolls in, or what is before a guide's roll-out."""
    return plan.tau > 1 and (plan.roll_in == "guide" or plan.roll_out == "guide")


def begun(
    speakers: Mapping[Owner, Speaker],
    prompts: Sequence[Sequence[int]],
    plans: Sequence[Plan],
    ends: Collection[int],
) -> list[Written]:
    """What groups share. Where it ends before the switch, it is cut at one of its places, as `Written.add` does it."""
    texts = [Written(plan) for plan in plans]
    for owner, speaker in speakers.items():
        places = [place for place, plan in enumerate(plans) if shares(plan) and plan.roll_in == owner]
        if not places:
            continue
        counts = [plans[place].tau - 1 for place in places]
        said = speaker.go_on([prompts[place] for place in places], counts)
        for place, count, tokens in zip(places, counts, said, strict=True):
            text = replace(texts[place], tokens=tuple(tokens[:count]), owners=(owner,) * len(tokens[:count]))
            texts[place] = text.cut() if has_ended(tokens, count, ends) else text
    return texts
