"""What the study of tiers keeps of each call and of each row: all of it JSON."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from dikast.graphs.duo.tiers.roles import Said
from dikast.records import Outcome


class Asking(TypedDict):
    """A call to be made: `state` is the state that it leads to, its last letter the tier."""

    question: str
    draft: str | None
    state: str
    sample: int


class Call(TypedDict):
    """A tier's answer, or what became of the attempt to have one.

    `found` is the answer as the check writes it; `right` is set in the end, by the gold answer. `mean_logprob` and
    `least_logprob` are of the reply's tokens, natural logarithms; `None` where they are not known. `cost` is in the
    prices' unit. Tokens are counted also where the reply came from the request cache.
    """

    state: str
    sample: int
    text: str
    found: str | None
    right: bool
    input_tokens: int
    output_tokens: int
    mean_logprob: float | None
    least_logprob: float | None
    cost: float
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Best(TypedDict):
    """The oracle's plan for one sample: the cheapest that is right."""

    sample: int
    plan: list[str]
    cost: float


def record_call(asking: Asking, said: Said, found: str | None, price: float) -> Call:
    """A call out of a reply; a reply in which no answer can be read is `unparsed`."""
    unread = said.outcome is Outcome.OK and found is None
    tokens = said.input_tokens + said.output_tokens
    return {
        **record_failure(asking, Outcome.UNPARSED if unread else said.outcome, said.reason),
        "reason": "no answer is said" if unread else said.reason,
        "text": said.text,
        "found": found if said.outcome is Outcome.OK else None,
        "input_tokens": said.input_tokens,
        "output_tokens": said.output_tokens,
        "mean_logprob": said.mean_logprob,
        "least_logprob": said.least_logprob,
        "cost": price * tokens / 1000,
        "usage": dict(said.usage),
        "provenance": dict(said.provenance),
    }


def record_failure(asking: Asking, outcome: Outcome, reason: str) -> Call:
    """What stands for a reply that no call brought."""
    return Call(
        state=asking["state"],
        sample=asking["sample"],
        text="",
        found=None,
        right=False,
        input_tokens=0,
        output_tokens=0,
        mean_logprob=None,
        least_logprob=None,
        cost=0.0,
        outcome=outcome,
        reason=reason,
        usage={},
        provenance={},
    )
