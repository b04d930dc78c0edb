"""How GenQR reads replies into its records, and makes a row's outcome out of its calls' outcomes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution, Solver
from dikast.graphs.genqr.keywords import MARKER, parse_keywords, parse_keywords_json
from dikast.graphs.genqr.records import Form, Reformulation, Said
from dikast.records import FAILURES, Outcome

QUOTES = " \n\t\"'`“”"
LINE_LABEL = re.compile(r"^\s*+(?:question|q)\s*+(?:\d++\s*+)?[:.)]\s*+", re.IGNORECASE)


def read_solution(solution: Solution, index: int, instruction: str, form: Form) -> Reformulation:
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


def record_failure(index: int, instruction: str, outcome: Outcome, reason: str) -> Reformulation:
    """The record of a call that failed."""
    return Reformulation(
        index=index,
        instruction=instruction,
        keywords=[],
        outcome=outcome.value,
        reason=reason,
        usage={},
        provenance={},
    )


async def ask_solver(
    solver: Solver, prompt: Prompt, fields: Mapping[str, str], sampling: Sampling, sample: int = 0
) -> Said:
    """Ask the solver once; a failed call becomes a record, a model that cannot be reached at all is an error."""
    try:
        solution = await solver.solve(prompt, fields, sampling=sampling, sample=sample)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return Said(text="", outcome=outcome.value, reason=reason, usage={}, provenance={})
    return Said(
        text=solution.text.strip(),
        outcome=solution.outcome.value,
        reason=solution.reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def read_plan(said: Said, most: int) -> tuple[Said, list[str]]:
    """Read the lines of a plan; one without any is `unparsed`."""
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
    for failure in FAILURES:
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
