"""What a tuning amounts to: the settings to use, beside those that it began with, on tuned rows and on held ones."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.zo_ranksgd.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.tuning.knobs import parse_knobs

SHOWN = 10
"""Trials in the table."""


def report(run: Run, context: Context) -> Report:
    """Tell the outcome."""
    record = next(iter(run.rows()), None)
    if record is None or record["output"] is None:
        return Report(Page("", (Text("the tuning is not over"),)), {"settings": None, "trials": []})
    output = record["output"]
    data = {
        "algorithm": context.algorithm,
        "goal": context.goal,
        "settings": output["settings"],
        "flags": flags_of(output["settings"]),
        "start": output["start"],
        "value": output["value"],
        "start_value": output["start_value"],
        "chosen": output["chosen"],
        "reason": output["reason"],
        "tried": len(output["trials"]),
        "budget": record["input"]["budget"],
        "outcomes": count_outcomes(output["trials"]),
        "rounds": len(output["rounds"]),
        "rows": len(record["input"]["rows"]),
        "held": output["comparison"],
        "trials": output["trials"],
        "usage": output["usage"],
        "said": sum_said(output["rounds"]),
    }
    return Report(Page("", tuple(parts_of(data, context))), data, tuple(notes_of(data)))


def flags_of(settings: Mapping[str, Any]) -> str:
    """The settings as flags of the method's run command."""
    return " ".join(f"--{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in settings.items())


def count_outcomes(trials: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many settings ended how."""
    found: dict[str, int] = {}
    for one in trials:
        found[one["outcome"]] = found.get(one["outcome"], 0) + 1
    return found


def sum_said(rounds: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """What those who rank were asked in all, and what of it came to nothing."""
    found: dict[str, int] = {}
    for one in rounds:
        for name, count in one["said"].items():
            found[name] = found.get(name, 0) + count
    return found


def parts_of(data: Mapping[str, Any], context: Context) -> list[Text | Table]:
    """The figures, for people."""
    ways = {knob.name: knob.told() for knob in parse_knobs(context.knobs, type(context.base))}
    lines = tuple(
        (name, ways[name], cell(data["start"][name]), cell(value)) for name, value in data["settings"].items()
    )
    parts: list[Text | Table] = [
        Text(f"use {data['flags']}"),
        Text(
            f"{data['tried']} settings of {data['budget']} tried on {data['rows']} rows, in {data['rounds']} questions"
        ),
        Table(("knob", "from, to", "before", "after"), lines, "knobs"),
    ]
    if data["held"] is not None:
        parts.append(held_part(data["held"]))
    names = tuple(ways)
    best = sorted(data["trials"], key=lambda one: place_of(one, context.goal == "lowest"))[:SHOWN]
    rows: list[tuple[Cell, ...]] = [
        (one["trial"], *(cell(one["settings"][name]) for name in names), one["value"], one["scored"], one["outcome"])
        for one in best
    ]
    parts.append(Table(("trial", *names, "value", "rows", "outcome"), tuple(rows), "trials, the best first"))
    costs: list[tuple[Cell, ...]] = [
        (role, *(spent.get(name, 0) for name in ("calls", "cached_calls", "input_tokens", "output_tokens")))
        for role, spent in data["usage"].items()
    ]
    if costs:
        columns = ("role", "calls", "from the cache", "input tokens", "output tokens")
        parts.append(Table(columns, tuple(costs), "cost of the trials"))
    return parts


def place_of(trial: Mapping[str, Any], lowest: bool) -> tuple[float, float, int]:
    """Where a trial stands in the table."""
    value = trial["value"]
    return -trial["scored"], float("inf") if value is None else value if lowest else -value, trial["trial"]


def cell(value: object) -> Cell:
    """A knob's value in a table."""
    return value if isinstance(value, str | int | float) else str(value)


def held_part(held: Mapping[str, Any]) -> Text | Table:
    """The comparison on held rows."""
    if held["difference"] is None:
        return Text(f"{held['rows']} held rows: nothing to compare: {held['reason']}", "note")
    columns = ("rows", "compared", "before", "after", "difference", "low", "high", "p")
    return Table(columns, (tuple(held[name] for name in columns),), "held rows, 95 % interval")


def is_worse(held: Mapping[str, Any], goal: str) -> bool:
    """Whether the whole interval says so."""
    return held["high"] < 0 if goal == "highest" else held["low"] > 0


def notes_of(data: Mapping[str, Any]) -> list[str]:
    """What a person should know beside the figures."""
    held, found = data["held"], list[str]()
    if data["reason"]:
        found.append(f"it ended early: {data['reason']}")
    if data["chosen"] == 1:
        found.append("nothing that was tried ranked higher than the settings that it began with")
    if data["value"] is not None and (held is None or held["difference"] is None) and data["chosen"] != 1:
        found.append("the value is that of the rows that were tuned on, the best of many: expect less elsewhere")
    if held is not None and held["p"] is not None and is_worse(held, data["goal"]):
        found.append("on held rows the new settings are worse: keep those that it began with, or tune on more rows")
    elif held is not None and held["p"] is not None and held["low"] <= 0 <= held["high"]:
        found.append("on held rows the interval holds 0: they do not show that the new settings are better")
    lost = data["outcomes"].get("refused", 0) + data["outcomes"].get("failed", 0)
    if lost:
        found.append(f"{lost} of {data['tried']} settings were refused or failed; they rank behind all others")
    if data["said"].get("unread"):
        found.append(
            f"{data['said']['unread']} of {data['said']['asked']} comparisons could not be read: half each way"
        )
    return found
