"""A text told: its loss on the plainest routes, on the oracle's, and on the routers'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dikast.pages import Page, Table, Text


def story(row: Mapping[str, Any]) -> Page:
    """The routes, and what they cost."""
    output = row["output"]
    cut = ", cut" if output["cut"] else ""
    return Page(f"{output['tokens']} tokens{cut}, {output['layers']} layers", tuple(_parts_of(row)))


def _parts_of(row: Mapping[str, Any]) -> Iterator[Text | Table]:
    output = row["output"]
    yield Text(row["input"]["text"], "quote", "text")
    if output["oracle"] is None:
        return
    oracle, router, fixed = output["oracle"], output["router"], output["fixed"]
    lines = (
        ("all big", fixed["big"], 1.0),
        ("all small", fixed["small"], output["small_cost"]),
        ("all skipped", fixed["skip"], 0.0),
        ("oracle", oracle["loss"], oracle["cost"]),
        ("routers", router["loss"], router["cost"]),
    )
    yield Table(("route", "nats a token", "cost"), lines, f"losses; {oracle['tried']} routes tried")
    names = ("skip", "small", "big")
    route: list[int] = oracle["route"]
    layers = tuple(
        (place + 1, names[one], router["big"][place], router["skipped"][place]) for place, one in enumerate(route)
    )
    yield Table(("layer", "oracle", "routers: big", "routers: skipped"), layers, "by layer")
