"""`dikast runs`: look into run folders, do failed rows again, export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dikast.cli import options
from dikast.cli.output import emit, print_page, say, table
from dikast.errors import DataError, UsageError
from dikast.graphs.method import Export

if TYPE_CHECKING:
    from dikast.jobs import Summary
    from dikast.jobs.changes import Change
    from dikast.jobs.exports import Exported
    from dikast.jobs.manifest import Attempt
    from dikast.jobs.reading import Run

app = typer.Typer(no_args_is_help=True, help="Look into run folders: list, show, retry, export, diff, merge.")

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
CELL = 40
"""Characters of a value in a cell."""
SHORT = 8
"""Digits of a key that are shown."""


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the run folders are.")] = Path("runs"),
    json: options.Json = False,
) -> None:
    """List the runs in a folder, the latest first."""
    from dikast.jobs.reading import find_runs

    found, damaged = find_runs(folder)
    standing: list[tuple[Run, Summary]] = []
    for run in found:
        try:
            standing.append((run, run.standing()))
        except DataError as error:
            damaged.append(error)
    for error in damaged:
        say(f"left out: {error}")
    if json:
        emit([{**summary.as_dict(), "started": run.manifest.attempts[-1].started} for run, summary in standing])
        return
    table(
        ("run", "graph", "started", "asked", "finished", "failed", "state"),
        [
            (
                run.path,
                run.manifest.graph,
                run.manifest.attempts[-1].started,
                summary.asked if summary.asked is not None else "?",
                summary.finished,
                summary.failed,
                "running" if run.active else "owes rows" if summary.owed else "done",
            )
            for run, summary in standing
        ],
    )


@app.command()
def show(
    run: RunFolder,
    row: Annotated[
        str | None,
        typer.Argument(
            metavar="ROW",
            help="A row's number, the beginning of its key, or its id in the input; ROW#2: its second epoch.",
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Tell how a run stands, or one row's whole story."""
    from dikast.cli.methods import find_method
    from dikast.cli.running import reasons_of, tell
    from dikast.graphs.story import tell as tell_story
    from dikast.jobs.reading import Run

    opened = Run.open(run)
    if row is not None:
        found = find_row(opened, row)
        found = {**found, "trace": opened.trace(found["key"])}
        if json:
            emit(found)
            return
        method = find_method(opened)
        print_page(tell_story(found, method.story if method else None))
        return
    summary = opened.summary()
    if json:
        emit({**summary.as_dict(), "reasons": reasons_of(summary), "manifest": opened.manifest.model_dump(mode="json")})
        return
    table(("outcome", "rows"), [*summary.outcomes.items(), ("owed", summary.owed), ("asked", summary.asked)])
    tell(summary)
    for line in engines_told(opened):
        say(line)


def engines_told(run: Run) -> Iterator[str]:
    """Where each attempt's rows were done, if any attempt had workers."""
    attempts = run.manifest.attempts
    if any(attempt.engine != "local" for attempt in attempts):
        for number, attempt in enumerate(attempts, start=1):
            yield f"attempt {number}, {attempt.started}, engine {attempt.engine}{who_did(attempt)}"


def who_did(attempt: Attempt) -> str:
    """Which workers did how many rows of an attempt; empty where it needed none."""
    from dikast.cli.running import by_worker

    if attempt.engine == "local":
        return ""
    if attempt.finished is None:
        return ": under way, or it was killed; each finished row tells its worker"
    return f": {by_worker(attempt.workers) or 'no row finished'}"


def find_row(run: Run, name: str) -> dict[str, Any]:
    """A row by its id in the input (`qid`, `id`), else by number or key; `NAME#2` is its second epoch.

    Raises:
        UsageError: There is none, or several.
    """
    row, mark, epoch = name.rpartition("#")
    if mark and epoch.isdecimal() and 1 <= int(epoch) <= run.manifest.samples:
        one = run.of_epoch(int(epoch) - 1)
        return one.row_with_id(row) or one.row(row)
    found = run.row_with_id(name)
    if found is not None and run.manifest.samples > 1:
        say(f"epoch {found['sample'] + 1} of {run.manifest.samples}; another: {name}#2")
    return found or run.row(name)


def row_name(run: Run, number: int, record: Mapping[str, Any] | None) -> str | int:
    """What a row is called in a table: its number, with its epoch where it has several."""
    return number if run.manifest.samples == 1 or record is None else f"{number}#{record['sample'] + 1}"


