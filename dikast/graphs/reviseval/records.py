"""What RevisEval's graph hands to its branches, and what it keeps of each call: all of it JSON."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from dikast.agents.roles import Judgement, Solution
from dikast.conversation import Message
from dikast.records import Outcome
from dikast.verdicts import Winner, winner_of

Number = Literal["1", "2"]
Kind = Literal["revision", "answer", "commitment", "given"]
Order = Literal["ab", "ba", "one"]
"""Response 1 shown first; response 2 shown first; a single response."""


class Making(TypedDict):
    """A reference to be made: from `response` with its `guide`, or by the answer of judge number `judge`."""

    kind: Kind
    instruction: str
    primary: Number | None
    response: str
    guide: str
    judge: int | None
    before: list[Message]
    """The conversation that the response ends; empty without one."""
    rubric: str
    """Ready for a prompt."""


class Judging(TypedDict):
    """A judgement to be made: `responses` are in the order in which they are shown."""

    instruction: str
    responses: list[str]
    order: Order
    judge: int
    reference: int | None
    """Its place in `references`."""
    text: str
    """The reference's own text; empty without one."""
    own: bool
    before: list[list[Message]]
    """The conversation that each response ends."""
    rubric: str
    """Ready for a prompt."""
    said: list[str]
    """Of a judge that contradicted itself: its comparison in this order, then that in the other one."""


class Reference(TypedDict):
    """A reference, or what became of the attempt to make one.

    `primary` is the response that was revised, `judge` the number of the judge whose own answer it is; each `None`
    where it is neither. `diagnosis` says what the reviser did (`dikast.evaluation.revision.Diagnosis`, with null for
    what is not defined): `nearer_to_guide` is the flag to look at first.
    """

    kind: Kind
    primary: Number | None
    judge: int | None
    text: str
    diagnosis: dict[str, Any] | None
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Judged(TypedDict):
    """One judgement. `verdict` names the response by its own number; `preference` is P(the one shown first)."""

    judge: int
    reference: int | None
    order: Order
    synthesis: bool
    verdict: Winner | None
    score: float | None
    preference: float | None
    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Vote(TypedDict):
    """What one judge says in the end, with one reference.

    `preference` is P(response 1) out of both orders, where the judge gives probabilities. `conflict`: its verdicts in
    the two orders differ.
    """

    judge: int
    reference: int | None
    ab: Winner | None
    ba: Winner | None
    verdict: Winner | None
    score: float | None
    preference: float | None
    conflict: bool


def record_made(making: Making, solution: Solution) -> Reference:
    """A reference out of a solution."""
    return Reference(
        kind=making["kind"],
        primary=making["primary"],
        judge=making["judge"],
        text=solution.text,
        diagnosis=None,
        outcome=solution.outcome,
        reason=solution.reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def record_given(text: str) -> Reference:
    """A reference that the row brought along."""
    return {**record_no_reference("given", None, None, Outcome.OK, ""), "text": text}


def record_no_reference(
    kind: Kind, primary: Number | None, judge: int | None, outcome: Outcome, reason: str
) -> Reference:
    """What stands for a reference that no call brought."""
    return Reference(
        kind=kind,
        primary=primary,
        judge=judge,
        text="",
        diagnosis=None,
        outcome=outcome,
        reason=reason,
        usage={},
        provenance={},
    )


def record_judgement(judging: Judging, judgement: Judgement) -> Judged:
    """A judgement as the row's record has it: by the responses' own numbers, whatever the order was."""
    swapped = judging["order"] == "ba"
    preference = judgement.preference
    return Judged(
        judge=judging["judge"],
        reference=judging["reference"],
        order=judging["order"],
        synthesis=bool(judging["said"]),
        verdict=winner_of(judgement.side, swapped=swapped),
        score=judgement.score,
        preference=preference,
        text=judgement.text,
        outcome=judgement.outcome,
        reason=judgement.reason,
        usage=judgement.usage.as_dict(),
        provenance=judgement.provenance.as_dict(),
    )


def record_no_judgement(judging: Judging, outcome: Outcome, reason: str) -> Judged:
    """What stands for a judgement that no call brought."""
    return Judged(
        judge=judging["judge"],
        reference=judging["reference"],
        order=judging["order"],
        synthesis=bool(judging["said"]),
        verdict=None,
        score=None,
        preference=None,
        text="",
        outcome=outcome,
        reason=reason,
        usage={},
        provenance={},
    )
