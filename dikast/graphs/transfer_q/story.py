"""A text told: each choice with its candidates, what they were worth, and which was taken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text

SHOWN = 40
"""Characters of a candidate."""


def story(row: Mapping[str, Any]) -> Page:
    """The reward, the choices, the text."""
    output = row["output"]
    reward = "no reward" if output["reward"] is None else f"reward {output['reward']:g}"
    title = f"{len(output['steps'])} choices, ended by {output['ended']}: {reward}"
    return Page(title, (*_tell_problems(output), *_tell_steps(output), *_tell_text(output)))


def _tell_problems(output: Mapping[str, Any]) -> Iterator[Text]:
    if output["outcome"] != "ok":
        yield Text(f"{output['outcome']}{in_brackets(output['reason'])}")
    if output["unrewarded"]["count"]:
        told = f"{output['unrewarded']['count']} completions without a reward"
        yield Text(told + in_brackets(output["unrewarded"]["reason"]))
    if not output["shared"]:
        yield Text("solver and baseline have different vocabularies: texts were passed in place of token ids")
    if output["seam"]:
        yield Text("the pieces that rewards saw do not add up to the text: a token of it is no whole character")


def _tell_steps(output: Mapping[str, Any]) -> Iterator[Text | Table]:
    for number, step in enumerate(output["steps"], start=1):
        told = f"choice {number}, behind {step['place']} tokens: {step['kl']:.3f} nats from the solver"
        yield Text(told if step["guided"] else f"{told}; no values, so that the solver decided", "heading")
        rows = [
            (
                "taken" if at == step["chosen"] else "",
                _short(one["text"]) + (" (end)" if one["ended"] else ""),
                f"{one['logprob']:.2f}",
                one["drawn"],
                "none" if one["value"] is None else f"{one['value']:.4g}",
                f"{one['ess']:.1f} of {len(one['rewards'])}" + (", tempered" if one["power"] < 1 else ""),
                "" if one["policy"] is None else f"{math.exp(one['policy']):.3f}",
            )
            for at, one in enumerate(step["candidates"])
        ]
        columns = ("", "piece", "log-probability", "drawn", "value", "effective completions", "probability")
        yield Table(columns, tuple(rows), f"{step['rollouts']} completions, {step['rollout_tokens']} tokens")


def _short(text: str) -> str:
    told = text if len(text) <= SHOWN else text[: SHOWN - 1] + "\u2026"
    return told.replace("\n", "\u23ce")


def _tell_text(output: Mapping[str, Any]) -> Iterator[Text]:
    if output["text"]:
        yield Text("the whole text", "heading")
        yield Text(output["text"], "quote", "text")
    if output["said"]:
        yield Text(output["said"], "quote", "judge")
