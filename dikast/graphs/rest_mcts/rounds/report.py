"""What the rounds amount to: accuracy on held-back questions, rows, the critics' errors, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.training.rounds import summed

Round = Mapping[str, Any]
TRAINED = ("rows", "left_out", "steps", "tokens", "loss", "first_loss", "critic")


def report(run: Run, context: Context) -> Report:
    """Tell each round of the loop."""
    record = next(iter(run.rows()), None)
    if record is None or record["output"] is None:
        return Report(Page("", (Text("no round is over"),)), {"rounds": [], "policy": None, "critic": None})
    output = record["output"]
    rounds: Sequence[Round] = output["rounds"]
    data = {
        "policy": output["policy"],
        "critic": critic_after(rounds) or context.critic.spec,
        "reason": output["reason"],
        "rounds": [round_data(one) for one in rounds],
        "usage": output["usage"],
    }
    return Report(Page("", tuple(parts_of(data))), data)


def critic_after(rounds: Sequence[Round]) -> str:
    """The spec of the last critic that was taken; empty if none was."""
    taught = [one["stages"]["train"]["result"]["critic"] for one in rounds if "train" in one["stages"]]
    return next((f"head+{one['model']}" for one in reversed(taught) if one and one["taken"]), "")


def round_data(one: Round) -> dict[str, Any]:
    """A round's figures."""
    stages = one["stages"]
    found: dict[str, Any] = {
        "round": one["round"],
        "promoted": one["promoted"],
        "reason": one["reason"],
        "seconds": {name: stage["seconds"] for name, stage in stages.items()},
        "attempts": {name: stage["attempts"] for name, stage in stages.items()},
        "usage": summed(stage["result"].get("usage", {}) for stage in stages.values()),
    }
    if "collect" in stages:
        found["collected"] = {name: stages["collect"]["result"][name] for name in ("asked", "solved", "critic")}
    if "rows" in stages:
        names = ("rows", "values", "held", "left_out", "critic_error", "critic_read", "judged")
        told = stages["rows"]["result"]
        found["gathered"] = {name: told[name] for name in names if name in told}
    if "train" in stages:
        found["trained"] = {name: stages["train"]["result"][name] for name in TRAINED}
    if "evaluate" in stages:
        measured = stages["evaluate"]["result"]
        found |= {name: measured[name] for name in ("before", "after", "gain", "low", "high")}
    return found


def parts_of(data: Mapping[str, Any]) -> list[Text | Table]:
    """The figures, for people."""
    rounds: Sequence[Mapping[str, Any]] = data["rounds"]
    parts: list[Text | Table] = [Text(f"policy to use: {data['policy']['model']}; critic: {data['critic']}")]
    if data["reason"]:
        parts.append(Text(data["reason"], "note"))
    columns = ("round", "promoted", "accuracy before", "after", "low", "high", "of", "searches", "with a right one")
    parts.append(Table((*columns, "seconds"), tuple(line_of(one) for one in rounds), "greedy, on held-back questions"))
    learnt = tuple(learnt_of(one) for one in rounds)
    columns = ("round", "solutions", "values", "held", "steps", "critic's error", "new critic's", "taken")
    parts.append(Table(columns, learnt, "what was trained on"))
    parts += judged_of(rounds)
    left_out = [
        (one["round"], kind, why, count)
        for one in rounds
        for kind, counts in one.get("gathered", {}).get("left_out", {}).items()
        for why, count in sorted(counts.items())
    ]
    if left_out:
        parts.append(Table(("round", "rows", "left out", "count"), tuple(left_out), "left out"))
    costs = [
        (one["round"], role, *(usage.get(name, 0) for name in ("calls", "input_tokens", "output_tokens")))
        for one in rounds
        for role, usage in sorted(one["usage"].items())
    ]
    if costs:
        parts.append(Table(("round", "role", "calls", "input tokens", "output tokens"), tuple(costs), "cost"))
    return parts


def judged_of(rounds: Sequence[Mapping[str, Any]]) -> list[Text | Table]:
    """What Self-Rewarding's policies thought of their own solutions, and how that agrees with the check."""
    judged = [(one["round"], one["gathered"]["judged"]) for one in rounds if "judged" in one.get("gathered", {})]
    if not judged:
        return []
    names = ("drawn", "whole", "valued", "in_part", "pairs", "tied")
    marks = tuple((round_, *(told[name] for name in names)) for round_, told in judged)
    agreed = tuple((round_, *one) for round_, told in judged for one in sorted(told["agreement"].items()))
    columns = ("round", "drawn", "whole", "valued", "of these in part", "pairs", "of these tied")
    return [
        Table(columns, marks, "what the policy thinks of its own solutions"),
        Table(("round", "this over that", "pairs"), agreed, "its preferences beside the check, used for nothing"),
    ]


def line_of(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A round's accuracy."""
    collected, before, after = one.get("collected", {}), one.get("before", {}), one.get("after", {})
    return (
        one["round"],
        one["promoted"],
        before.get("accuracy"),
        after.get("accuracy"),
        one.get("low"),
        one.get("high"),
        after.get("asked"),
        collected.get("asked"),
        collected.get("solved"),
        round(sum(one["seconds"].values()), 1),
    )


def learnt_of(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A round's rows, and both critics on the held ones."""
    gathered, trained = one.get("gathered", {}), one.get("trained", {})
    taught: Mapping[str, Any] = trained.get("critic") or dict[str, Any]()
    return (
        one["round"],
        gathered.get("rows"),
        gathered.get("values"),
        gathered.get("held"),
        trained.get("steps"),
        gathered.get("critic_error"),
        taught.get("error"),
        taught.get("taken"),
    )
