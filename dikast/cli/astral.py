"""`dikast astral`: safety tests of a system that one owns: plan them, run them, measure the oracle, report."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dikast.cli import astral_results, options
from dikast.cli.astral_results import (
    axes_of_run,
    open_run,
    plain,
    read_policy,
    strength_of_run,
    summary_of,
    tell_summary,
)
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, print_rows, say, table
from dikast.cli.running import CACHE_NAME, Running, finish, private_files, tell
from dikast.errors import DataError, UsageError
from dikast.records import Usage

if TYPE_CHECKING:
    from dikast.agents.models.cache import RequestCache
    from dikast.evaluation.axes import Axes
    from dikast.graphs.astral import Context
    from dikast.graphs.astral.suite import Plan

app = typer.Typer(no_args_is_help=True, help="Test the safety of a system that you own: plan, run, calibrate, report.")

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English, good enough for an estimate."""
SUITE = "suite.jsonl"

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


@app.command()
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
    from dikast.graphs.astral.suite import closed, make_plan, write_plan

    del ctx, config
    whole = read_axes(axes) if axes else axes_of_run(open_run(after)) if after else DEFAULT_AXES
    space = closed(whole, opt_in or ())
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
    names = {"astral/generate": "generator's", "astral/target": "targets'", "astral/oracle_output": "oracles'"}
    told: dict[str, object] = {f"{names[name]} calls at most": calls for name, (calls, _) in asked.items()}
    output = sum(calls * sampling.max_tokens for calls, sampling in asked.values())
    frame = sum(
        calls * sum(len(template) for _, template in load_prompt(name).sections) // CHARACTERS_PER_TOKEN
        for name, (calls, _) in asked.items()
    )
    given = tests * targets * (astral.GENERATING.max_tokens + oracles * astral.ANSWERING.max_tokens)
    told |= {"input tokens at most, about": frame + given, "output tokens at most": output}
    price_input, price_output = options.prices(price)
    if price_input or price_output:
        limits = Limits(price_input=price_input, price_output=price_output)
        told["cost at most, about"] = limits.cost_of(Usage(input_tokens=frame + given, output_tokens=output))
    return told


@app.command()
def run(
    ctx: typer.Context,
    out: options.Out = Path("runs/astral"),
    cases: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Plan, or suite with prompts: JSONL, CSV, TSV."),
    ] = None,
    benign: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", rich_help_panel=INPUT, help="Harmless prompts that ought to be answered: over-refusal."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="OURS=THEIRS,...",
            rich_help_panel=INPUT,
            help="Names in your suites: prompt=text,id=n,category=topic.",
        ),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Your own test prompts, shown to the generator."),
    ] = None,
    news: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            rich_help_panel=INPUT,
            help="Headlines to take up: folder:DIR, feed:FILE-or-URL, search:URL#model=SPEC.",
        ),
    ] = None,
    authority: Annotated[
        str | None,
        typer.Option(metavar="TEXT", rich_help_panel=INPUT, help="By what right you test these targets; recorded."),
    ] = None,
    target: Targets = None,
    oracle: Oracles = None,
    solver: Annotated[
        str | None,
        typer.Option(
            envvar="DIKAST_SOLVER",
            metavar="SPEC",
            rich_help_panel=MODEL,
            help="Model that writes the tests; 'seeds' for a benign placeholder a category.",
        ),
    ] = None,
    model: options.Model = None,
    seed: options.Seed = 0,
    solver_temperature: Annotated[
        float, typer.Option(min=0, rich_help_panel=MODEL, help="Of the tests; 0 is greedy decoding.")
    ] = 1.0,
    solver_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one test.")] = 256,
    target_temperature: Annotated[
        float, typer.Option(min=0, rich_help_panel=MODEL, help="Of the replies under test; 0 is greedy decoding.")
    ] = 0.0,
    target_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one reply.")] = 1024,
    oracle_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one verdict.")] = 256,
    oracle_sees: Annotated[
        Literal["output", "both"], typer.Option(rich_help_panel=METHOD, help="The reply alone, or with its prompt.")
    ] = "output",
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", rich_help_panel=METHOD, help="What is unsafe, in your words, for the oracle."),
    ] = None,
    attempts: Attempts = 3,
    opt_in: OptIn = None,
    limit: options.Limit = None,
    preview: options.Preview = None,
    dry_run: options.DryRun = False,
    force_new: options.ForceNew = False,
    concurrency: options.Concurrency = 16,
    cache: options.Cache = None,
    max_calls: options.MaxCalls = None,
    max_run_tokens: options.MaxTokens = None,
    max_seconds: options.MaxSeconds = None,
    max_cost: options.MaxCost = None,
    price: options.Price = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Write the tests that lack a prompt, put all to the targets, judge the replies.

    The same command again goes on where it stopped. Replies that are not judged safe are in RUN/withheld.jsonl alone,
    which only you can read; --cache holds what the generator wrote, never what a target or an oracle says.
    """
    from dikast.graphs import astral
    from dikast.graphs.astral.suite import rows_for

    settings = {name: value for name, value in ctx.params.items() if name not in ("config", "json")}
    tested = read_cases(cases, benign, columns, limit)
    settings |= {"axes_of_cases": tested.axes.as_json(), "strength_of_cases": tested.strength}
    if not target:
        raise UsageError("nothing to test", hint="give --target SPEC, a system that you own")
    lacking = any(not case.get("prompt") for case in tested.cases)
    specs = roles(model, solver if lacking else None, oracle, lacking)
    sampling = {"seed": seed}
    context = made(
        {
            "targets": target,
            "oracles": specs["oracles"],
            "generator": specs["generator"],
            "examples": f"examples:{examples}" if examples and lacking else None,
            "news": news if lacking else None,
            "vault": f"file:{out.resolve() / 'withheld.jsonl'}" if not (preview or dry_run) else "nowhere",
            "authority": authorities(target, authority, out, force_new),
            "opt_in": opt_in or [],
            "oracle_sees": oracle_sees,
            **({"policy": read_policy(policy)} if policy else {}),
            "attempts": attempts,
            "generating": {**sampling, "max_tokens": solver_tokens, "temperature": solver_temperature},
            "answering": {**sampling, "max_tokens": target_tokens, "temperature": target_temperature},
            "judging": {**sampling, "max_tokens": oracle_tokens},
        }
    )
    refuse_closed(tested, context)
    rows = rows_for(tested, target)
    running = Private(out, concurrency, cache, max_calls, max_run_tokens, max_seconds, max_cost, price, force_new)
    if dry_run:
        estimate(rows, context, running, json)
        return
    if preview:
        show_preview(rows, context, running, preview, json)
        return
    with private_files():
        summary = running.run(astral.graph, rows, context, settings)
        written = write_suite(out)
    tell_run(out, summary.as_dict(), written, json)
    tell(summary)
    if summary.owed == 0:
        say(f"the report: dikast astral report {out}")
    raise typer.Exit(summary.exit_code)


class Private(Running):
    """A run whose request cache is its own, in its folder, unless another is named: the generator's calls alone."""

    def request_cache(self) -> RequestCache | None:
        """The request cache; `None` where it is off."""
        from dikast.agents.models.cache import RequestCache

        if self.cache is None:
            return RequestCache(self.out / CACHE_NAME)
        return super().request_cache()


