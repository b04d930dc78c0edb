"""A question told: what each tier answered, and the oracle's plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.duo.tiers.plans import TIERS
from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The replies, and which plans are right."""
    output = row["output"]
    samples = len({one["sample"] for one in output["calls"]})
    return Page(f"some plan is right in {len(output['oracle'])} of {samples} samples", tuple(_parts_of(row)))


def _parts_of(row: Mapping[str, Any]) -> Iterator[Text | Table]:
    output = row["output"]
    if output["cached_right"] is not None:
        yield Text(row["input"]["cached"], "quote", f"cached answer, {_verdict(output['cached_right'])}")
    for one in output["calls"]:
        path = ", then ".join(TIERS[letter] for letter in one["state"])
        ended = one["outcome"] + in_brackets(one["reason"])
        said = _verdict(one["right"]) if one["outcome"] == "ok" else ended
        yield Text(f"sample {one['sample'] + 1}, {path}: {one['found'] or '-'}, {said}", "heading")
        if one["text"]:
            yield Text(one["text"], "quote", "reply")
        sure = "" if one["mean_logprob"] is None else f", mean log-probability {one['mean_logprob']:.3f}"
        yield Text(f"{one['input_tokens']} + {one['output_tokens']} tokens, cost {one['cost']:.4g}{sure}", "note")
    if output["oracle"]:
        lines = tuple((one["sample"] + 1, ", ".join(one["plan"]), one["cost"]) for one in output["oracle"])
        yield Table(("sample", "plan", "cost"), lines, "cheapest plans that are right")


def _verdict(right: bool) -> str:
    return "right" if right else "wrong"
