"""What a study inside a model amounts to: oracle, routers and luck at a budget; how many big layers, and which.

Losses are nats a token, means over texts with intervals over texts; costs are shares of what all big costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.errors import MissingExtraError
from dikast.graphs.duo.context import Context
from dikast.graphs.method import Report
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.graphs.duo.study import Losses

FIGURE = "big_layers.svg"
NAMES: Mapping[str, str] = {
    "all_big": "all big",
    "all_small": "all small",
    "router": "routers",
    "fixed": "best fixed routes, mixed to the budget, chosen on other texts",
    "random_1": "a random route",
    "random_10": "best of 10 random routes",
    "random_100": "best of 100 random routes",
    "cross_fitted": "oracle, cross-fitted",
    "by_text": "oracle, each text within the budget",
    "oracle": "oracle, all texts together within it",
    "null": "null: that oracle where no route suits a text",
}


def report(run: Run, context: Context) -> Report:
    """Weigh the routes, and draw the number of big layers into the run's `export` folder."""
    rows, kept, failed = 0, list[Mapping[str, Any]](), 0
    short = cut = 0
    for record in run.rows():
        rows += 1
        output = record["output"]
        if output is None or Outcome(record["outcome"]).failed:
            failed += 1
        elif output["oracle"] is None:
            short += 1
        else:
            kept.append(output)
            cut += output["cut"]
    asked = run.manifest.attempts[-1].asked
    data: dict[str, Any] = {
        "asked": rows if asked is None else asked,
        "texts": len(kept),
        "failed": failed,
        "short": short,
        "cut": cut,
        "budget": context.budget,
    }
    told = f"{len(kept)} texts measured of {data['asked']} asked; {failed} failed, {short} too short, {cut} cut"
    if not kept:
        return Report(Page("", (Text(told),)), data)
    data |= weigh(kept, context)
    notes = [] if data["tried_all"] else ["not all routes were tried: no cross-fitted oracle, random routes or null"]
    if data["by_count"]:
        notes.append(draw(data["by_count"], run.path / "export" / FIGURE))
    return Report(Page("", (Text(told), *tables_of(data))), data, tuple(notes))


def weigh(kept: Sequence[Mapping[str, Any]], context: Context) -> dict[str, Any]:
    """The figures."""
    from dikast.graphs.duo.study import Losses, bends, shares_of

    losses = Losses.of(kept, context.budget) if all(one["oracle"]["losses"] for one in kept) else None
    found: dict[str, Any] = {
        "all_big": ([one["fixed"]["big"] for one in kept], 1.0),
        "all_small": ([one["fixed"]["small"] for one in kept], kept[0]["small_cost"]),
        "router": ([one["router"]["loss"] for one in kept], mean([one["router"]["cost"] for one in kept])),
        "by_text": ([one["oracle"]["loss"] for one in kept], mean([one["oracle"]["cost"] for one in kept])),
    }
    if losses is not None:
        found |= losses.policies(context.seed)
    policies = {name: line_of(*found[name]) for name in NAMES if name in found}
    data: dict[str, Any] = {"policies": policies, "tried_all": losses is not None, "layers": kept[0]["layers"]}
    if losses is not None:
        null = losses.null(context.seed)
        policies["null"] = {"loss": null, "low": None, "high": None, "cost": None}
        data["router_against"] = compared(losses, found)
    data["by_count"] = losses.by_count() if losses is not None else []
    data["by_layer"] = shares_of(kept)
    data["difficulty"] = bends(kept)
    data["router_by_place"] = [
        mean(list(one)) for one in zip(*(row["router"]["by_place"] for row in kept), strict=False)
    ]
    return data


def mean(values: Sequence[float]) -> float:
    """The mean."""
    return sum(values) / len(values)


