"""THE run command: `dikast METHOD run`, and `dikast run MODULE:NAME`, made from a `Method`.

Its flags are the fields of the method's `Options` (input files) and of its `Context` (roles, decoding parameters,
knobs), and those that every run has. What is given by name, in a settings file or by the environment wins over
`--method NAME`, which wins over the defaults.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from pydantic import BaseModel, ValidationError

from dikast import hub
from dikast.cli import options
from dikast.cli.choosing import choose_rows
from dikast.cli.options import INPUT, METHOD
from dikast.cli.output import emit, print_report, print_rows, say, table
from dikast.cli.parameters import Knob, dashed, knobs_of
from dikast.cli.running import Running, finish, private_files, reasons_of, tell
from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given, Method, Row
from dikast.kept import reading_once

if TYPE_CHECKING:
    from dikast.jobs import Summary

NAME_CHARACTERS = f"{ascii_lowercase}{digits}_"
CONCURRENCY = 16
"""Rows in flight from the command line: more than a laptop's engine batches, few enough for a shared server."""
RUN_FLAGS: Mapping[str, tuple[Any, Any]] = {
    "limit": (options.Limit, None),
    "ids": (options.Ids, None),
    "shuffle": (options.Shuffle, False),
    "shard": (options.Shard, None),
    "epochs": (options.Epochs, 1),
    "reducer": (options.Reducers, "mean"),
    "redact": (options.Redact, None),
    "preview": (options.Preview, None),
    "dry_run": (options.DryRun, False),
    "force_new": (options.ForceNew, False),
    "concurrency": (options.Concurrency, CONCURRENCY),
    "engine": (options.EngineName, "local"),
    "ray_address": (options.RayAddress, None),
    "workers": (options.Workers, None),
    "worker_cpus": (options.WorkerCpus, None),
    "worker_gpus": (options.WorkerGpus, None),
    "cache": (options.Cache, None),
    "max_calls": (options.MaxCalls, None),
    "max_run_tokens": (options.MaxTokens, None),
    "max_seconds": (options.MaxSeconds, None),
    "max_cost": (options.MaxCost, None),
    "price": (options.Price, None),
    "rpm": (options.Rpm, None),
    "tpm": (options.Tpm, None),
    "config": (options.Config, None),
    "json": (options.Json, False),
}
"""What every run has: name -> (type, default)."""
EPOCH_FLAGS = ("epochs", "reducer")


def make_run(method: Method, reference: str, noun: str) -> Callable[..., None]:
    """The run command of a method, for Typer.

    Args:
        method: The method.
        reference: Where it stands, `module:name`; recorded in the manifest, so that `runs show` finds it again.
        noun: Its name in the default run folder.

    Raises:
        UsageError: A field can be no flag, or two flags have one name.
    """
    of_options, of_context = knobs_of(method.options, INPUT), knobs_of(method.context)
    command = RunCommand(
        method, reference, {one.name: one for one in of_options}, {one.name: one for one in of_context}
    )

    def run(ctx: typer.Context, **given: Any) -> None:
        command.perform(ctx, given)

    parameters = [
        Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        flag("out", options.Out, Path("runs") / noun),
        *(one.parameter for one in of_options),
        flag("model", options.Model, None),
        flag("seed", options.Seed, 0),
        *preset_flag(method),
        *(one.parameter for one in of_context),
        *(flag(name, kind, default) for name, (kind, default) in run_flags(method).items()),
    ]
    refuse_twins(parameters, reference)
    return with_parameters(
        run, parameters, f"{first_paragraph(method)}\n\nThe same command again goes on where it stopped."
    )


def run_flags(method: Method) -> dict[str, tuple[Any, Any]]:
    """What every run has; without what a loop has no use for, and without epochs where a knob is called so."""
    named = any(name in method.context.model_fields for name in EPOCH_FLAGS)
    left_out = (*EPOCH_FLAGS, "redact") if method.loop else EPOCH_FLAGS if named else ()
    return {name: one for name, one in RUN_FLAGS.items() if name not in left_out}


