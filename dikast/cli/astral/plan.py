"""`dikast astral plan`: choose cells of the space of tests, and say what testing them would take."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli import options
from dikast.cli.astral.results import open_run
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, say, table
from dikast.errors import UsageError
from dikast.graphs.method import CHARACTERS_PER_TOKEN
from dikast.records import Usage

if TYPE_CHECKING:
    from dikast.evaluation.axes import Axes
    from dikast.graphs.astral.suite import Plan


AxesFile = Annotated[
    Path | None,
    typer.Option("--axes", metavar="FILE", rich_help_panel=INPUT, help="Axes of your own, TOML or JSON."),
]
OptIn = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CATEGORY",
        rich_help_panel=METHOD,
        help="Test a category that needs it: child_abuse; drug_abuse,weapons,banned_substance. Replies are never kept.",
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="System under test: a model spec, or http:URL#body=FILE&reply=PATH; several times for several.",
    ),
]
Oracles = Annotated[
    list[str] | None,
    typer.Option(
        "--oracle",
        metavar="SPEC",
        rich_help_panel=MODEL,
        help="Model that judges replies; json+SPEC for a forced form; several times for a panel.",
    ),
]
Attempts = Annotated[
    int, typer.Option(min=1, rich_help_panel=METHOD, help="How often the generator is asked for one test.")
]


def plan(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="FILE", help="Write the plan here, for 'dikast astral run'.")
    ] = None,
    axes: AxesFile = None,
    strength: Annotated[
        int | None,
        typer.Option(min=1, rich_help_panel=METHOD, help="Hit every combination of so many axes; default: every cell."),
    ] = None,
    quota: Annotated[int, typer.Option(min=1, rich_help_panel=METHOD, help="Tests a cell.")] = 3,
    budget: Annotated[int | None, typer.Option(min=1, rich_help_panel=METHOD, help="Tests in all.")] = None,
    after: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", rich_help_panel=METHOD, help="Spend --budget where this run's intervals are widest."
        ),
    ] = None,
    opt_in: OptIn = None,
    target: Targets = None,
    oracle: Oracles = None,
    attempts: Attempts = 3,
    seed: options.Seed = 0,
    price: options.Price = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Choose cells and say what testing them would take; runs nothing."""
    from dikast.evaluation.axes import DEFAULT_AXES, read_axes
    from dikast.evaluation.covering import coverage
    from dikast.graphs.astral.report import axes_of
    from dikast.graphs.astral.suite import leave_out_closed, make_plan, write_plan

    del ctx, config
    whole = read_axes(axes) if axes else axes_of(open_run(after)) if after else DEFAULT_AXES
    space = leave_out_closed(whole, opt_in or ())
    made = (
        next_plan(after, space, budget, strength)
        if after
        else make_plan(space, strength=strength, quota=quota, seed=seed, budget=budget)
    )
    told: dict[str, object] = {"cells": len({tuple(cell.items()) for cell in made.cells}), "tests": len(made.cases)}
    for size in range(1, len(space.values) + 1):
        found = coverage(space, size, made.cells)
        told[f"{size}-way combinations hit"] = f"{found.covered} of {found.total}"
    told |= calls_of(len(made.cases), max(1, len(target or ())), max(1, len(oracle or ())), attempts, price)
    if out:
        write_plan(out, made)
        say(f"wrote {out}: {len(made.cases)} tests; run them: dikast astral run --cases {out} --target SPEC")
    if json:
        emit({**told, "cases": list(made.cases)})
        return
    names = list(space.values)
    table(
        ("id", *names), [(case["id"], *(case.get("cell", {}).get(name, "") for name in names)) for case in made.cases]
    )
    table(("what", "value"), list(told.items()))


def next_plan(run: Path, axes: Axes, budget: int | None, strength: int | None) -> Plan:
    """Where to test next, by what a run found; of several targets, the one whose intervals are widest."""
    from dikast.evaluation.allocation import next_cells
    from dikast.evaluation.safety.summary import summarise
    from dikast.graphs.astral.results import cases_of
    from dikast.graphs.astral.suite import Plan
    from dikast.graphs.astral.suite import cases_of as cases_for

    if budget is None:
        raise UsageError("--after needs a number of tests", hint="give --budget N")
    summary = summarise(cases_of(open_run(run).rows()))
    if not summary.targets:
        raise UsageError(f"{run} has no finished case to go by", hint="run it first")
    widest = max(summary.targets, key=lambda tally: tally.unsafe.high - tally.unsafe.low).target
    if len(summary.targets) > 1:
        say(f"by the cells of {widest}, whose unsafe rate is known least")
    known = [tally for tally in summary.cells if tally.target == widest and axes_have(axes, tally.cell)]
    cells = next_cells(known, budget, axes=axes)
    return Plan(cases_for(cells, prefix=f"{run.name}-next-"), axes, strength)


def axes_have(axes: Axes, cell: Mapping[str, str]) -> bool:
    """Whether the axes know the cell."""
    return all(value in axes.values.get(axis, ()) for axis, value in cell.items())


def calls_of(tests: int, targets: int, oracles: int, attempts: int, price: str | None) -> dict[str, object]:
    """What tests would take at most."""
    from dikast.agents.models.limits import Limits
    from dikast.agents.prompt import load_prompt
    from dikast.graphs.astral import context as astral

    asked = {
        "astral/generate": (tests * attempts, astral.GENERATING),
        "astral/target": (tests * targets, astral.ANSWERING),
    }
    asked["astral/oracle_output"] = (tests * targets * oracles, astral.JUDGING)
    roles = {"astral/generate": "solver", "astral/target": "target", "astral/oracle_output": "oracle"}
    told: dict[str, object] = {f"{roles[name]} calls at most": calls for name, (calls, _) in asked.items()}
    output = sum(calls * sampling.max_tokens for calls, sampling in asked.values())
    frame = sum(
        calls * sum(len(template) for _, template in load_prompt(name).sections) // CHARACTERS_PER_TOKEN
        for name, (calls, _) in asked.items()
    )
    given = tests * targets * (astral.GENERATING.max_tokens + oracles * astral.ANSWERING.max_tokens)
    told |= {"input tokens at most, about": frame + given, "output tokens at most": output}
    price_input, price_output = options.parse_prices(price)
    if price_input or price_output:
        limits = Limits(price_input=price_input, price_output=price_output)
        told["cost at most, about"] = limits.cost_of(Usage(input_tokens=frame + given, output_tokens=output))
    return told
