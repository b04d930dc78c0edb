"""What a game of HiddenTables writes down, and how a round is closed: records, majority, bits.

A game has turns (a question and its follow-ups), a turn has rounds (tries), a round has drafts (one reply a sample).
No record holds an answer or a cell, but `Turn.answer` where the owner allows it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution
from dikast.graphs.hidden_tables.code import extract_code
from dikast.graphs.hidden_tables.language import PYTHON, Language
from dikast.graphs.hidden_tables.records import Draft, Kept, Turn
from dikast.graphs.hidden_tables.roles import Ran
from dikast.records import Outcome, gravest_failure
from dikast.sandbox import OFFERED

SHOWN_REPLY = 4_000
"""Characters of a reply without a program that its writer is shown again."""

MESSAGES: Mapping[str, str] = {
    "failed": "The program gave no answer.",
    "empty": "The program ran, and its answer was empty.",
    "no_answer": "The program ran and ended without an answer.",
    "bad_answer": "The answer was not a value or a list of values, or it was too long.",
    "timeout": "The program took too long and was stopped.",
    "killed": "The program was stopped: it used too much memory, or its process died.",
    "error": "The program raised an exception.",
    "other": "The program raised an exception.",
    **{
        name: f"The program raised {name}."
        for name in (
            "SyntaxError",
            "NameError",
            "KeyError",
            "IndexError",
            "AttributeError",
            "TypeError",
            "ValueError",
            "ImportError",
        )
    },
    "ArithmeticError": "The program divided by zero, or a number was too large.",
    "no_code": "There was no Python code block in that reply.",
    "many_blocks": "There was more than one code block in that reply.",
    "cut": "The reply was cut off before the code block ended.",
    "objected": "The program was not run. A reviewer, who sees no data either, says:",
}
"""Feedback code -> the sentence that a Solver of Python is told. `ok` has none: the game goes on or ends."""

STATUS_OUTCOMES: Mapping[str, Outcome] = {
    "ok": Outcome.OK,
    "empty": Outcome.OK,
    "no_answer": Outcome.EMPTY,
    "bad_answer": Outcome.UNPARSED,
    "output": Outcome.LIMIT,
    "memory": Outcome.LIMIT,
    "refused": Outcome.LIMIT,
    "timeout": Outcome.TIMEOUT,
    "crash": Outcome.ERROR,
    "error": Outcome.ERROR,
}
"""How a turn ends whose last program ended so. Programs that raise or die are errors; another try may mend them."""


def message(code: str, language: Language = PYTHON) -> str:
    """The sentence that stands for a feedback code."""
    return language.messages.get(code, MESSAGES[code])


def fields_of(prompt: Prompt, schema: str, earlier: str, question: str) -> dict[str, str]:
    """What a prompt is filled with; the modules only where it asks for them, since SQL has none."""
    fields = {"schema": schema, "earlier": earlier, "question": question}
    return {"modules": ", ".join(OFFERED), **fields} if "modules" in prompt.fields else fields


def make_draft(turn: int, round_: int, sample: int, solution: Solution, language: Language = PYTHON) -> Draft:
    """Make the record of one reply: its program, or why it has none."""
    program, problem, text = "", "", ""
    outcome, reason = solution.outcome, solution.reason
    if outcome is Outcome.OK:
        found = extract_code(solution.text, language)
        program = found.program
        if found.problem is not None:
            problem, text = found.problem.value, solution.text[:SHOWN_REPLY]
            outcome, reason = Outcome.UNPARSED, found.reason
    return Draft(
        turn=turn,
        round=round_,
        sample=sample,
        program=program,
        problem=problem,
        text=text,
        outcome=outcome,
        reason=reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def record_no_draft(turn: int, round_: int, sample: int, outcome: Outcome, reason: str) -> Draft:
    """The record of a call that gave no reply."""
    return Draft(
        turn=turn,
        round=round_,
        sample=sample,
        program="",
        problem="",
        text="",
        outcome=outcome,
        reason=reason,
        usage={},
        provenance={},
    )


def choose_majority(ran: Sequence[Ran]) -> int:
    """Which program's answer is given: the first of the largest group of equal answers.

    Programs with an answer come before those whose answer is empty, and these before those without; among equally
    large groups the one that was seen first wins.
    """
    for status in ("ok", "empty"):
        counts = Counter(one.group for one in ran if one.status == status)
        if counts:
            group, _ = counts.most_common(1)[0]
            return next(at for at, one in enumerate(ran) if one.status == status and one.group == group)
    return 0


def keep_answer(answer: Sequence[str] | None) -> Kept:
    """An answer as a turn keeps it, with its labels where the oracle gives any."""
    return Kept(answer=None if answer is None else list(answer), table=getattr(answer, "table", None))


def quote_earlier(turns: Sequence[Mapping[str, Any]], samples: int, language: Language = PYTHON) -> str:
    """The questions before one, with their programs where there was no choice among several samples.

    Which of several was chosen depends on the data, so it is not told.
    """
    if not turns:
        return ""
    lines = ["Earlier questions about this table:"]
    for turn in turns:
        lines.append(f"Question: {turn['question']}")
        if samples == 1 and turn["program"]:
            lines.append(language.quoted(turn["program"]))
    lines.append(language.previous)
    return "\n".join(lines) + "\n\n"


def count_bits(codes: Sequence[str]) -> float:
    """Bits that one code of this closed set can tell."""
    return math.log2(len(codes))


def turn_outcome(status: str) -> Outcome:
    """How a turn ends whose last program ended with this status."""
    return STATUS_OUTCOMES[status.partition(":")[0]]


def choose_failed_draft(drafts: Sequence[Draft]) -> Draft:
    """The draft that stands for a round in which there was no program: the gravest failure, else the first."""
    return gravest_failure(drafts) or drafts[0]


def summarise(turns: Sequence[Turn]) -> tuple[Outcome, str, bool | None]:
    """The game's outcome, its reason, and whether every turn was right.

    The outcome is the first turn's whose outcome is a failure, else the first that is not `ok`, else `ok`.
    """
    known = [turn["correct"] for turn in turns if turn["correct"] is not None]
    correct = all(known) if known else None
    ended = [(Outcome(turn["outcome"]), turn["reason"]) for turn in turns]
    ended.sort(key=lambda end: 0 if end[0].failed else 1 if end[0] is not Outcome.OK else 2)
    outcome, reason = ended[0]
    count = sum(one is not Outcome.OK for one, _ in ended)
    told = f"{count} of {len(turns)} questions; the first: {reason}" if len(turns) > 1 and count else reason
    return outcome, told, correct
