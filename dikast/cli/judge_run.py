"""`dikast judge run`: compare pairs in both orders, or score single responses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dikast.cli import options
from dikast.cli.judge_measure import open_run
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, print_rows, say, table
from dikast.cli.running import Running, finish, tell
from dikast.errors import DataError, UsageError

if TYPE_CHECKING:
    from dikast.graphs.reviseval import Context
    from dikast.jobs import Summary

Pairs = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Pairs to compare: CSV, TSV, JSON, JSON lines."),
]
Responses = Annotated[
    Path | None,
    typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Single responses to score, in place of --pairs."),
]
SINGLE_COLUMNS = ("id", "instruction", "response", "gold", "reference", "group")


def run(
    ctx: typer.Context,
    out: options.Out = Path("runs/judge"),
    pairs: Pairs = None,
    responses: Responses = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="OURS=THEIRS,...",
            rich_help_panel=INPUT,
            help="Names in your file: instruction=question,response_1=a,response_2=b,gold=better.",
        ),
    ] = None,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC",
            rich_help_panel=MODEL,
            help="Model that judges, or metrics:bleu,chrf,...; several times for a panel.",
        ),
    ] = None,
    solver: Annotated[
        str | None,
        typer.Option(
            envvar="DIKAST_SOLVER", metavar="SPEC", rich_help_panel=MODEL, help="Model that makes the references."
        ),
    ] = None,
    model: options.Model = None,
    seed: options.Seed = 0,
    judge_temperature: Annotated[
        float, typer.Option(min=0, rich_help_panel=MODEL, help="Of judgements; 0 is greedy decoding.")
    ] = 0.1,
    judge_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one judgement.")] = 1024,
    solver_temperature: Annotated[
        float, typer.Option(min=0, rich_help_panel=MODEL, help="Of references; 0 is greedy decoding.")
    ] = 0.3,
    solver_tokens: Annotated[int, typer.Option(min=1, rich_help_panel=MODEL, help="Tokens of one reference.")] = 2048,
    mode: Annotated[
        Literal["free", "direct", "human", "reviseval", "commit-first"],
        typer.Option(rich_help_panel=METHOD, help="Where the reference comes from; see docs/methods/reviseval.md."),
    ] = "reviseval",
    verdict: Annotated[
        Literal["mark", "json", "logprobs"],
        typer.Option(rich_help_panel=METHOD, help="Form of the verdict; logprobs needs an engine that gives them."),
    ] = "mark",
    rubric: Annotated[
        str | None, typer.Option(metavar="TEXT", rich_help_panel=METHOD, help="What makes a response good.")
    ] = None,
    primary: Annotated[
        Literal["random", "1", "2", "both"],
        typer.Option(rich_help_panel=METHOD, help="Which response of a pair is revised."),
    ] = "random",
    ties: Annotated[bool, typer.Option("--ties", rich_help_panel=METHOD, help="Judges may call a tie.")] = False,
    on_conflict: Annotated[
        Literal["tie", "unparsed", "synthesise"],
        typer.Option(rich_help_panel=METHOD, help="What a judge says that contradicts itself when the order changes."),
    ] = "tie",
    weights: Annotated[
        str | None, typer.Option(metavar="W,W,...", rich_help_panel=METHOD, help="How much each judge's vote counts.")
    ] = None,
    scale: Annotated[str, typer.Option(metavar="LOW,HIGH", rich_help_panel=METHOD, help="Of scores.")] = "1,5",
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
    """Judge pairs in both orders, or score single responses.

    The same command again goes on where it stopped.
    """
    from dikast.agents.models.default import default_model
    from dikast.graphs import reviseval

    settings = {name: value for name, value in ctx.params.items() if name not in ("config", "json")}
    rows = read_input(pairs, responses, columns, limit)
    default = model
    if default is None and (not judge or (solver is None and mode in ("reviseval", "direct"))):
        default, why = default_model()
        say(f"model: {default} ({why})")
    specs = [with_form(spec, verdict) for spec in judge or [str(default)]]
    knobs: dict[str, Any] = {
        "judges": specs,
        "solver": (solver or default) if mode in ("reviseval", "direct") else None,
        "mode": mode,
        **({} if rubric is None else {"rubric": rubric}),
        "primary": primary,
        "seed": seed,
        "ties": ties,
        "on_conflict": on_conflict,
        "weights": None if weights is None else numbers("--weights", weights, len(specs)),
        "scale": numbers("--scale", scale, 2),
        "judging": {"max_tokens": judge_tokens, "temperature": judge_temperature, "seed": seed},
        "revising": {"max_tokens": solver_tokens, "temperature": solver_temperature, "seed": seed},
    }
    context = made(knobs)
    if mode == "human":
        refuse_without_reference(rows, pairs or responses)
    running = Running(out, concurrency, cache, max_calls, max_run_tokens, max_seconds, max_cost, price, force_new)
    if dry_run:
        estimate(rows, context, running, json)
        return
    if preview:
        show_preview(rows, context, running, preview, json)
        return
    summary = running.run(reviseval.graph, rows, context, settings)
    report_run(out, summary, json)
    tell(summary)
    if summary.owed == 0 and any(row.get("gold") not in (None, "") for row in rows):
        say(f"how good the judge is: dikast judge report {out}")
    raise typer.Exit(summary.exit_code)


def read_input(
    pairs: Path | None, responses: Path | None, columns: str | None, limit: int | None
) -> list[dict[str, Any]]:
    """The rows of the job: ours by our names, and whatever else the file has under its own."""
    from dikast.evaluation.interchange.columns import PAIR_COLUMNS, pairs_as_rows, read_pairs
    from dikast.evaluation.interchange.files import read_records
    from dikast.jobs.sources import parse_columns

    if (pairs is None) == (responses is None):
        raise UsageError("nothing to judge, or too much", hint="give --pairs FILE, or --responses FILE")
    ours = parse_columns(columns)
    if pairs is not None:
        named = {name: ours.get(name, name) for name in PAIR_COLUMNS}
        read = pairs_as_rows(read_pairs(pairs, ours))
        records = read_records(pairs)
        rows = [
            {**rest(record.values, named), **{name: value for name, value in row.items() if value not in (None, "")}}
            | {name: row[name] for name in ("instruction", "response_1", "response_2")}
            for row, record in zip(read, records, strict=True)
        ]
        return rows[:limit]
    return read_singles(responses or Path(), ours)[:limit]


def rest(values: Any, named: dict[str, str]) -> dict[str, Any]:
    """The columns that are none of ours."""
    return {name: value for name, value in values.items() if name not in named.values() and name not in named}


def read_singles(path: Path, ours: dict[str, str]) -> list[dict[str, Any]]:
    """Single responses: `instruction` and `response`, the rest as it comes."""
    from dikast.evaluation.interchange.files import read_records

    unknown = sorted(set(ours) - set(SINGLE_COLUMNS))
    if unknown:
        raise UsageError(f"no column of ours is called {unknown[0]!r}", hint=f"ours: {', '.join(SINGLE_COLUMNS)}")
    named = {name: ours.get(name, name) for name in SINGLE_COLUMNS}
    rows: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for record in read_records(path):
        found = {name: record.text(named[name]) for name in ("instruction", "response")}
        found["id"] = id_ = record.text(named["id"], default=str(record.place))
        if id_ in seen:
            raise record.error(named["id"], f"{id_!r} already stands on line {seen[id_]}")
        seen[id_] = record.line
        optional = [name for name in ("gold", "reference", "group") if record.values.get(named[name]) not in (None, "")]
        rows.append({**rest(record.values, named), **found, **{name: record.text(named[name]) for name in optional}})
    return rows


def with_form(spec: str, verdict: str) -> str:
    """The judge's spec with the form of its verdict, unless it names one, or is no model."""
    from dikast.agents.judge import PREFIXES
    from dikast.graphs.reviseval.metric_judge import PREFIX

    if verdict == "mark" or spec.startswith((PREFIX, *PREFIXES)):
        return spec
    return f"{verdict}+{spec}"


