"""What a run of Transfer Q* amounts to: the reward, how far from the solver, what it cost, what stands beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from dikast.evaluation.diversity import diversity, unrepeated
from dikast.graphs.method import Report
from dikast.graphs.transfer_q.context import Context
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome

FEW = 1.0
"""A power below it: few completions had nearly all the weight, and it was tempered."""


@dataclass
class Found:
    """What the journal says."""

    rows: int = 0
    failed: int = 0
    texts: list[str] = field(default_factory=list[str])
    rewards: list[float] = field(default_factory=list[float])
    kl: list[float] = field(default_factory=list[float])
    coherence: list[float] = field(default_factory=list[float])
    per_token: list[float] = field(default_factory=list[float])
    spent: Counter[str] = field(default_factory=Counter[str])
    ended: Counter[str] = field(default_factory=Counter[str])
    tokens: int = 0
    steps: int = 0
    unguided: int = 0
    candidates: int = 0
    tempered: int = 0
    unrewarded: int = 0
    texts_passed: int = 0
    seams: int = 0


def report(run: Run, context: Context) -> Report:
    """Count what a run found."""
    del context
    found = Found()
    for row in run.rows():
        found.rows += 1
        if row["output"] is not None:
            count_row(found, row["output"])
        if row["output"] is None or Outcome(row["outcome"]).failed:
            found.failed += 1
    asked = run.manifest.attempts[-1].asked
    data = as_data(found) | {"asked": found.rows if asked is None else asked}
    return Report(page_of(data), data, tuple(warnings(data)))


def count_row(found: Found, output: dict[str, Any]) -> None:
    """Add one text; what a row spent counts whatever came of it."""
    found.spent.update(output["spent"])
    found.ended[output["ended"]] += 1
    found.unrewarded += output["unrewarded"]["count"]
    found.texts_passed += not output["shared"]
    found.seams += output["seam"]
    for step in output["steps"]:
        found.steps += 1
        found.unguided += not step["guided"]
        found.candidates += len(step["candidates"])
        found.tempered += sum(one["power"] < FEW for one in step["candidates"])
    found.tokens += len(output["tokens"])
    if output["text"].strip():
        found.texts.append(output["text"])
        found.kl.append(output["kl"])
        if output["coherence"] is not None:
            found.coherence.append(output["coherence"])
        if output["logprob"] is not None and output["tokens"]:
            found.per_token.append(output["logprob"] / len(output["tokens"]))
    if output["reward"] is not None:
        found.rewards.append(output["reward"])


def mean(values: list[float]) -> float | None:
    """The mean; `None` of nothing."""
    return fsum(values) / len(values) if values else None


def as_data(found: Found) -> dict[str, Any]:
    """The figures, for programs."""
    among = diversity(found.texts)
    return {
        "rows": found.rows,
        "failed": found.failed,
        "rewarded": len(found.rewards),
        "reward": mean(found.rewards),
        "kl": mean(found.kl),
        "coherence": mean(found.coherence),
        "fluency": mean(found.per_token),
        "diversity": mean([unrepeated(text) for text in found.texts]),
        "distinct": among.distinct if found.texts and among.distinct == among.distinct else None,
        "tokens": found.tokens,
        "steps": found.steps,
        "unguided": found.unguided,
        "candidates": found.candidates,
        "tempered": found.tempered,
        "unrewarded": found.unrewarded,
        "by_text": found.texts_passed,
        "seams": found.seams,
        "ended": dict(found.ended),
        **{
            name: found.spent[name]
            for name in ("calls", "rollouts", "rollout_tokens", "cached_tokens", "proposal_tokens")
        },
    }


def warnings(data: dict[str, Any]) -> list[str]:
    """What a person should know beside the figures."""
    told: list[str] = []
    if data["tempered"]:
        share = f"{data['tempered']} of {data['candidates']} candidates"
        told.append(f"{share} had few completions with nearly all the weight, which was tempered: more --rollouts")
    if data["unguided"]:
        told.append(f"{data['unguided']} of {data['steps']} choices had no values, so that the solver decided alone")
    if data["by_text"]:
        told.append(f"{data['by_text']} texts passed as texts: solver and baseline have different vocabularies")
    if data["seams"]:
        told.append(f"rewards saw pieces that do not add up to the text in {data['seams']} rows: a larger --block")
    return told


def page_of(data: dict[str, Any]) -> Page:
    """The figures, for people."""
    told = f"{data['rewarded']} texts rewarded of {data['asked']} asked"
    lines: tuple[tuple[Cell, ...], ...] = (
        ("mean reward", data["reward"]),
        ("distance from the solver, nats a text (estimate)", data["kl"]),
        ("coherence: cosine of prompt and text, by --encoder", data["coherence"]),
        ("fluency: log-probability under the solver, nats a token", data["fluency"]),
        ("diversity: n-grams that no text repeats, 0 to 1", data["diversity"]),
        ("different word pairs among all texts'", data["distinct"]),
        ("tokens of texts", data["tokens"]),
        ("choices", data["steps"]),
        ("completions", data["rollouts"]),
        ("tokens of completions", data["rollout_tokens"]),
        ("tokens of proposals", data["proposal_tokens"]),
        ("prompt tokens found in the engines' prefix caches", data["cached_tokens"]),
        ("calls of writers", data["calls"]),
        ("candidates whose weights were tempered", data["tempered"]),
        ("completions without a reward", data["unrewarded"]),
        ("texts that failed, or ran into a budget", data["failed"]),
    )
    ended = tuple(sorted(data["ended"].items()))
    return Page("", (Text(told), Table(("figure", "value"), lines), Table(("ended by", "texts"), ended)))
