"""A tuning told: each question with its settings, the best first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.pages import Cell, Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The rounds, in their order."""
    output = row["output"]
    told = ", ".join(f"{name} {value}" for name, value in output["settings"].items())
    title = f"settings: {told}" + (f"; {output['reason']}" if output["reason"] else "")
    trials = {one["trial"]: one for one in output["trials"]}
    return Page(title, tuple(part for one in output["rounds"] for part in _tell(one, trials)))


def _tell(one: Mapping[str, Any], trials: Mapping[int, Mapping[str, Any]]) -> Iterator[Text | Table]:
    yield Text(f"question {one['round']}: {one['about']}", "heading")
    lines: list[tuple[Cell, ...]] = []
    for place, group in enumerate(one["ranking"], start=1):
        for point in group:
            trial = trials[one["trials"][point]]
            told = ", ".join(f"{name} {value}" for name, value in trial["settings"].items())
            lines.append((place, trial["trial"], told, trial["value"], trial["reason"] or trial["outcome"]))
    yield Table(("place", "trial", "settings", "value", "outcome"), tuple(lines))
    if one["said"]:
        yield Text(", ".join(f"{count} {name}" for name, count in one["said"].items()), "note")
