"""What rounds amount to: each round's rows, training, measurement and end; skills before and after; what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.tapir.rounds.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text

COLUMNS = ("round", "hard found", "rows", "hard", "new", "repeats", "loss", "before", "after", "kept", "seconds")


def report(run: Run, context: Context) -> Report:
    """One loop's figures, out of the journal."""
    del context
    row = next(iter(run.rows()), None)
    output: Mapping[str, Any] | None = row["output"] if row else None
    if output is None:
        return Report(Page("", (Text("no round is over"),)), {"rounds": [], "policy": None})
    rounds: list[Mapping[str, Any]] = output["rounds"]
    return Report(page_of(output), {
        "policy": output["policy"],
        "rounds": [as_dict(one) for one in rounds],
        "skills": skills_of(rounds),
        "usage": output["usage"],
    }, (f"the student to use: {output['policy']['model']}",))  # fmt: skip


def page_of(output: Mapping[str, Any]) -> Page:
    """The page of one loop: rounds, skills, costs."""
    rounds = output["rounds"]
    kept = sum(one["promoted"] for one in rounds)
    title = f"{kept} of {len(rounds)} rounds kept" + (f"; {output['reason']}" if output["reason"] else "")
    reasons = tuple(Text(f"round {one['round']}: {one['reason']}") for one in rounds)
    skills = Table(
        ("task", "held out", "difficulty before", "after"),
        tuple((task, *found) for task, found in skills_of(rounds).items()),
        "skills, by the first policy and by the one to use",
    )
    spent = tuple((role, round(usage.get("calls", 0)), round(usage.get("input_tokens", 0)),
                   round(usage.get("output_tokens", 0))) for role, usage in output["usage"].items())  # fmt: skip
    costs = Table(("role", "calls", "input tokens", "output tokens"), spent, "what the rounds cost")
    return Page(title, (Table(COLUMNS, tuple(map(line_of, rounds)), "rounds"), *reasons, skills, costs))


def as_dict(one: Mapping[str, Any]) -> dict[str, Any]:
    """A round for programs: what each stage told, and how it ended."""
    return {
        "round": one["round"],
        "promoted": one["promoted"],
        "reason": one["reason"],
        "seconds": seconds_of(one),
        **{name: stage["result"] for name, stage in one["stages"].items()},
    }


def line_of(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A round's line of the table; empty cells where it ended early."""
    told = {name: stage["result"] for name, stage in one["stages"].items()}
    rows, found = told.get("rows", {}), told.get("evaluate")
    return (
        one["round"],
        told.get("collect", {}).get("hard"),
        rows.get("rows"),
        rows.get("hard"),
        rows.get("new"),
        sum(rows.get("repeats", {}).values()),
        told.get("train", {}).get("loss"),
        found["before"]["all"]["difficulty"] if found else None,
        found["after"]["all"]["difficulty"] if found else None,
        "yes" if one["promoted"] else "no",
        seconds_of(one),
    )


def seconds_of(one: Mapping[str, Any]) -> float:
    """What all stages of a round took."""
    return round(sum(stage["seconds"] for stage in one["stages"].values()), 1)


def skills_of(rounds: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, float | None, float | None]]:
    """Task -> held-out instructions, their mean difficulty for the first policy, and for the one to use."""
    measured = [one for one in rounds if "evaluate" in one["stages"]]
    if not measured:
        return {}
    first = measured[0]["stages"]["evaluate"]["result"]["before"]
    last = measured[-1]["stages"]["evaluate"]["result"]["after" if measured[-1]["promoted"] else "before"]
    tasks = {**first["tasks"], **last["tasks"]}
    found = {task: skill_of(task, first, last) for task in tasks}
    return {**found, "all": (first["all"]["rows"], first["all"]["difficulty"], last["all"]["difficulty"])}


def skill_of(task: str, first: Mapping[str, Any], last: Mapping[str, Any]) -> tuple[int, float | None, float | None]:
    """One task's line."""
    before, after = first["tasks"].get(task), last["tasks"].get(task)
    rows = before["rows"] if before else after["rows"] if after else 0
    return rows, before and before["difficulty"], after and after["difficulty"]