def line_of(losses: Sequence[float], cost: float) -> dict[str, float | None]:
    """A policy's mean loss with its interval, and what it costs."""
    from dikast.stats import bootstrap

    interval = bootstrap(losses) if len(losses) > 1 else None
    low, high = (interval.low, interval.high) if interval else (None, None)
    return {"loss": mean(losses), "low": low, "high": high, "cost": cost}


def compared(losses: Losses, found: Mapping[str, Any]) -> dict[str, Any]:
    """The routers beside the best fixed routes of their own cost, and which share they have of the oracle's gain."""
    from dikast.stats import bootstrap

    cost = found["router"][1]
    fixed, _ = losses.fixed(cost)
    crossed, _ = losses.cross_fitted(cost)
    gains = [one - other for one, other in zip(fixed, found["router"][0], strict=True)]
    interval = bootstrap(gains) if len(gains) > 1 else None
    head = mean(fixed) - mean(crossed)
    return {
        "cost": cost,
        "gain": mean(gains),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "cross_fitted_gain": head,
        "recovered": mean(gains) / head if head > 0 else None,
    }


def tables_of(data: Mapping[str, Any]) -> list[Text | Table]:
    """The figures, for people."""
    lines: list[tuple[Cell, ...]] = []
    for name, label in NAMES.items():
        if name in data["policies"]:
            one = data["policies"][name]
            shown = "-" if one["low"] is None else f"[{one['low']:.3f}, {one['high']:.3f}]"
            lines.append((label, one["loss"], shown, one["cost"]))
    title = f"at a budget of {data['budget']:g}"
    parts: list[Text | Table] = [Table(("route", "nats a token", "95 % interval", "cost"), tuple(lines), title)]
    if "router_against" in data:
        one = data["router_against"]
        span = "" if one["low"] is None else f" [{one['low']:+.4f}, {one['high']:+.4f}]"
        told = f"at their own cost of {one['cost']:.3f} the routers gain {one['gain']:+.4f}{span} nats a token over the"
        told += " best fixed routes"
        if one["recovered"] is not None:
            told += f": {one['recovered']:.0%} of what the cross-fitted oracle gains"
        parts.append(Text(told))
    if data["by_count"]:
        counts = tuple((one["big"], one["oracle"], one["cross_fitted"], one["fixed"]) for one in data["by_count"])
        columns = ("big layers", "oracle", "oracle, cross-fitted", "best fixed route")
        parts.append(Table(columns, counts, "nats a token by the number of big layers"))
    layers = tuple(
        (place + 1, one["oracle_big"], one["oracle_skip"], one["router_big"], one["router_skip"])
        for place, one in enumerate(data["by_layer"])
    )
    columns = ("layer", "oracle: big", "oracle: skipped", "routers: big", "routers: skipped")
    parts.append(Table(columns, layers, "where it is spent: shares of texts, and of tokens"))
    if data["difficulty"] is not None:
        told = data["difficulty"]
        parts.append(
            Text(
                "difficulty is what the oracle gains over all small: its rank correlation with the loss of all big is "
                f"{told['with_loss']:+.3f}, with what the routers spend {told['with_spent']:+.3f}"
            )
        )
    quarters = data["router_by_place"]
    parts.append(
        Table(tuple(f"quarter {n + 1}" for n in range(len(quarters))), (tuple(quarters),), "routers' big modules")
    )
    return parts


def draw(counts: Sequence[Mapping[str, float]], path: Path) -> str:
    """Draw losses by the number of big layers; says where, or what is missing for it."""
    from dikast.retrieval.plots import curves, save

    lines = {
        name: [(one["big"], one[key]) for one in counts]
        for name, key in (("oracle", "oracle"), ("oracle, cross-fitted", "cross_fitted"), ("fixed route", "fixed"))
    }
    try:
        figure = curves(lines, "loss, nats a token", "big layers, the others small or skipped", "How many big layers?")
    except MissingExtraError as error:
        return f"no figure of big layers: {error}"
    path.parent.mkdir(exist_ok=True)
    save(figure, path)
    return f"loss by the number of big layers: {path}"