@app.command()
def retry(
    run: RunFolder,
    concurrency: options.Concurrency = 16,
    cache: options.Cache = None,
    max_calls: options.MaxCalls = None,
    engine: options.EngineName = "local",
    ray_address: options.RayAddress = None,
    workers: options.Workers = None,
    worker_cpus: options.WorkerCpus = None,
    worker_gpus: options.WorkerGpus = None,
    json: options.Json = False,
) -> None:
    """Do again the rows that ended in error, timeout or limit."""
    from dikast.cli.methods import context_of, method_of
    from dikast.cli.run import tell_report
    from dikast.cli.running import Running, finish, is_private, private_files, progress, tell
    from dikast.jobs import retry as retry_job
    from dikast.jobs.reading import Run

    opened = Run.open(run)
    method, context = method_of(opened), context_of(opened)
    running = Running(
        run,
        concurrency,
        cache,
        max_calls,
        engine=engine,
        ray_address=ray_address,
        workers=workers,
        worker_cpus=worker_cpus,
        worker_gpus=worker_gpus,
        redact=opened.manifest.settings.get("redact"),
    )
    hands = running.hands()

    async def job() -> Summary:
        with progress() as on_progress:
            return await retry_job(
                method.load_graph(),
                context,
                run,
                limits=running.limits(),
                cache=running.request_cache(private=method.private),
                concurrency=concurrency,
                on_progress=on_progress,
                engine=hands,
                redact=running.redact,
            )

    with private_files() if is_private(run) else nullcontext():
        summary = finish(job(), context)
        tell_report(method, run, context, summary, json)
    tell(summary)
    raise typer.Exit(summary.exit_code)


@app.command()
def merge(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that is made.")],
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The folders that it is made of; they stay.")],
    json: options.Json = False,
) -> None:
    """Make one run folder of several: the parts (--shard) of one command, done on several machines."""
    from dikast.cli.methods import context_of, find_method
    from dikast.cli.run import tell_report
    from dikast.cli.running import is_private, private_files, tell
    from dikast.jobs.merge import merge as merge_runs
    from dikast.jobs.reading import Run

    summary = merge_runs(runs, out)
    opened = Run.open(out)
    method = find_method(opened)
    with private_files() if is_private(out) else nullcontext():
        if method is not None:
            tell_report(method, out, context_of(opened), summary, json)
        elif json:
            emit({"summary": summary.as_dict(), "folder": str(out)})
    tell(summary)
    raise typer.Exit(summary.exit_code)


@app.command()
def export(
    run: RunFolder,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORM",
            help="jsonl: JSON lines; csv; parquet; datasets: the folder layout of Hugging Face datasets, with a card; "
            "or a data set that the run's method makes: training rows (sft, preference, unpaired, value, bash, rac), "
            "pyqtax. Default: jsonl; datasets with --push-to-hub.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="PATH", help="Default: under the run's export folder.")
    ] = None,
    licence: Annotated[str, typer.Option("--license", help="The data set's licence, for its card.")] = "unknown",
    push_to_hub: Annotated[
        str | None,
        typer.Option(
            "--push-to-hub",
            metavar="ORG/NAME",
            help="Put what was written on the Hugging Face hub, with the token of HF_TOKEN or of 'hf auth login'.",
        ),
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Have the data set there be private.")] = False,
    json: options.Json = False,
) -> None:
    """Write a run's rows as a data set."""
    from dikast.jobs.exports import ENDINGS
    from dikast.jobs.exports import export as export_run

    form = form or ("datasets" if push_to_hub else "jsonl")
    opened = open_for_export(run, form, push_to_hub, private)
    if form in ENDINGS:
        written = export_run(opened, form, out, licence=licence)
        told: dict[str, Any] = {"wrote": str(written), "form": form}
    else:
        made = export_own(opened, form, out, licence)
        written = made.path
        told = {"wrote": str(written), "form": form, "rows": made.rows, "left_out": made.left_out}
        for why, count in made.left_out.items():
            say(f"left out: {count}: {why}")
    say(f"wrote {written}")
    if push_to_hub:
        from dikast.jobs.push import push

        told["pushed"] = push(written, push_to_hub, private=private, message=f"Rows of dikast {opened.manifest.graph}")
        say(f"pushed: {told['pushed']}")
    if json:
        emit(told)


