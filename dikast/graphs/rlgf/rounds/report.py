"""What the rounds amount to: rewards with the guide and alone, the KL to the start, measures beside, at what cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.measures import METRIC
from dikast.graphs.method import Report
from dikast.graphs.rlgf.rounds.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.training.rounds import summed

Round = Mapping[str, Any]
TRAINED = ("rows", "left_out", "steps", "tokens", "loss", "first_loss", "value_loss", "clipped")


def report(run: Run, context: Context) -> Report:
    """Tell each round of the loop."""
    record = next(iter(run.rows()), None)
    if record is None or record["output"] is None:
        return Report(Page("", (Text("no round is over"),)), {"rounds": [], "policy": None})
    output = record["output"]
    rounds: Sequence[Round] = output["rounds"]
    data = {
        "policy": output["policy"],
        "optimised": context.reward.spec,
        "reason": output["reason"],
        "rounds": [round_data(one) for one in rounds],
        "usage": output["usage"],
    }
    return Report(Page("", tuple(parts_of(data))), data)


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
        found["collector"] = stages["collect"]["result"]["collector"]
    if "rows" in stages:
        gathered = stages["rows"]["result"]
        found["collected"] = {name: gathered[name] for name in ("rows", "left_out", "reward", "tokens", "masked_share")}
    if "train" in stages:
        found["trained"] = {name: stages["train"]["result"][name] for name in TRAINED}
    if "evaluate" in stages:
        measured = stages["evaluate"]["result"]
        found |= {name: measured[name] for name in ("before", "after", "rows", "gain", "low", "high")}
    return found


def parts_of(data: Mapping[str, Any]) -> list[Text | Table]:
    """The figures, for people."""
    rounds: Sequence[Mapping[str, Any]] = data["rounds"]
    parts: list[Text | Table] = [Text(f"policy to use: {data['policy']['model']}")]
    if data["reason"]:
        parts.append(Text(data["reason"], "note"))
    columns = (
        *("round", "collector", "promoted", "with the guide", "policy's share", "masked"),
        *("alone before", "alone after", "low", "high", "KL", "steps", "seconds"),
    )
    parts.append(Table(columns, tuple(line_of(one) for one in rounds), "rewards by round"))
    beside = [line for one in rounds for line in beside_of(one, data["optimised"])]
    if beside:
        parts.append(Table(("round", "measure", "optimised", "before", "after"), tuple(beside), "alone, beside it"))
    costs = [
        (one["round"], role, *(usage.get(name, 0) for name in ("calls", "input_tokens", "output_tokens")))
        for one in rounds
        for role, usage in sorted(one["usage"].items())
    ]
    if costs:
        parts.append(Table(("round", "role", "calls", "input tokens", "output tokens"), tuple(costs), "cost"))
    return parts


def line_of(one: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A round in the table."""
    collected, before, after = one.get("collected", {}), one.get("before", {}), one.get("after", {})
    tokens = collected.get("tokens", {})
    whole = sum(tokens.values())
    return (
        one["round"],
        one.get("collector"),
        one["promoted"],
        collected.get("reward"),
        tokens["policy"] / whole if whole else None,
        collected.get("masked_share"),
        before.get("reward"),
        after.get("reward"),
        one.get("low"),
        one.get("high"),
        after.get("kl"),
        one.get("trained", {}).get("steps"),
        round(sum(one["seconds"].values()), 1),
    )


def beside_of(one: Mapping[str, Any], optimised: str) -> list[tuple[Cell, ...]]:
    """The measures of a round's policies, on held-back prompts."""
    if "after" not in one:
        return []
    return [
        (
            one["round"],
            name,
            "yes" if optimised == f"{METRIC}{name}" else "no",
            one["before"]["measures"].get(name, {}).get("mean"),
            told["mean"],
        )
        for name, told in one["after"]["measures"].items()
    ]
