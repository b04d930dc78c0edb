"""`dikast tune METHOD ...`: the knobs of any method, set by rankings of its runs.

Its own flags come from `dikast.graphs.zo_ranksgd`; every flag that is none of them is the method's, as its run command
has it. Where both have one of a name (`--judge`), it is the tuning's; behind `--` everything is the method's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from pydantic import BaseModel

from dikast.cli import PARSER_ERROR, options
from dikast.cli.methods import place_of
from dikast.cli.options import INPUT, guard_numbers
from dikast.cli.own import load_own
from dikast.cli.parameters import knobs_of
from dikast.cli.run import RUN_FLAGS, RunCommand, flag, preset_flag, with_parameters
from dikast.cli.running import Running
from dikast.errors import UsageError
from dikast.graphs import METHODS, PLUGINS, command_of, load_method
from dikast.graphs.method import Method, Row

if TYPE_CHECKING:
    from dikast.graphs.zo_ranksgd.context import Context
    from dikast.jobs import Summary

TUNING = "zo_ranksgd"
LEFT_OUT = frozenset({"limit", "ids", "shuffle", "preview", "concurrency"})
"""Flags of a run that a tuning has not, or has otherwise."""
ABOUT = """Set a method's knobs by rankings of its runs: settings are run over some rows, and moved to the better ones.

METHOD is a command of dikast's (genqr, tables, judge, ...) or MODULE:NAME. All other flags are the method's own, as for
'dikast METHOD run'; one that both have (--judge) is the tuning's, and the method's behind a '--'. The same command
again goes on where it stopped.
"""
Noun = Annotated[str, typer.Argument(metavar="METHOD", help="What is tuned: genqr, judge, ..., or MODULE:NAME.")]
Rest = Annotated[
    list[str] | None, typer.Argument(metavar="[METHOD'S FLAGS]...", help="As for 'dikast METHOD run': input, roles.")
]

app = typer.Typer(help=METHODS[TUNING])


def reference_of(noun: str) -> str:
    """The folder of a command's method, or `module:name` as it is.

    Raises:
        UsageError: No command is called so, or it is no method's that could be tuned.
    """
    if noun.startswith("-"):
        raise UsageError(f"{noun} stands before METHOD, and is no flag of a tuning", hint="dikast tune --help")
    if ":" in noun:
        return noun
    folders = {command_of(name): name for name in METHODS if name != TUNING}
    if noun not in folders and (plugin := PLUGINS.find(noun)) is not None:
        return plugin.value
    if noun not in folders:
        raise UsageError(f"no method is called {noun!r}", hint=f"one of {', '.join(folders)}, or MODULE:NAME")
    return folders[noun]


def parse_rest(
    ctx: typer.Context, method: Method, reference: str, noun: str, rest: Sequence[str]
) -> tuple[RunCommand, Any, Any]:
    """The method's run command, and what its flags say.

    Args:
        ctx: The tuning's, whose settings file and seed are the method's, too.
        method: The method.
        reference: Where it stands.
        noun: Its command.
        rest: Its flags.

    Returns:
        The command, Typer's context, the values.

    Raises:
        UsageError: A flag is none of the method's.
    """
    of_options, of_context = knobs_of(method.options, INPUT), knobs_of(method.context)
    command = RunCommand(
        method, reference, {one.name: one for one in of_options}, {one.name: one for one in of_context}
    )
    found: list[tuple[typer.Context, dict[str, Any]]] = []

    def take(ctx: typer.Context, **given: Any) -> None:
        found.append((ctx, given))

    parameters = [
        Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(one.parameter for one in of_options),
        flag("model", options.Model, None),
        flag("seed", options.Seed, 0),
        *preset_flag(method),
        *(one.parameter for one in of_context),
        flag("limit", options.Limit, None),
        flag("ids", options.Ids, None),
        flag("shuffle", options.Shuffle, False),
    ]
    single = typer.Typer(rich_markup_mode=None, add_completion=False)
    single.command(noun)(with_parameters(take, parameters, ABOUT))
    made = cast(Any, typer.main.get_command(single))
    guard_numbers(made)
    seeded = (source := ctx.get_parameter_source("seed")) is not None and source.name != "DEFAULT"
    words = [*rest, *(["--seed", str(ctx.params["seed"])] if seeded else [])]
    settings = settings_for(ctx, noun, frozenset(one.name for one in parameters))
    try:
        made.main(words, prog_name=f"dikast tune {noun}", standalone_mode=False, default_map=settings)
    except PARSER_ERROR as error:
        told = " ".join(error.format_message().split())
        raise UsageError(told, hint=f"the method's flags: dikast {noun} run --help") from error
    if not found:  # it was asked for its help
        raise typer.Exit
    return command, *found[0]


def settings_for(ctx: typer.Context, noun: str, known: frozenset[str]) -> dict[str, Any]:
    """What settings files say to the method: its run command's table, `[genqr.run]`, over what stands above any table.

    Raises:
        DataError: The file that was named holds something that neither the method nor the tuning has.
    """
    from dikast.settings import PROJECT_FILE, for_command, read_toml

    found: dict[str, Any] = {}
    ours = {parameter.name for parameter in ctx.command.params} | RUN_FLAGS.keys()
    for place in (Path(PROJECT_FILE), ctx.params.get("config")):
        if place is not None and place.is_file():
            said = for_command(read_toml(place), [noun, "run"])
            if place == ctx.params.get("config"):
                options.refuse_unknown(said.keys() - known - ours, known, place, [noun, "run"])
            found |= {name: value for name, value in said.items() if name in known}
    return found


def tune(ctx: typer.Context, **given: Any) -> None:
    """Do what the flags say; ends by `typer.Exit`, but for an estimate."""
    from dikast.cli.output import say
    from dikast.graphs.zo_ranksgd.options import Options, input_of, notes

    noun = cast(str, given["tuned"])
    reference = reference_of(noun)
    method = load_method(reference) if reference in METHODS else load_own(reference)
    running = Running.of({**given, "concurrency": 1})
    inner, inner_ctx, inner_given = parse_rest(ctx, method, reference, noun, given["rest"] or ())
    settings = {**inner_given, "out": given["out"], "preview": None, "dry_run": given["dry_run"], "force_new": False}
    chosen = inner.read_options(settings)
    base = inner.make_context(inner_ctx, {**settings, "method": inner_given.get("method")}, chosen)
    if method.person is not None and method.person(base, given["out"], say) is not None:
        raise UsageError(f"{noun} itself asks somebody at the terminal, and runs many times", hint="let a model do it")
    rows = inner.read_rows(chosen, base, inner_given)
    for note in method.notes(chosen, base, rows) if method.notes else ():
        say(note)
    outer = command_of_tuning(method, partial(method.facts, chosen, base) if method.facts else None)
    picked = cast(Options, outer.read_options(given))
    ready = {
        "method": reference,
        "base": base,
        "facts": named_settings(inner_given),
        "folder": given["out"],
        "concurrency": given["concurrency"],
    }
    context: Context = outer.make_context(ctx, {**given, "model": None, "preview": None, "method": None}, picked, ready)
    from dikast.graphs.zo_ranksgd.rankers import ranker_of

    ranker_of(context)  # a measure that there is not is told now
    inputs = [input_of(picked, context, rows)]
    for note in notes(picked, context, inputs):
        say(note)
    if given["dry_run"]:
        outer.tell_estimate(inputs, context, running, given["json"])
        return
    recorded = {name: value for name, value in given.items() if name not in ("config", "json")}
    outer.run_job(inputs, picked, context, running, recorded, given["json"], closing=base)


@dataclass(frozen=True)
class TuningCommand(RunCommand):
    """The tuning's own command.

    Args:
        facts: What the tuned method records beside its settings; asked on the event loop of the job, where its actors
            live.
    """

    facts: Callable[[], Awaitable[Mapping[str, Any]]] | None = None

    async def job(
        self, rows: Iterable[Row], chosen: BaseModel, context: Any, running: Running, settings: dict[str, Any]
    ) -> Summary:
        """The job, with these facts in each trial's manifest."""
        if self.facts is not None:
            context = context.model_copy(update={"facts": {**context.facts, **await self.facts()}})
        return await super().job(rows, chosen, context, running, settings)