def open_for_export(folder: Path, form: str, push_to_hub: str | None, private: bool) -> Run:
    """The run, for writing its rows; without what its method protects where they leave this machine.

    Raises:
        UsageError: What was asked for does not go together.
    """
    from dikast.cli.methods import find_method
    from dikast.jobs.exports import ENDINGS
    from dikast.jobs.push import check_name
    from dikast.jobs.reading import Run
    from dikast.viewer.guarding import guarded

    opened = Run.open(folder)
    if push_to_hub is None:
        if private:
            raise UsageError("--private is said of the hub, and nothing is pushed", hint="--push-to-hub ORG/NAME")
        return opened
    check_name(push_to_hub)
    if form in ENDINGS and form != "datasets":
        hint = "--as datasets, or a data set that the run's method makes"
        raise UsageError(f"--as {form} is one file; the hub takes a folder with a card", hint=hint)
    method = find_method(opened)
    if method is None and opened.manifest.method:
        hint = "run it where that module is found"
        raise UsageError(f"{folder}: {opened.manifest.method} is not here to say what it protects", hint=hint)
    return opened if method is None or method.guard is None else replace(opened, guard=partial(guarded, method))


def export_own(run: Run, form: str, out: Path | None, licence: str) -> Exported:
    """A data set that the run's method makes.

    Raises:
        UsageError: The method makes none of that name, or an actor was an object that only its program can make again.
    """
    from dikast.cli.methods import context_of, find_method
    from dikast.jobs.exports import ENDINGS, export_splits

    method = find_method(run)
    exports: Mapping[str, Export] = method.exports if method else {}
    if form not in exports:
        hint = f"one of {', '.join([*ENDINGS, *exports])}"
        raise UsageError(f"{run.path}: a run of {run.manifest.graph} cannot become {form!r}", hint=hint)
    context, made = context_of(run), exports[form]
    return export_splits(run, form, made.rows(run, context), made.about(), out, licence=licence)


@app.command()
def diff(
    first: RunFolder,
    second: Annotated[Path, typer.Argument(metavar="OTHER", help="Another run folder.")],
    json: options.Json = False,
) -> None:
    """Compare two runs row by row: outcomes and outputs, flips of verdicts, differences of numbers."""
    from dikast.jobs.changes import changes
    from dikast.jobs.reading import Run, flat
    from dikast.jobs.reading import diff as differences

    before, after = Run.open(first), Run.open(second)
    found, changed = list(differences(before, after)), changes(before, after)
    if json:
        rows = [
            {
                "key": one.key,
                "row": one.number,
                "sample": (one.before or one.after or {}).get("sample", 0),
                "fields": list(one.fields),
                "before": {name: flat(one.before).get(name) for name in one.fields} if one.before else None,
                "after": {name: flat(one.after).get(name) for name in one.fields} if one.after else None,
            }
            for one in found
        ]
        emit({"rows": rows, "fields": [change.as_dict() for change in changed]})
        return
    table(
        ("row", "key", "differs in", str(first), str(second)),
        [
            (
                row_name(before, one.number, one.before or one.after),
                one.key[:SHORT],
                name,
                shown(one.before, name),
                shown(one.after, name),
            )
            for one in found
            for name in one.fields or ("only in one of them",)
        ],
    )
    for change in changed:
        say(line_of(change))
    say(f"{len(found)} rows differ")


def shown(record: dict[str, Any] | None, name: str) -> str:
    """A field of a row in a cell; a row that is not there is a dash."""
    from dikast.jobs.files import dumps
    from dikast.jobs.reading import flat

    if record is None:
        return "-"
    value = flat(record).get(name, record["outcome"])
    text = " ".join((value if isinstance(value, str) else dumps(value)).split())
    return text if len(text) <= CELL else f"{text[: CELL - 1]}…"


def line_of(change: Change) -> str:
    """What changed in a field, in one line."""
    parts = [f"{change.field}: {change.changed} of {change.compared} rows differ"]
    parts += [f"{one} -> {two} {rows}" for (one, two), rows in change.flips.most_common()]
    if change.difference is not None:
        interval = "" if change.interval is None else f" [{change.interval.low:+.4g}, {change.interval.high:+.4g}]"
        parts.append(f"mean {change.before:.4g} -> {change.after:.4g}, {change.difference:+.4g}{interval}")
    return "; ".join(parts)
