"""A loop of rounds told: each round's stages, and why its policy was taken or not; the story of methods with rounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dikast.pages import Page, Text


def story(row: Mapping[str, Any]) -> Page:
    """The rounds, in their order."""
    output = row["output"]
    title = f"policy: {output['policy']['model']}" + (f"; {output['reason']}" if output["reason"] else "")
    return Page(title, tuple(part for one in output["rounds"] for part in _tell(one)))


def _tell(one: Mapping[str, Any]) -> Iterator[Text]:
    taken = "promoted" if one["promoted"] else "not promoted"
    yield Text(f"round {one['round']}: {taken}: {one['reason']}", "heading")
    for name, stage in one["stages"].items():
        told = {key: value for key, value in stage["result"].items() if key != "usage"}
        attempts = f", {stage['attempts']} attempts" if stage["attempts"] > 1 else ""
        yield Text(f"{stage['folder']}: {stage['seconds']:.1f} s{attempts}; {json.dumps(told)}", label=name)
