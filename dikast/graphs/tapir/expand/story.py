"""An expanded row told: its task, each new instruction, its answer or why it is left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.graphs.tapir.expand.records import DROPS, New
from dikast.pages import Page, Text


def story(row: Mapping[str, Any]) -> Page:
    """What came of it."""
    output = row["output"]
    made: list[New] = output["made"]
    kept = sum(new["dropped"] is None for new in made)
    title = f"{kept} of {len(made)} new instructions kept; task: {output['task'] or 'none'}"
    failures = [
        Text(f"{one['step']}: {one['outcome']}{in_brackets(one['reason'])}", "note") for one in output["failures"]
    ]
    return Page(title, (*(part for number, new in enumerate(made, start=1) for part in tell(number, new)), *failures))


def tell(number: int, new: New) -> Iterator[Text]:
    """One new instruction."""
    why = f"left out: {DROPS[new['dropped']]}" if new["dropped"] else "kept"
    yield Text(f"{number}: {why}" + (f" ({new['task']})" if new["task"] else ""), "heading")
    yield Text(new["instruction"], "quote", "instruction")
    if new["answer"]:
        yield Text(new["answer"], "quote", "answer")