def with_parameters(function: Callable[..., None], parameters: Sequence[Parameter], about: str) -> Callable[..., None]:
    """The function as Typer is to see it: with these parameters, and this help."""
    function.__doc__ = about
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function


def flag(name: str, annotation: Any, default: Any) -> Parameter:
    """A parameter that stands by name."""
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def preset_flag(method: Method) -> list[Parameter]:
    """`--method NAME`, of a method that has presets."""
    if not method.presets:
        return []
    about = "A published method: settings in place of the defaults shown here; flags that you give still win."
    names = Literal[tuple(method.presets)]  # type: ignore[valid-type]  # made of data
    return [flag("method", Annotated[names | None, typer.Option(rich_help_panel=METHOD, help=about)], None)]


def refuse_twins(parameters: Sequence[Parameter], reference: str) -> None:
    """Refuse two flags of one name.

    Raises:
        UsageError: There are.
    """
    names = [one.name for one in parameters]
    twin = next((name for name in names if names.count(name) > 1), None)
    if twin is not None:
        raise UsageError(
            f"{reference}: two flags are called --{dashed(twin)}", hint="rename a field, or Flag(names=...)"
        )


def first_paragraph(method: Method) -> str:
    """What the command's help begins with."""
    return (inspect.getdoc(method.options) or inspect.getdoc(method.context) or "Run it.").strip()


