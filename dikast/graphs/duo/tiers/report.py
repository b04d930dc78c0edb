"""What the study amounts to: each policy's share of right answers at its cost, what a router gains, and what is luck.

Intervals are over questions. Costs are told as shares of asking the big model once each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.errors import MissingExtraError
from dikast.evaluation.svg import Dot, dot_plot
from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.plans import plans, words
from dikast.graphs.method import Report
from dikast.jobs.reading import Run
from dikast.pages import Cell, Figure, Page, Table, Text

if TYPE_CHECKING:
    from dikast.graphs.duo.ladders import Ints
    from dikast.graphs.duo.tiers.study import Measured, Policy

BUDGETS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
CURVES, DOTS = "budget.svg", "policies.svg"
NAMES: Mapping[str, str] = {
    "small": "small model",
    "big": "big model",
    "mix": "random mix at the budget",
    "router": "router, on questions it has not seen",
    "cross_fitted": "oracle, cross-fitted",
    "oracle": "oracle, chosen by the labels it is scored on",
    "null": "null: that oracle on labels dealt out at random",
}


def report(run: Run, context: Context) -> Report:
    """Weigh the policies, and draw them into the run's `export` folder."""
    from dikast.graphs.duo.tiers.study import Measured

    measured = Measured.of(run.rows(), context)
    asked = run.manifest.attempts[-1].asked
    data: dict[str, Any] = {**counts_of(measured), "failed": measured.failed, "budget": context.budget}
    data["asked"] = data["rows"] + measured.failed if asked is None else asked
    head = Text(f"{data['rows']} questions scored of {data['asked']} asked; {measured.failed} failed")
    if not data["rows"] or float(measured.big.mean()) <= 0:
        note = "" if not data["rows"] else "the big model cost nothing: there is no budget to keep"
        return Report(Page("", (head,)), data, (note,) if note else ())
    data |= weigh(measured, context)
    parts, notes = tables_of(data), notes_of(data, context)
    parts.append(Figure(dots_of(data["policies"]), DOTS, "right answers by policy, with 95 % intervals"))
    notes.append(draw(data["curves"], run.path / "export" / CURVES))
    return Report(Page("", (head, *parts)), data, tuple(notes))


def counts_of(measured: Measured) -> dict[str, Any]:
    """How many rows, and how replies ended, by tier."""
    ended: dict[str, Counter[str]] = {"small": Counter(), "big": Counter()}
    for record in measured.records:
        for one in record["output"]["calls"]:
            ended["small" if one["state"].endswith("s") else "big"][one["outcome"]] += 1
    cached = [one for row in measured.records if (one := row["output"]["cached_right"]) is not None]
    return {
        "rows": len(measured.records),
        "replies": {tier: dict(found) for tier, found in ended.items()},
        "cached": {"rows": len(cached), "right": sum(cached)},
    }


def weigh(measured: Measured, context: Context) -> dict[str, Any]:
    """The figures of all policies."""
    from dikast.graphs.duo.tiers import study
    from dikast.graphs.duo.tiers.router import route

    unit = float(measured.big.mean())
    budget = context.budget * unit
    # A plan's number in base 3: of those whose last step alone is any, 0 asks nobody, 1 the small, 2 the big model.
    skip, small, big = (study.fixed(measured, place) for place in range(3))
    ladder = sorted((skip, small, big), key=lambda one: float(one.cost.mean()))
    routed = route(measured, context, (context.budget, *BUDGETS))
    crossed = study.cross_fitted(measured, budget)
    policies: dict[str, Policy | None] = {
        "small": small,
        "big": big,
        "mix": study.mix(ladder, budget),
        "router": routed[0].policy if routed else None,
        "cross_fitted": crossed,
        "oracle": study.oracle(measured, budget),
    }
    told: dict[str, Mapping[str, float | None]] = {
        name: line_of(one, unit) for name, one in policies.items() if one is not None
    }
    told["null"] = {"right": study.null(measured, budget, context.seed), "low": None, "high": None, "cost": None}
    data: dict[str, Any] = {"policies": told, "mean_cost_of_big": unit}
    data["router"] = against_mix(routed[0].policy, ladder, crossed, unit) if routed else None
    data["plans"] = {
        "oracle": plans_taken(study.oracle_plans(measured, budget), context.steps),
        "router": dict(sorted(routed[0].plans.items(), key=lambda one: -one[1])) if routed else {},
    }
    data["curves"] = {
        "oracle": [(share, float(study.oracle(measured, share * unit).right.mean())) for share in BUDGETS],
        "router": [
            [float(one.policy.cost.mean()) / unit, float(one.policy.right.mean())] for one in (routed or [])[1:]
        ],
        "mix": [(share, float(study.mix(ladder, share * unit).right.mean())) for share in BUDGETS],
    }
    return data