def read_cases(cases: Path | None, benign: Path | None, columns: str | None, limit: int | None) -> Plan:
    """All cases: prompts that nearly repeat another are told, and asked like the others.

    Raises:
        UsageError: Neither file is given.
        DataError: A file is wrong, or both have a case of the same id.
    """
    from dataclasses import replace

    from dikast.evaluation.diversity import NearDuplicates
    from dikast.graphs.astral.suite import near_repeats, read_plan
    from dikast.jobs.sources import parse_columns

    NearDuplicates()  # a missing extra is told now, and not when the run is over
    if cases is None and benign is None:
        raise UsageError(
            "no cases", hint="give --cases FILE (from 'dikast astral plan -o FILE', or a suite), or --benign"
        )
    ours = parse_columns(columns)
    read = [read_plan(cases, columns=ours)] if cases else []
    harmless = [read_plan(benign, columns=ours, benign=True)] if benign else []
    tested = replace((read or harmless)[0], cases=[case for part in (*read, *harmless) for case in part.cases][:limit])
    twice = len(tested.cases) - len({case["id"] for case in tested.cases})
    if twice:
        raise DataError(f"{twice} ids are those of cases in {cases}, too", path=benign, field="id")
    for part, path in ((read, cases), (harmless, benign)):
        for case, why in (part[0].left_out if part else {}).items():
            say(f"left out of {path}: {case}: {why}")
    if close := near_repeats(tested.cases):
        first = next(iter(close.items()))
        say(f"note: {len(close)} prompts nearly repeat another ({first[0]} repeats {first[1]}, ...); all are asked")
    return tested


def roles(model: str | None, solver: str | None, oracle: list[str] | None, lacking: bool) -> dict[str, Any]:
    """Who writes the tests and who judges."""
    from dikast.agents.models.default import default_model

    if model is None and (not oracle or (lacking and solver is None)):
        model, why = default_model()
        say(f"model: {model} ({why})")
    return {"generator": (solver or model) if lacking else None, "oracles": oracle or [model]}


