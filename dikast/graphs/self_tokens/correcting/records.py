"""What the correcting graph keeps of each pass: all of it JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from dikast.graphs.self_tokens.matching import Match, matches

if TYPE_CHECKING:
    from dikast.agents.ask import Answer


class Pass(TypedDict):
    """A draft, a critique or a correction."""

    text: str
    right: bool | None
    """Whether it says what the reference says; `None` where there is no reference, and of critiques."""
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


def record(said: Answer, reference: str | None, how: Match, right: str = "") -> Pass:
    """A pass as a record."""
    return Pass(
        text=said.reply.text,
        right=None if reference is None else matches(said.reply.text, reference, how, right),
        outcome=said.outcome,
        reason=said.reason,
        usage=said.usage.as_dict(),
        provenance=said.provenance.as_dict(),
    )
