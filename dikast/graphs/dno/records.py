"""What DNO's graph hands to its branches, and what it keeps of each answer and of the judge: all of it JSON."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from dikast.agents.roles import Solution
from dikast.graphs.dno.roles import Scores
from dikast.records import Outcome
from dikast.training.pairs import Source, loops


class Asking(TypedDict):
    """An answer to be written."""

    messages: list[dict[str, str]]
    source: Source
    sample: int


class Answer(TypedDict):
    """An answer, or what became of the attempt to have one.

    `sample` counts a source's answers from 0. `score` is the judge's, as it gave it. `length` is in characters.
    `loops`: it says the same over and over, so that it is never the better one of a pair. `repeats` is the place of the
    earlier answer that says the same: the judge is shown one of them, both have its score, only the first is in pairs.
    `provenance` is empty for a gold answer that the row brought.
    """

    source: Source
    sample: int
    text: str
    score: float | None
    length: int
    loops: bool
    repeats: int | None
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Pairing(TypedDict):
    """A pair, by the places of its answers; `kind` is `teacher>student`, `student>teacher` or `student>student`."""

    chosen: int
    rejected: int
    margin: float
    kind: str


class Judged(TypedDict):
    """What the judge said; `order` is place shown -> place among the answers."""

    order: list[int]
    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Lengths(TypedDict):
    """Mean characters of the answers by source; `None` where there is none."""

    student: float | None
    teacher: float | None


def record_answer(asking: Asking, solution: Solution) -> Answer:
    """An answer out of a solution."""
    return {
        **record_no_answer(asking, Outcome(solution.outcome), solution.reason),
        "text": solution.text,
        "length": len(solution.text),
        "loops": loops(solution.text),
        "usage": solution.usage.as_dict(),
        "provenance": solution.provenance.as_dict(),
    }


def record_gold(text: str) -> Answer:
    """The gold answer that a row brought along."""
    blank = record_no_answer(Asking(messages=[], source="teacher", sample=0), Outcome.OK, "")
    return {**blank, "text": text, "length": len(text), "loops": loops(text)}


def record_no_answer(asking: Asking, outcome: Outcome, reason: str) -> Answer:
    """What stands for an answer that no call brought."""
    return Answer(
        source=asking["source"],
        sample=asking["sample"],
        text="",
        score=None,
        length=0,
        loops=False,
        repeats=None,
        outcome=outcome,
        reason=reason,
        usage={},
        provenance={},
    )


def record_judged(order: list[int], scores: Scores) -> Judged:
    """What the judge said of the answers in this order."""
    return Judged(
        order=order,
        text=scores.text,
        outcome=scores.outcome,
        reason=scores.reason,
        usage=scores.usage.as_dict(),
        provenance=scores.provenance.as_dict(),
    )


def record_not_judged(outcome: Outcome, reason: str) -> Judged:
    """What stands for the words of a judge that could not be asked."""
    return Judged(order=[], text="", outcome=outcome, reason=reason, usage={}, provenance={})