def authorities(targets: list[str], given: str | None, out: Path, force_new: bool) -> dict[str, str]:
    """Target -> by what right it is tested: as recorded in the run folder, as given, or as a person says now.

    Raises:
        UsageError: A target has no statement, and nobody can be asked.
    """
    from dikast.jobs.manifest import NAME, read_manifest

    known: dict[str, str] = {}
    if (out / NAME).exists() and not force_new:
        known = read_manifest(out).context.get("authority", {})
    for target in targets:
        if target in known:
            continue
        if given is not None:
            known = {**known, target: given.strip()}
        elif sys.stdin.isatty():
            known = {**known, target: typer.prompt(f"By what right do you test {target}?", err=True).strip()}
        if not known.get(target):
            hint = 'say by what right: --authority "we operate this service"; it is recorded in the manifest'
            raise UsageError(f"{target}: only who owns a system, or is entitled by its owner, may test it", hint=hint)
    return {target: known[target] for target in targets}


def made(knobs: dict[str, Any]) -> Context:
    """The context; what cannot be is told in one line."""
    from pydantic import ValidationError

    from dikast.graphs import astral

    try:
        return astral.Context.model_validate(knobs)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {first['msg']}" if where else first["msg"]) from error


def refuse_closed(plan: Plan, context: Context) -> None:
    """Tell at once that cases need an opt-in, rather than at the first of them."""
    from dikast.graphs.astral.vault import REFUSAL_ONLY

    shut = REFUSAL_ONLY - context.opt_in
    found = [case for case in plan.cases if shut.intersection((case.get("cell") or {}).values())]
    if found:
        category = next(value for value in (found[0].get("cell") or {}).values() if value in shut)
        hint = f"leave them out, or if you are entitled to them: --opt-in {category}; no reply is kept of them"
        raise UsageError(f"{len(found)} cases are of a category that needs an opt-in: {category}", hint=hint)


def estimate(rows: Sequence[Any], context: Context, running: Running, as_json: bool) -> None:
    """Print what the run would ask; ask nothing."""
    from dikast.graphs import astral
    from dikast.jobs.previewing import estimate as job_estimate

    found = job_estimate(astral.graph, rows, context, running.out)
    tests = len({row["id"] for row in rows if not row.get("prompt")})
    owed = found.owed / max(1, len(context.targets))
    told: dict[str, object] = {"rows asked": found.asked, "rows owed": found.owed}
    told |= calls_of(math.ceil(owed), len(context.targets), len(context.oracles), context.attempts, running.price)
    told["generator's calls at most"] = min(math.ceil(owed), tests) * context.attempts
    emit(told) if as_json else table(("what", "value"), list(told.items()))


def show_preview(rows: Sequence[Any], context: Context, running: Running, n: int, as_json: bool) -> None:
    """Run a few rows and print them whole, but for what is withheld."""
    from dikast.graphs import astral
    from dikast.graphs.astral.story import story
    from dikast.jobs.previewing import preview

    print_rows(finish(preview(astral.graph, rows, context, n)), story, as_json)


def write_suite(out: Path) -> dict[str, Any]:
    """Write the tests of the run as a suite; how many, and how different they are.

    Generated ones that nearly repeat another are left out of the suite; they were asked, and count.
    """
    from dikast.evaluation.diversity import diversity_by_cell
    from dikast.graphs.astral.results import generated_of, suite_of
    from dikast.graphs.astral.suite import Plan, near_repeats, without_repeats, write_plan

    opened = open_run(out)
    cases = suite_of(opened.rows())
    plan = Plan(cases, axes_of_run(opened), strength_of_run(opened))
    written = without_repeats(plan, generated_of(opened.rows()))
    folder = out / "export"
    folder.mkdir(exist_ok=True)
    write_plan(folder / SUITE, written)
    cells = diversity_by_cell(
        (case.get("cell") or {}, case.get("prompt", "")) for case in cases if not case.get("benign")
    )
    distances = [found.distance for _, found in cells if not math.isnan(found.distance)]
    return {
        "tests": len(cases),
        "near_duplicates": len(near_repeats(cases)),
        "left_out": len(written.repeats),
        "distance_in_cells": sum(distances) / len(distances) if distances else None,
        "cells": [{"cell": dict(cell), "tests": found.n, "distance": plain(found.distance)} for cell, found in cells],
    }


def tell_run(out: Path, summary: dict[str, Any], written: dict[str, Any], as_json: bool) -> None:
    """Print how safe each target was."""
    found = summary_of(open_run(out))
    if as_json:
        emit({"summary": summary, "safety": found.as_json(), "suite": written, "folder": str(out)})
        return
    tell_summary(found)
    say(
        f"tests: {written['tests']}, near-duplicates among them: {written['near_duplicates']} ({written['left_out']} "
        f"generated ones left out of {out / 'export' / SUITE}); all were asked"
    )


app.command()(astral_results.calibrate)
app.command()(astral_results.report)
