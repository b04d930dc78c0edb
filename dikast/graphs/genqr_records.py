"""What GenQR writes down: reformulations, single replies, weighted queries, choices; and how replies are read.

All are TypedDicts of JSON types, since they go into state, journals and checkpoints.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langgraph.errors import NodeError
from typing_extensions import TypedDict

from dikast.agents.ask import outcome_of
from dikast.agents.keywords import MARKER, parse_keywords, parse_keywords_json
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution, Solver
from dikast.errors import LimitReached, ModelError, ModelUnavailable
from dikast.records import Outcome

Form = Literal["text", "json", "passage"]

FORMS: Mapping[Form, str] = {
    "text": "Answer with a comma-separated list of keywords and nothing else.",
    "json": 'Answer with a JSON object {"keywords": ["...", "..."]} and nothing else.',
    "passage": "Answer with the passage and nothing else.",
}
"""How a reply is asked for, by its form."""
ORIGINAL = -1
"""The index of the original query among reformulations."""
QUOTES = " \n\t\"'`“”"
LINE_LABEL = re.compile(r"^\s*(?:question|q)\s*\d*\s*[:.)]\s*", re.IGNORECASE)


class Reformulation(TypedDict):
    """What one instruction, or one sample of it, gave; a passage is one long keyword."""

    index: int
    instruction: str
    keywords: list[str]
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Said(TypedDict):
    """A single reply beside the reformulations: the plan, the refined text, the query for people."""

    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Weighted(TypedDict):
    """A weighted query as JSON: see `WeightedQuery`."""

    terms: dict[str, float]
    text: str


class Candidate(TypedDict):
    """A reformulation that was chosen among; `index` is the reformulation's, -1 for the original query.

    `value` is comparable within a row only, `None` where there is none.
    """

    index: int
    kept: bool
    value: float | None
    outcome: str
    reason: str


class Selection(TypedDict):
    """What was chosen among, by what, and why; empty `by` where only near-duplicates were left out."""

    by: str
    candidates: list[Candidate]


def read(solution: Solution, index: int, instruction: str, form: Form) -> Reformulation:
    """Parse a solution; one that holds no word is `unparsed`, unless it ended in some other way already."""
    keywords: list[str] = []
    outcome, reason = solution.outcome, solution.reason
    if outcome is Outcome.OK:
        keywords = parse(solution.text, form)
        if not keywords:
            what = "passage" if form == "passage" else "keywords"
            outcome, reason = Outcome.UNPARSED, f"no {what} in {solution.text!r:.80}"
    return Reformulation(
        index=index,
        instruction=instruction,
        keywords=keywords,
        outcome=outcome.value,
        reason=reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def parse(text: str, form: Form) -> list[str]:
    """The keywords of a reply; a passage as the only one."""
    if form == "passage":
        passage = " ".join(text.strip(QUOTES).split())
        return [passage] if any(letter.isalnum() for letter in passage) else []
    return (parse_keywords_json(text) or []) if form == "json" else parse_keywords(text)


def parse_lines(text: str, most: int) -> list[str]:
    """The first lines of a reply that hold words, without list markers and labels."""
    lines = (LINE_LABEL.sub("", MARKER.sub("", line)).strip(QUOTES) for line in text.splitlines())
    return [line for line in lines if any(letter.isalnum() for letter in line)][:most]


def lost(index: int, instruction: str, error: NodeError) -> Reformulation:
    """The record of a call that failed."""
    failed = error.error
    return Reformulation(
        index=index,
        instruction=instruction,
        keywords=[],
        outcome=outcome_of(failed).value,
        reason=str(failed),
        usage={},
        provenance={},
    )


async def consult(
    solver: Solver, prompt: Prompt, fields: Mapping[str, str], sampling: Sampling, sample: int = 0
) -> Said:
    """One reply of the solver, whatever becomes of it; a model that cannot be reached at all is raised."""
    try:
        solution = await solver.solve(prompt, fields, sampling=sampling, sample=sample)
    except ModelUnavailable:
        raise
    except (ModelError, LimitReached) as error:
        return Said(text="", outcome=outcome_of(error).value, reason=str(error), usage={}, provenance={})
    return Said(
        text=solution.text.strip(),
        outcome=solution.outcome.value,
        reason=solution.reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def planned(said: Said, most: int) -> tuple[Said, list[str]]:
    """A plan with its lines; one without is `unparsed`."""
    if said["outcome"] != Outcome.OK:
        return said, []
    lines = parse_lines(said["text"], most)
    if lines:
        return said, lines
    reason = f"no line with a word in {said['text']!r:.80}"
    return {**said, "outcome": Outcome.UNPARSED.value, "reason": reason}, []


def summarise(reformulations: Sequence[Reformulation], others: Sequence[tuple[str, str, str]] = ()) -> tuple[str, str]:
    """The row's outcome and reason out of its calls'.

    Args:
        reformulations: What the instructions gave.
        others: (what, outcome, reason) of the calls beside them.
    """
    counts = Counter(Outcome(one["outcome"]) for one in reformulations)
    for failure in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.LIMIT):
        if counts[failure]:
            first = next(one["reason"] for one in reformulations if one["outcome"] == failure)
            return failure.value, f"{counts[failure]} of {counts.total()} instructions; the first: {first}"
        for what, outcome, reason in others:
            if outcome == failure:
                return failure.value, f"{what}: {reason}"
    if counts[Outcome.OK]:
        return Outcome.OK.value, ""
    alone = "the original query was searched with alone"
    if not counts:
        what, outcome, reason = next(iter(others), ("nothing was asked", Outcome.EMPTY.value, ""))
        return outcome, f"{what}: {reason or outcome}; {alone}"
    worst, count = counts.most_common(1)[0]
    return worst.value, f"{count} of {counts.total()} instructions; {alone}"
