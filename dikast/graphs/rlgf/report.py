"""What a run of RLGF amounts to: rewards by who wrote, switches, whose the tokens are, the KL to the reference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from dikast.graphs.measures import METRIC, means
from dikast.graphs.method import Report, Values, measure_named
from dikast.graphs.rlgf.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome

BESIDE = ("measure", "optimised", "mean", "of texts by the policy alone", "measured")
Measured: TypeAlias = Mapping[str, float | None]


def measures(name: str) -> Values:
    """`reward`: of each text.

    Raises:
        UsageError: It is another name.
    """
    return measure_named(name, {"reward": rewards_of})


def rewards_of(run: Run, context: Any) -> Mapping[str, float]:
    """Key of a row -> its text's reward; without those that have none."""
    del context
    ended = (row for row in run.rows() if row["output"] is not None and not Outcome(row["outcome"]).failed)
    return {row["key"]: row["output"]["reward"] for row in ended if row["output"]["reward"] is not None}


@dataclass
class Found:
    """What the journal says; sums of texts that have a reward, and of all tokens."""

    rows: int = 0
    failed: int = 0
    unrewarded: int = 0
    rewards: list[float] = field(default_factory=list[float])
    own: list[float] = field(default_factory=list[float])
    beside: list[Measured] = field(default_factory=list[Measured])
    own_beside: list[Measured] = field(default_factory=list[Measured])
    kl: list[float] = field(default_factory=list[float])
    owners: Counter[str] = field(default_factory=Counter[str])
    trained: Counter[str] = field(default_factory=Counter[str])
    collectors: Counter[str] = field(default_factory=Counter[str])
    dropped: int = 0
    moved: int = 0
    unmasked: int = 0


def report(run: Run, context: Context) -> Report:
    """Count what a run found."""
    found = Found()
    for row in run.rows():
        found.rows += 1
        if row["output"] is None or Outcome(row["outcome"]).failed:
            found.failed += 1
        else:
            count_row(found, row["output"])
    asked = run.manifest.attempts[-1].asked
    data = as_data(found) | {"asked": found.rows if asked is None else asked, "optimised": context.reward.spec}
    return Report(page_of(data), data)


def count_row(found: Found, output: dict[str, Any]) -> None:
    """Add one text."""
    found.collectors[output["collector"]] += 1
    found.moved += bool(output["switch"] and output["switch"]["moved"])
    found.dropped += sum(one["dropped"] for one in output["turns"])
    for one in output["tokens"]:
        found.owners[one["owner"]] += 1
        found.trained[one["owner"]] += one["trained"]
    if output["reward"] is None:
        found.unrewarded += 1
        return
    found.rewards.append(output["reward"])
    found.beside.append(output["measures"])
    if output["own"]:
        found.own.append(output["reward"])
        found.own_beside.append(output["measures"])
    if output["kl"] is not None:
        found.kl.append(output["kl"])


def mean(values: list[float]) -> float | None:
    """The mean; `None` of nothing."""
    return sum(values) / len(values) if values else None


def as_data(found: Found) -> dict[str, Any]:
    """The figures, for programs."""
    guides, whole = found.owners["guide"], found.owners.total()
    return {
        "rows": found.rows,
        "failed": found.failed,
        "unrewarded": found.unrewarded,
        "collectors": dict(found.collectors),
        "reward": mean(found.rewards),
        "own_reward": mean(found.own),
        "own_texts": len(found.own),
        "kl": mean(found.kl),
        "tokens": {owner: found.owners[owner] for owner in ("policy", "guide")},
        "policy_share": found.owners["policy"] / whole if whole else None,
        "measures": means(found.beside),
        "own_measures": means(found.own_beside),
        "masked_share": 1 - found.trained["guide"] / guides if guides else None,
        "dropped": found.dropped,
        "moved": found.moved,
    }


def page_of(data: dict[str, Any]) -> Page:
    """The figures, for people."""
    rewarded = data["rows"] - data["failed"] - data["unrewarded"]
    told = f"{rewarded} texts rewarded of {data['asked']} asked"
    lines: tuple[tuple[Cell, ...], ...] = (
        ("mean reward", data["reward"]),
        (f"mean reward of the {data['own_texts']} texts that the policy wrote alone", data["own_reward"]),
        ("KL to the reference, nats a text", data["kl"]),
        ("tokens of the policy", data["tokens"]["policy"]),
        ("tokens of the guide", data["tokens"]["guide"]),
        ("share of the guide's tokens that are masked", data["masked_share"]),
        ("tokens of the guide that were dropped", data["dropped"]),
        ("switches that moved, since the guide ended early", data["moved"]),
        ("texts without a reward", data["unrewarded"]),
        ("texts that failed", data["failed"]),
    )
    parts: list[Text | Table] = [Text(told), Table(("figure", "value"), lines)]
    if data["measures"]:
        parts.append(Table(BESIDE, tuple(lines_of(data)), "beside the reward"))
    return Page("", tuple(parts))


def lines_of(data: dict[str, Any]) -> Iterator[tuple[Cell, ...]]:
    """What is told beside the reward: each measure, and whether it is what was optimised."""
    for name, one in data["measures"].items():
        own = data["own_measures"].get(name, {"mean": None})
        yield name, "yes" if data["optimised"] == f"{METRIC}{name}" else "no", one["mean"], own["mean"], one["n"]
    whole = sum(data["tokens"].values())
    yield "policy's share of the tokens", "no", data["policy_share"], 1.0 if data["own_texts"] else None, whole