@dataclass(frozen=True)
class RunCommand:
    """A method's run command.

    Args:
        method: The method.
        reference: Where it stands.
        options: Flags of the options' fields, by their names.
        knobs: Flags of the context's fields.
    """

    method: Method
    reference: str
    options: Mapping[str, Knob]
    knobs: Mapping[str, Knob]

    def perform(self, ctx: typer.Context, given: dict[str, Any]) -> None:
        """Do what the flags say; ends by `typer.Exit`, but for a preview or an estimate."""
        settings = {name: value for name, value in given.items() if name not in ("config", "json")}
        ours = run_flags(self.method).keys() | {"out"}  # a recipe's field may be called `epochs` too
        running = Running.of({name: value for name, value in given.items() if name in ours})
        with reading_once():
            chosen = self.read_options(given)
            context = self.make_context(ctx, given, chosen)
            rows = self.read_rows(chosen, context, given)
            if found := hub.sources(settings):
                settings["sources"] = found
            for note in self.method.notes(chosen, context, rows) if self.method.notes else ():
                say(note)
        if given["dry_run"]:
            self.tell_estimate(rows, context, running, given["json"])
        elif given["preview"]:
            self.tell_preview(rows, context, running, given)
        else:
            self.run_job(rows, chosen, context, running, settings, given["json"])

    def read_options(self, given: Mapping[str, Any]) -> BaseModel:
        """The method's options out of the flags."""
        named = {name: one for name, one in self.options.items() if given[name] is not None}
        fields = {one.field: one.read(given[name]) for name, one in named.items()}
        return validated(self.method.options, fields, self.options)

    def read_rows(self, chosen: BaseModel, context: Any, given: Mapping[str, Any]) -> Iterable[Row]:
        """The rows of the user's files that the flags choose.

        Raises:
            DataError: There is none.
            UsageError: An id is no row's.
        """
        found = choose_rows(
            lambda: self.method.rows(chosen, context),
            ids=given["ids"],
            shuffle=given["shuffle"],
            seed=given["seed"],
            limit=given["limit"],
            each=self.method.rows_of_one(context) if self.method.rows_of_one else 1,
        )
        if next(iter(found), None) is None:
            raise DataError("the input has no rows", hint="is there only a header, or an empty list?")
        return found

    def make_context(
        self,
        ctx: typer.Context,
        given: Mapping[str, Any],
        chosen: BaseModel,
        ready: Mapping[str, Any] | None = None,
    ) -> Any:
        """The graph's context: defaults, under a preset, under what is given, under what options make of it all.

        Args:
            ctx: The command's, which knows where each value comes from.
            given: All flags.
            chosen: The method's options.
            ready: Fields that are made already, in place of what the options make.
        """
        named = {name for name in given if (source := ctx.get_parameter_source(name)) and source.name != "DEFAULT"}
        preset = dict(self.method.presets[given["method"]]()) if given.get("method") else {}
        fields = self.given_fields(given, named, preset)
        default = DefaultModel(given["model"])
        told = Given(
            fields=fields,
            named=frozenset(self.knobs[name].field for name in named & self.knobs.keys()),
            model=default.spec,
            out=given["out"],
            keeps=not (given["preview"] or given["dry_run"]),
            force_new=given["force_new"],
            ask=ask_person if sys.stdin.isatty() else None,
        )
        fields = {**fields, **(self.method.fields(chosen, told) if ready is None else ready)}
        return validated(self.method.context, {**default.roles(self.method.context, fields), **fields}, self.knobs)

    def given_fields(self, given: Mapping[str, Any], named: set[str], preset: Mapping[str, Any]) -> dict[str, Any]:
        """Fields that a preset or a flag gives; what neither gives keeps the context's own default."""
        fields: dict[str, Any] = dict(preset)
        seeded = "seed" in named
        if seeded and "seed" in self.method.context.model_fields:
            fields["seed"] = given["seed"]
        for name, one in self.knobs.items():
            if not one.part and name in named:
                fields[one.field] = one.read(given[name])
        for field in dict.fromkeys(one.field for one in self.knobs.values() if one.part):
            default = self.method.context.model_fields[field].get_default(call_default_factory=True)
            flags = {one.part: name for name, one in self.knobs.items() if one.field == field}
            parts = {part: given[name] for part, name in flags.items() if name in named}
            parts |= {"seed": given["seed"]} if seeded else {}
            base: BaseModel = fields.get(field, default)
            fields[field] = checked(type(base), {**base.model_dump(), **parts}, flags)
        return fields

    def tell_estimate(self, rows: Iterable[Row], context: Any, running: Running, as_json: bool) -> None:
        """Print what the run would ask and cost; ask nothing."""
        from dikast.cli.estimate import estimate_run

        told = estimate_run(self.method, rows, context, running)
        emit(told) if as_json else table(("what", "value"), list(told.items()))

    def tell_preview(self, rows: Iterable[Row], context: Any, running: Running, given: Mapping[str, Any]) -> None:
        """Run a few rows and print them whole."""
        from dikast.jobs import preview

        if self.person_of(context, running.out) is not None:
            raise UsageError("--preview asks nobody", hint="leave it out, or choose who takes part otherwise")
        cache = None if self.method.private else running.request_cache()
        n = given["preview"]
        going = preview(self.method.load_graph(), rows, context, n, cache=cache, redact=running.redact)
        done = finish(going, context)
        print_rows(done, self.method.story, given["json"])

    def run_job(
        self,
        rows: Iterable[Row],
        chosen: BaseModel,
        context: Any,
        running: Running,
        settings: dict[str, Any],
        as_json: bool,
        closing: Any = None,
    ) -> None:
        """Run what is owed, tell what came of it.

        Args:
            rows: The graph's inputs.
            chosen: The method's options.
            context: The graph's context.
            running: What does not change results.
            settings: For the manifest.
            as_json: Whether one JSON document is printed.
            closing: Another context whose actors are closed at the end; the graph's own without.
        """
        with private_files() if self.method.private else nullcontext():
            held = context if closing is None else closing
            summary = finish(self.job(rows, chosen, context, running, settings), held)
            tell_report(self.method, running.out, context, summary, as_json)
        tell(summary)
        if summary.owed == 0 and self.method.after is not None and (hint := self.method.after(running.out, rows)):
            say(hint)
        raise typer.Exit(summary.exit_code)

    async def job(
        self, rows: Iterable[Row], chosen: BaseModel, context: Any, running: Running, settings: dict[str, Any]
    ) -> Summary:
        """The job, with what the method records beside the settings, and whom it asks."""
        facts: Mapping[str, Any] = await self.method.facts(chosen, context) if self.method.facts else {}
        person = self.person_of(context, running.out)
        if person is not None and running.engine != "local":
            raise UsageError("--engine ray asks nobody at this terminal", hint="leave it out: a person is no faster")
        if person is not None and running.redact:
            raise UsageError("--redact: a person's answers are kept in checkpoints, which hold them as they are")
        if person is None:
            return await running.job(
                self.method.load_graph(),
                rows,
                context,
                {**settings, **facts},
                method=self.reference,
                private=self.method.private,
            )
        try:
            return await running.job(
                person.as_graph(), rows, context, {**settings, **facts}, method=self.reference, person=person
            )
        finally:
            await person.close()

    def person_of(self, context: Any, out: Path) -> Any:
        """Who takes part at the terminal; `None` for nobody."""
        return None if self.method.person is None else self.method.person(context, out, say)


