"""A measured row told: both answers, what the judge gave them in each order, the difference, the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """How hard it is, and by what."""
    output = row["output"]
    value = "none" if output["difficulty"] is None else f"{output['difficulty']:+g}"
    answers = [tell_answer(output[who]) for who in ("teacher", "student")]
    return Page(f"difficulty: {value}; task: {output['task'] or 'none'}", (*answers, tell_scores(output["scores"])))


def tell_answer(answer: Mapping[str, Any]) -> Text:
    """One answer, or what became of it."""
    how = "given" if answer["given"] else answer["outcome"] + in_brackets(answer["reason"])
    cut = ", cut off" if answer["cut"] else ""
    return Text(answer["text"] or "none", "quote", f"{answer['who']} ({how}{cut})")


def tell_scores(scores: list[Mapping[str, Any]]) -> Table:
    """The judge's points in each order."""
    rows = [
        (one["first"], one["teacher"], one["student"], one["outcome"] + in_brackets(one["reason"]), one["text"])
        for one in scores
    ]
    return Table(("shown first", "teacher", "student", "outcome", "what the judge said"), tuple(rows), "scores")