def line_of(policy: Policy, unit: float) -> dict[str, float]:
    """A policy's share of right answers, with its interval, and what it costs."""
    from dikast.stats import bounded_mean

    interval = bounded_mean(policy.right.tolist(), 0, 1, pseudo=2)
    cost = float(policy.cost.mean()) / unit
    return {"right": float(policy.right.mean()), "low": interval.low, "high": interval.high, "cost": cost}


def against_mix(router: Policy, ladder: Sequence[Policy], crossed: Policy | None, unit: float) -> dict[str, Any]:
    """What the router gains over a random mix of its own cost; and of that what the cross-fitted oracle gains."""
    from dikast.graphs.duo.tiers.study import mix
    from dikast.stats import bootstrap

    beside = mix(ladder, float(router.cost.mean()))
    gains = (router.right - beside.right).tolist()
    interval = bootstrap(gains) if len(gains) > 1 else None
    found: dict[str, Any] = {
        "cost": float(router.cost.mean()) / unit,
        "gain": float(router.right.mean() - beside.right.mean()),
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "recovered": None,
    }
    if crossed is not None:
        head = float(crossed.right.mean() - mix(ladder, float(crossed.cost.mean())).right.mean())
        found["recovered"] = found["gain"] / head if head > 0 else None
        found["cross_fitted_gain"] = head
    return found


def plans_taken(chosen: Sequence[Ints], steps: int) -> dict[str, int]:
    """Plan in words -> rows and samples that take it, the most frequent first."""
    every = plans(steps)
    taken: list[int] = [place for one in chosen for place in one.tolist()]
    found = Counter(words(every[place]) for place in taken)
    return dict(found.most_common())


def tables_of(data: Mapping[str, Any]) -> list[Text | Table | Figure]:
    """The figures, for people."""
    lines: list[tuple[Cell, ...]] = []
    for name, label in NAMES.items():
        if name in data["policies"]:
            one = data["policies"][name]
            shown = "-" if one["low"] is None else f"[{one['low']:.3f}, {one['high']:.3f}]"
            lines.append((label, one["right"], shown, one["cost"]))
    parts: list[Text | Table | Figure] = [
        Table(
            ("policy", "right", "95 % interval", "cost"), tuple(lines), f"at a budget of {data['budget']:g} big calls"
        )
    ]
    if (router := data["router"]) is not None:
        span = "" if router["low"] is None else f" [{router['low']:+.3f}, {router['high']:+.3f}]"
        told = f"the router gains {router['gain']:+.3f}{span} over a random mix that costs the same"
        if router["recovered"] is not None:
            told += f": {router['recovered']:.0%} of what the cross-fitted oracle gains"
        parts.append(Text(told))
    names = [one for one in ("oracle", "router") if data["plans"][one]]
    every = list(dict.fromkeys(plan for name in names for plan in data["plans"][name]))
    rows = tuple((plan, *(data["plans"][name].get(plan, 0) for name in names)) for plan in every)
    parts.append(Table(("plan", *names), rows, "plans taken, over questions and samples"))
    kinds = sorted({kind for found in data["replies"].values() for kind in found})
    ended = tuple((tier, *(found.get(kind, 0) for kind in kinds)) for tier, found in data["replies"].items())
    parts.append(Table(("tier", *kinds), ended, "how replies ended"))
    return parts


def notes_of(data: Mapping[str, Any], context: Context) -> list[str]:
    """How to read the figures."""
    notes: list[str] = []
    if data["router"] is None:
        notes.append(f"{data['rows']} questions are too few for a router")
    if context.samples == 1:
        notes.append("one sample a question: no cross-fitted oracle; the oracle is an upper bound that holds luck")
    oracle, nulled = data["policies"]["oracle"]["right"], data["policies"]["null"]["right"]
    if nulled >= oracle:
        notes.append("the null is as good as the oracle: choosing by the labels explains what it gains")
    return notes


def dots_of(policies: Mapping[str, Mapping[str, float | None]]) -> str:
    """The policies below each other."""
    nan = float("nan")
    dots = [
        Dot(
            name.replace("_", "-"),
            nan if (value := policies[name]["right"]) is None else value,
            nan if (low := policies[name]["low"]) is None else low,
            nan if (high := policies[name]["high"]) is None else high,
        )
        for name in NAMES
        if name in policies
    ]
    return dot_plot("Right answers by policy", dots, low=0, high=1)


def draw(curves: Mapping[str, Sequence[Sequence[float]]], path: Path) -> str:
    """Draw right answers by cost; says where, or what is missing for it."""
    from dikast.retrieval.plots import curves as plot
    from dikast.retrieval.plots import save

    lines = {name: sorted((one[0], one[1]) for one in points) for name, points in curves.items() if points}
    try:
        figure = plot(lines, "right answers", "cost of a question, in calls of the big model", "Budget")
    except MissingExtraError as error:
        return f"no figure of the budget: {error}"
    path.parent.mkdir(exist_ok=True)
    save(figure, path)
    return f"right answers by budget: {path}"
