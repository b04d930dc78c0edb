"""What a run of HiddenTables amounts to: accuracy by kind of question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.options import games_of, oracle_of
from dikast.graphs.hidden_tables.pasting import by_size, pairs_of, parts_of
from dikast.graphs.method import Report, Row, Values, measure_named
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.records import Outcome
from dikast.tables.oracle import POLICY, TableOracle
from dikast.tables.questions import Question
from dikast.tables.report import UNFINISHED, Category, by_category, is_unjudged

KEPT = ("status", "correct")
"""What is counted of a question; the rest of its record is not held in memory."""


def report(run: Run, context: Context) -> Report:
    """Count the questions that were asked, finished or not, by their labels."""
    oracle = oracle_of(context)
    turns = {turn["id"]: {name: turn[name] for name in KEPT} for turn in turns_of(run)}
    games = games_of(oracle)[: run.manifest.settings.get("limit")]
    categories = by_category(turns, questions_of(games, oracle.gold), oracle.load)
    sandbox: dict[str, Any] = run.manifest.settings.get("sandbox") or {}
    rule = judged_by(oracle)
    asked = list(questions_of(games, oracle.gold))
    unjudged = sum(is_unjudged(question, turns.get(question.id)) for question in asked)
    notes = (*((f"sandbox: {sandbox['tier']}",) if sandbox else ()), *((f"judged with {rule}",) if rule else ()))
    if unjudged:
        notes += (f"not judged, since their gold queries do not run or take too much: {unjudged} of {len(asked)}",)
    whole = categories[0]
    scored = whole.asked - whole.statuses[UNFINISHED]
    said = Text(f"{scored} scored of {whole.asked} asked; a question without a result is not right")
    told: dict[str, Any] = {"asked": whole.asked, "scored": scored}
    told |= {"unjudged": unjudged} if unjudged else {}
    told |= {"judging": oracle.judging.as_options()} if rule else {}
    told["categories"] = [one.as_dict() for one in categories]
    if context.pasted:
        pairs = pairs_of(run.rows())
        told["pasted"] = {"counted": len(pairs), "by_rows": [one.as_dict() for one in by_size(pairs)]}
        return Report(Page("", (said, table_of(categories), *parts_of(pairs, whole.asked))), told, notes)
    return Report(Page("", (said, table_of(categories))), told, notes)


def judged_by(oracle: TableOracle) -> str:
    """What was told of how to judge, and of how long an answer may be, as text; empty if nothing was."""
    told = dict(oracle.judging.as_options())
    if oracle.policy.answer_items != POLICY.answer_items:
        told["max_values"] = oracle.policy.answer_items
    return ", ".join(f"{name} {value}" for name, value in told.items())


def measures(name: str) -> Values:
    """`accuracy`: the share of a game's questions that were answered rightly.

    Raises:
        UsageError: It is another name.
    """
    return measure_named(name, {"accuracy": accuracy_of})


def accuracy_of(run: Run, context: Any) -> Mapping[str, float]:
    """Key of a row -> right questions of those with a known answer; without games that failed or have none."""
    del context
    found: dict[str, float] = {}
    for row in run.rows():
        if row["output"] is None or Outcome(row["outcome"]).failed:
            continue
        right = [turn["correct"] for turn in row["output"]["turns"] if turn["correct"] is not None]
        if right:
            found[row["key"]] = sum(right) / len(right)
    return found


def turns_of(run: Run) -> Iterator[Mapping[str, Any]]:
    """Every finished question's record."""
    for record in run.rows():
        if record["output"] is not None:
            yield from record["output"]["turns"]


def questions_of(games: list[Row], gold: Mapping[str, Question]) -> Iterator[Question]:
    """The questions of some games."""
    for game in games:
        for one in [game, *game.get("follow_ups", [])]:
            yield gold[one["id"]]


def table_of(categories: list[Category]) -> Table:
    """A category a line, with how many ended how."""
    statuses = list(dict.fromkeys(status for one in categories for status, _ in one.statuses.most_common()))
    lines = tuple(
        (
            one.label,
            one.value,
            one.asked,
            one.judged,
            one.correct,
            None if one.accuracy is None else f"{one.accuracy:.3f}",
            *(one.statuses[status] for status in statuses),
        )
        for one in categories
    )
    return Table(("label", "value", "asked", "judged", "right", "accuracy", *statuses), lines)
