"""A judged row told: the bullets, and what was said of each insight."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """What was found, and where."""
    given, verdicts = row["input"], row["output"]["verdicts"]
    covered = sum(bool(one["coverage"]) for one in verdicts)
    insights = {one["insight_id"]: one["insight"] for one in given["insights"]}
    bullets = [Text(f"{number}: {line}", "quote") for number, line in enumerate(given["bullets"], start=1)]
    rows = [
        (
            insights.get(one["insight_id"], one["insight_id"]),
            None if one["coverage"] is None else f"{one['coverage']:g}",
            one["bullet"],
            one["by"],
            None if one["expected"] is None else f"{one['expected']:.2f}",
            one["outcome"] + in_brackets(one["reason"]),
        )
        for one in verdicts
    ]
    columns = ("insight", "coverage", "bullet", "by", "expected", "outcome")
    return Page(
        f"{covered} of {len(verdicts)} insights covered",
        (Text("bullets", "heading"), *bullets, Table(columns, tuple(rows), "verdicts")),
    )
