"""A row of GenQR told: feedback documents, keywords by instruction, what was chosen, the query, what moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dikast.graphs.genqr.records import ORIGINAL
from dikast.pages import Page, Table, Text

TOP = 10
"""Ranks compared when telling what moved."""

HEAVIEST = 30
"""Terms of a weighted query that are listed."""


def story(row: Mapping[str, Any]) -> Page:
    """How the query was rewritten, and what that did to the ranking."""
    return Page("the query rewritten", tuple(_parts(row["output"])))


def _parts(output: Mapping[str, Any]) -> Iterator[Text | Table]:
    if output["feedback"]:
        yield _tell_feedback(output["feedback"])
    if output.get("plan"):
        yield Text(output["plan"]["text"] or output["plan"]["reason"], "quote", "plan")
    yield _tell_keywords(output["reformulations"])
    if output.get("selection"):
        yield _tell_selection(output["selection"])
    for what, name in (("refined to", "refined"), ("fluent query for people", "fluent")):
        if output.get(name):
            yield Text(output[name]["text"] or output[name]["reason"], label=what)
    yield from _tell_queries(output["queries"])
    if output["baseline"]:
        yield _tell_moves([hit[0] for hit in output["baseline"]], [hit[0] for hit in output["hits"]])


def _tell_feedback(feedback: Sequence[Mapping[str, Any]]) -> Table:
    rows = [(one["docid"], one["used"], one["grade"], one["reason"]) for one in feedback]
    return Table(("document", "shown", "grade", "reason"), tuple(rows), "feedback documents")


def _tell_keywords(reformulations: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (one["index"] + 1, one["instruction"], one["outcome"], ", ".join(one["keywords"]) or one["reason"])
        for one in reformulations
    ]
    return Table(("#", "instruction", "outcome", "keywords"), tuple(rows), "keywords by instruction")


def _tell_selection(selection: Mapping[str, Any]) -> Table:
    """Which reformulations were kept, and why."""
    rows = [
        (
            "original query" if one["index"] == ORIGINAL else one["index"] + 1,
            one["kept"],
            None if one["value"] is None else f"{one['value']:.4g}",
            one["outcome"],
            one["reason"],
        )
        for one in selection["candidates"]
    ]
    columns = ("reformulation", "kept", "value", "outcome", "reason")
    return Table(columns, tuple(rows), "chosen by " + (selection["by"] or "resemblance"))


def _tell_queries(queries: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    for number, query in enumerate(queries, start=1):
        heaviest = sorted(query["terms"].items(), key=lambda term: -term[1])
        listed = " ".join(f"{term}^{weight:.4g}" for term, weight in heaviest[:HEAVIEST])
        more = f" ... and {len(heaviest) - HEAVIEST} more terms" if len(heaviest) > HEAVIEST else ""
        yield Text(listed + more, label=f"weighted query {number} of {len(queries)}")


def _tell_moves(before: Sequence[str], after: Sequence[str]) -> Table:
    ranks_before = {docid: rank for rank, docid in enumerate(before, start=1)}
    ranks_after = {docid: rank for rank, docid in enumerate(after, start=1)}
    seen = dict.fromkeys([*after[:TOP], *before[:TOP]])
    ranks = [(docid, ranks_before.get(docid), ranks_after.get(docid)) for docid in seen]
    rows = [(docid, first, second, _move(first, second)) for docid, first, second in ranks]
    title = f"what moved among the top {TOP}, before and after"
    return Table(("document", "before", "after", "moved"), tuple(rows), title)


def _move(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "in" if before is None else "out"
    return f"{before - after:+d}" if before != after else "="
