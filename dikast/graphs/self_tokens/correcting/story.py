"""A row told: draft, critique, correction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Text

WORDS = {True: "right", False: "not the reference", None: "not measured"}


def story(row: Mapping[str, Any]) -> Page:
    """Both passes."""
    output = row["output"]
    made = [f"{name}: {WORDS[output[name]['right']]}" for name in ("draft", "correction") if output[name]]
    return Page("; ".join(made) or "no draft was made", tuple(parts_of(row)))


def parts_of(row: Mapping[str, Any]) -> Iterator[Text]:
    """The reference, and what was said in turn."""
    if reference := row["input"].get("reference"):
        yield Text(reference, "quote", "reference")
    for name in ("draft", "critique", "correction"):
        if one := row["output"][name]:
            yield Text(one["text"], "quote", f"{name}, {one['outcome']}{in_brackets(one['reason'])}")
