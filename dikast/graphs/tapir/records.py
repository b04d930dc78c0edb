"""What TAPIR's graph hands to its branches, and what it keeps of each call: all of it JSON."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from dikast.agents.roles import Solution
from dikast.graphs.tapir.roles import PairScore, Style
from dikast.records import Outcome

Who = Literal["teacher", "student"]
WHOSE: tuple[Who, Who] = ("teacher", "student")


class Asking(TypedDict):
    """An answer to be had."""

    who: Who
    instruction: str
    style: Style


class Answer(TypedDict):
    """An answer, or what became of the attempt to get one.

    `given`: it came with the row. `cut`: it broke off at the most tokens that it might have; it is judged as it is.
    """

    who: Who
    text: str
    given: bool
    cut: bool
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Judging(TypedDict):
    """Two answers to be scored, of which the one of `first` is shown first."""

    instruction: str
    teacher: str
    student: str
    first: Who


class Scores(TypedDict):
    """What the judge gave, by whose answer it is; `first` was shown first. Both `None`, or neither."""

    first: Who
    teacher: int | None
    student: int | None
    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


def record_answer(who: Who, solution: Solution) -> Answer:
    """An answer out of a solution."""
    return Answer(
        who=who,
        text=solution.text,
        given=False,
        cut=solution.provenance.cut,
        outcome=solution.outcome,
        reason=solution.reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def record_given(text: str) -> Answer:
    """The teacher's answer that the row brought along."""
    return {**record_no_answer("teacher", Outcome.OK, ""), "text": text, "given": True}


def record_no_answer(who: Who, outcome: Outcome, reason: str) -> Answer:
    """What stands for an answer that no call brought."""
    return Answer(who=who, text="", given=False, cut=False, outcome=outcome, reason=reason, usage={}, provenance={})


def record_scores(judging: Judging, score: PairScore) -> Scores:
    """A judge's points by whose they are, whatever the order was."""
    swapped = judging["first"] == "student"
    return Scores(
        first=judging["first"],
        teacher=score.second if swapped else score.first,
        student=score.first if swapped else score.second,
        text=score.text,
        outcome=score.outcome,
        reason=score.reason,
        usage=score.usage.as_dict(),
        provenance=dict(score.provenance),
    )


def record_no_scores(judging: Judging, outcome: Outcome, reason: str) -> Scores:
    """What stands for points that no call brought."""
    return record_scores(judging, PairScore(None, None, "", outcome, reason))
