"""What RLGF's graph keeps of a text: turns, tokens with their owners, what it is worth. All of it JSON."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from dikast.graphs.rlgf.roles import Said
from dikast.graphs.rlgf.turns import Turn, Written


class Turned(TypedDict):
    """A turn: who spoke, how many tokens it could have, how many it gave, how many of them were dropped."""

    owner: str
    asked: int
    said: int
    dropped: int
    ended: bool
    text: str
    provenance: dict[str, Any]


class Switch(TypedDict):
    """The switch: its place from 1, who wrote before it and who behind it.

    `moved`: the guide ended its text before the switch, so that it was drawn anew among the places of that text.
    """

    tau: int
    roll_in: str
    roll_out: str
    moved: bool


class Token(TypedDict):
    """A token of the text, for the audit: whose it is, and whether it is trained on."""

    id: int
    owner: str
    trained: bool
    logprob: float
    """Under the policy that collected."""
    reference: float | None
    """Under the model that the policy is held to."""
    reward: float | None
    """The penalty, and on the last token the text's reward with it."""


def record_turn(turn: Turn, said: Said, before: Written, after: Written) -> Turned:
    """A turn out of what was said."""
    return Turned(
        owner=turn.owner,
        asked=turn.tokens,
        said=len(said.tokens),
        dropped=after.dropped - before.dropped,
        ended=said.ended,
        text=said.text,
        provenance=said.provenance.as_dict(),
    )


def record_switch(first: int, text: Written) -> Switch:
    """The switch as it came to be.

    Args:
        first: The place that was drawn.
        text: The text after its first turn.
    """
    plan = text.plan
    return Switch(tau=plan.tau, roll_in=plan.roll_in, roll_out=plan.roll_out, moved=plan.tau != first)