class DefaultModel:
    """The model for roles that are given none, looked up once and told once.

    Args:
        given: `--model`.
    """

    def __init__(self, given: str | None) -> None:
        self.given = given

    def spec(self) -> str:
        """`--model`, or what this machine has."""
        if self.given is None:
            from dikast.agents.models.default import default_model

            self.given, why = default_model()
            say(f"model: {self.given} ({why})")
        return self.given

    def roles(self, context: type[BaseModel], fields: Mapping[str, Any]) -> dict[str, Any]:
        """Required roles that speak through a model and are given none."""
        from dikast.cli.parameters import marks_of, spec_in

        found: dict[str, Any] = {}
        for name, info in context.model_fields.items():
            spec, many = spec_in(info.annotation, marks_of(info))
            if spec is not None and spec.model and info.is_required() and not fields.get(name):
                found[name] = (self.spec(),) if many else self.spec()
        return found


def validated(model: type[BaseModel], fields: Mapping[str, Any], knobs: Mapping[str, Knob]) -> Any:
    """The model with these fields; what cannot be is told in one line, by the flag's name.

    Raises:
        UsageError: A value is out of its range, or values do not fit together.
    """
    return checked(model, fields, {one.field: name for name, one in knobs.items() if not one.part})


def checked(model: type[BaseModel], fields: Mapping[str, Any], flags: Mapping[str, str]) -> Any:
    """The same, where each field's flag is known.

    Raises:
        UsageError: A value is out of its range, or values do not fit together.
    """
    try:
        return model(**fields)
    except ValidationError as error:
        told = [
            problem(cast(Mapping[str, Any], one), flags) for one in error.errors(include_url=False, include_input=False)
        ]
        raise UsageError("; ".join(told)) from error


def problem(error: Mapping[str, Any], flags: Mapping[str, str]) -> str:
    """One of Pydantic's errors in one line, with the flag's name where it has one."""
    place = list(error["loc"])
    said = str(error["msg"]).removeprefix("Value error, ")
    if not place:  # of values that do not fit together; such a message begins with the field that is to blame
        field = said[: len(said) - len(said.lstrip(NAME_CHARACTERS))]
        known = flags.get(field)
        return f"--{dashed(known)}{said.removeprefix(field).removeprefix('=...')}" if known else said
    known = flags.get(str(place[0]))
    name = f"--{dashed(known)}" if known else str(place[0])
    if error["type"] == "missing":
        return f"{name} is missing"
    return f"{'.'.join([name, *map(str, place[1:])])}: {said}"


def ask_person(question: str) -> str:
    """What somebody at the terminal answers."""
    return str(typer.prompt(question, err=True)).strip()


def tell_report(method: Method, out: Path, context: Any, summary: Summary, as_json: bool) -> None:
    """Have the method report on a run that has ended, and print it."""
    from dikast.graphs.epochs import report_of
    from dikast.jobs import Run

    base: dict[str, Any] = {"summary": {**summary.as_dict(), "reasons": reasons_of(summary)}}
    report = report_of(method, Run.open(out), context)
    if report is None:
        emit({**base, "folder": str(out)}) if as_json else table(("outcome", "rows"), list(summary.outcomes.items()))
        return
    if as_json:
        emit({**base, **report.data, "folder": str(out)})
    else:
        print_report(report.page)
    for note in report.notes:
        say(f"note: {note}")