def command_of_tuning(tuned: Method, facts: Callable[[], Awaitable[Mapping[str, Any]]] | None) -> TuningCommand:
    """The tuning's own command; its files are as private as the tuned method's."""
    method = replace(load_method(TUNING), private=tuned.private)
    of_options, of_context = knobs_of(method.options, INPUT), knobs_of(method.context)
    flags = ({one.name: one for one in of_options}, {one.name: one for one in of_context})
    return TuningCommand(method, place_of(TUNING), *flags, facts=facts)


def named_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """The method's flags as its own run would record them."""
    plain = (str, int, float, bool, list, type(None))
    return {name: value if isinstance(value, plain) else str(value) for name, value in given.items()}


def parameters_of() -> list[Parameter]:
    """The command's parameters."""
    method = load_method(TUNING)
    return [
        Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        Parameter("tuned", Parameter.KEYWORD_ONLY, annotation=Noun),
        Parameter("rest", Parameter.KEYWORD_ONLY, annotation=Rest, default=None),
        *(one.parameter for one in knobs_of(method.context)),
        *(one.parameter for one in knobs_of(method.options, INPUT)),
        flag("seed", options.Seed, 0),
        flag("out", options.Out, Path("runs") / "tune"),
        flag("concurrency", options.Concurrency, RUN_FLAGS["concurrency"][1]),
        *(flag(name, kind, default) for name, (kind, default) in RUN_FLAGS.items() if name not in LEFT_OUT),
    ]


app.command("tune", context_settings={"ignore_unknown_options": True})(with_parameters(tune, parameters_of(), ABOUT))