def numbers(option: str, text: str, count: int) -> tuple[float, ...]:
    """Read comma-separated numbers.

    Raises:
        UsageError: Not as many numbers as wanted.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count:
        raise UsageError(f"{option} {text!r}: write {count} numbers, comma-separated")
    return found


def made(knobs: dict[str, Any]) -> Context:
    """The context; what cannot be is told in one line."""
    from pydantic import ValidationError

    from dikast.graphs import reviseval

    try:
        return reviseval.Context.model_validate(knobs)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where}: {first['msg']}" if where else first["msg"]) from error


def refuse_without_reference(rows: list[dict[str, Any]], path: Path | None) -> None:
    """Tell at once that mode `human` lacks references, rather than at the first such row."""
    for number, row in enumerate(rows, start=1):
        if not str(row.get("reference", "")).strip():
            hint = "give every row a reference (--columns reference=...), or take another mode"
            raise DataError(f"row {number} ({row['id']}) has no reference", path=path, field="reference", hint=hint)


def estimate(rows: list[dict[str, Any]], context: Context, running: Running, as_json: bool) -> None:
    """Print what the run would ask; ask nothing."""
    from dikast.graphs import reviseval
    from dikast.jobs.previewing import estimate as job_estimate

    found = job_estimate(reviseval.graph, rows, context, running.out)
    pair = bool(rows) and "response" not in rows[0]
    references = 2 if pair and context.mode == "reviseval" and context.primary == "both" else 1
    judgements = len(context.judges) * references * (2 if pair else 1)
    judgements *= 2 if pair and context.on_conflict == "synthesise" else 1
    judgements += len(context.judges) if context.mode == "commit-first" else 0
    solutions = references if context.mode in ("reviseval", "direct") else 0
    told: dict[str, object] = {
        "rows asked": found.asked,
        "rows owed": found.owed,
        "solver's calls at most": found.owed * solutions,
        "judges' calls at most": found.owed * judgements,
    }
    emit(told) if as_json else table(("what", "value"), list(told.items()))


def show_preview(rows: list[dict[str, Any]], context: Context, running: Running, n: int, as_json: bool) -> None:
    """Run a few rows and print them whole."""
    from dikast.graphs import reviseval
    from dikast.graphs.reviseval.story import story
    from dikast.jobs.previewing import preview

    judged = preview(reviseval.graph, rows, context, n, cache=running.request_cache())
    print_rows(finish(judged), story, as_json)


def report_run(out: Path, summary: Summary, as_json: bool) -> None:
    """Write verdicts or scores for other tools, print how often each was given."""
    from collections import Counter

    from dikast.evaluation.interchange.columns import verdicts_as_rows
    from dikast.evaluation.interchange.files import write_jsonl
    from dikast.graphs.reviseval.results import scores_of, verdicts_of, winners_of

    judged = open_run(out)
    folder = out / "export"
    folder.mkdir(exist_ok=True)
    if judged.single:
        scores = scores_of(judged)
        write_jsonl(folder / "scores.jsonl", [{"id": id_, "score": score} for id_, score in scores.items()])
        counts = Counter("none" if score is None else f"{score:g}" for score in scores.values())
    else:
        write_jsonl(folder / "verdicts.jsonl", verdicts_as_rows(verdicts_of(judged)))
        counts = Counter(str(winner or "none") for winner in winners_of(judged).values())
    if as_json:
        emit({"summary": summary.as_dict(), "verdicts": dict(counts), "folder": str(out)})
    else:
        table(("verdict", "rows"), sorted(counts.items()))
