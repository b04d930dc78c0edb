"""A row told: the reference with the model's own tokens marked by number, its answer, and the gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.graphs.story import in_brackets
from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """What was replaced, and what the model says itself."""
    output = row["output"]
    bash, draft = output["bash"], output["draft"]
    told = [f"{sum(bash['own'])} of {len(bash['own'])} context tokens are the model's own"] if bash else []
    told += [f"its answer is {'right' if draft['right'] else 'not the reference'}"] if draft else []
    return Page("; ".join(told) or "nothing was made", tuple(parts_of(row)))


def parts_of(row: Mapping[str, Any]) -> Iterator[Text | Table]:
    """The reference, the tokens, the answer, the gap."""
    output = row["output"]
    yield Text(row["input"]["reference"], "quote", "reference")
    if bash := output["bash"]:
        drawn = f"p = {bash['p']:.3f}: {bash['drawn']} drawn; at {bash['ended']} the model ended its turn"
        yield Text(f"{drawn}; {bash['calls']} calls")
        both = zip(bash["labels"], bash["input_ids"], bash["own"], strict=True)
        rows = tuple((place + 1, label, read) for place, (label, read, own) in enumerate(both) if own)
        if rows:
            yield Table(("place", "reference's token", "own token"), rows, "tokens replaced")
    if draft := output["draft"]:
        yield Text(draft["text"], "quote", f"own answer, {draft['outcome']}{in_brackets(draft['reason'])}")
    if output["gap"]:
        points = tuple((one["place"] + 1, f"{one['forced']:.3f}", f"{one['free']:.3f}") for one in output["gap"])
        yield Table(("place", "teacher-forced", "free-running"), points, "loss, nats")
