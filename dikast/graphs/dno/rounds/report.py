"""What the rounds amount to: who won, on which pairs, at what cost; and the policy to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.dno.report import KINDS
from dikast.graphs.dno.rounds.context import Context
from dikast.graphs.method import Report
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.training.rounds import spent

Round = Mapping[str, Any]


def report(run: Run, context: Context) -> Report:
    """Tell each round of the loop."""
    record = next(iter(run.rows()), None)
    if record is None or record["output"] is None:
        return Report(Page("", (Text("no round is over"),)), {"rounds": [], "policy": None})
    output = record["output"]
    rounds: Sequence[Round] = output["rounds"]
    data = {
        "policy": output["policy"],
        "rule": context.policy,
        "mixture": mixture_of(rounds) if context.policy == "average" else [],
        "reason": output["reason"],
        "rounds": [round_data(one) for one in rounds],
        "usage": output["usage"],
    }
    return Report(Page("", tuple(parts_of(data))), data)


def mixture_of(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """The policies that the average is over, each as likely as another."""
    return [one["after"] for one in rounds if one["promoted"]]


def round_data(one: Round) -> dict[str, Any]:
    """A round's figures."""
    stages = one["stages"]
    found: dict[str, Any] = {
        "round": one["round"],
        "promoted": one["promoted"],
        "reason": one["reason"],
        "seconds": {name: stage["seconds"] for name, stage in stages.items()},
        "attempts": {name: stage["attempts"] for name, stage in stages.items()},
        "usage": spent([{**one}]),  # pyright: ignore[reportArgumentType]  # a journal's JSON, of the same shape
    }
    if "rows" in stages:
        found |= {name: stages["rows"]["result"][name] for name in ("rows", "own", "kinds", "replayed", "left_out")}
    if "train" in stages:
        found["trained"] = {name: stages["train"]["result"][name] for name in ("steps", "tokens", "loss", "reference")}
    if "evaluate" in stages:
        measured = stages["evaluate"]["result"]
        found |= {name: measured[name] for name in ("win_rate", "low", "high", "length_ratio", "loops", "read")}
    return found


def parts_of(data: Mapping[str, Any]) -> list[Text | Table]:
    """The figures, for people."""
    rounds: Sequence[Mapping[str, Any]] = data["rounds"]
    parts: list[Text | Table] = [Text(f"policy to use: {data['policy']['model']}")]
    if data["mixture"]:
        specs = ", ".join(one["model"] for one in data["mixture"])
        parts.append(Text(f"the average is a mixture: draw each answer from one of {specs}", "note"))
    if data["reason"]:
        parts.append(Text(data["reason"], "note"))
    columns = ("round", "promoted", "wins", "low", "high", "length", *KINDS, "replayed", "steps", "seconds")
    parts.append(Table(columns, tuple(line_of(one) for one in rounds), "rounds"))
    roles = sorted({role for one in rounds for role in one["usage"]})
    costs: list[tuple[Cell, ...]] = []
    for one in rounds:
        for role in roles:
            usage = one["usage"].get(role, {})
            costs.append(
                (one["round"], role, *(usage.get(name, 0) for name in ("calls", "input_tokens", "output_tokens")))
            )
    if costs:
        parts.append(Table(("round", "role", "calls", "input tokens", "output tokens"), tuple(costs), "cost"))
    return parts


def line_of(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A round in the table."""
    kinds = one.get("kinds", {})
    measured = (one.get(name) for name in ("win_rate", "low", "high", "length_ratio"))
    return (
        one["round"],
        one["promoted"],
        *measured,
        *(kinds.get(kind, 0) for kind in KINDS),
        sum(one.get("replayed", ())),
        one.get("trained", {}).get("steps"),
        round(sum(one["seconds"].values()), 1),
    )
