"""`dikast tables`: questions about tables that the model never sees: one in a terminal, or a file of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dikast.cli import options
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, print_rows, say, table
from dikast.cli.running import Running, finish, tell
from dikast.errors import DataError, UsageError
from dikast.records import Usage

if TYPE_CHECKING:
    from dikast.graphs.hidden_tables import Context
    from dikast.jobs import Summary
    from dikast.tables.oracle import TableOracle
    from dikast.tables.questions import Question
    from dikast.tables.report import Category
    from dikast.tables.secret import Secret

app = typer.Typer(no_args_is_help=True, help="HiddenTables: programs for tables that their writer never sees.")

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English, good enough for an estimate."""

Solver = Annotated[
    str | None,
    typer.Option(envvar="DIKAST_SOLVER", metavar="SPEC", rich_help_panel=MODEL, help="Model that writes the programs."),
]
Critic = Annotated[
    str | None,
    typer.Option(
        envvar="DIKAST_CRITIC", metavar="SPEC", rich_help_panel=MODEL, help="Model that reads programs, never data."
    ),
]
Temperature = Annotated[float, typer.Option(min=0, rich_help_panel=MODEL, help="0 is greedy decoding.")]
Tokens = Annotated[int, typer.Option("--max-tokens", min=1, rich_help_panel=MODEL, help="Tokens of one reply.")]
Level = Annotated[
    Literal["names", "types", "presence", "formats"],
    typer.Option(rich_help_panel=METHOD, help="How much of the schema is told; presence and formats look at cells."),
]
SecretColumns = Annotated[
    str | None,
    typer.Option(
        "--secret", metavar="NAME,...", rich_help_panel=METHOD, help="Columns shown as c1, c2, ...; '*' for all."
    ),
]
MaxColumns = Annotated[
    int | None, typer.Option(min=1, rich_help_panel=METHOD, help="Columns that a schema lists, chosen by the question.")
]
Rounds = Annotated[int, typer.Option(min=1, max=16, rich_help_panel=METHOD, help="Tries a question.")]
Feedback = Annotated[
    Literal["outcome", "status", "errors"],
    typer.Option(rich_help_panel=METHOD, help="What the model is told of a program's end: one of 2, 7 or 16 codes."),
]
Bits = Annotated[float, typer.Option(min=0, rich_help_panel=METHOD, help="What all feedback of a game may tell.")]
Samples = Annotated[
    int, typer.Option(min=1, max=16, rich_help_panel=METHOD, help="Programs a try; most of them decide.")
]
Missing = Annotated[
    str, typer.Option(metavar="TEXT,...", rich_help_panel=INPUT, help="CSV: spellings of a missing cell.")
]
Delimiter = Annotated[str | None, typer.Option(rich_help_panel=INPUT, help="CSV: what separates cells.")]
Encoding = Annotated[str | None, typer.Option(rich_help_panel=INPUT, help="CSV: the text's encoding.")]
Box = Annotated[
    Literal["auto", "frame", "arrow"],
    typer.Option(rich_help_panel=METHOD, help="pandas alone, or DuckDB SQL too; auto goes by the file's format."),
]
Tier = Annotated[
    Literal["bwrap+landlock+seccomp", "landlock+seccomp", "none"] | None,
    typer.Option(
        rich_help_panel=METHOD,
        help="The sandbox's tier. Default: the best that passes its self-test. 'none' runs a model's code unprotected.",
    ),
]
ProgramSeconds = Annotated[float, typer.Option(min=0.1, rich_help_panel=METHOD, help="Wall time of one program.")]


@app.command()
def play(
    ctx: typer.Context,
    table_file: Annotated[
        Path,
        typer.Option("--table", metavar="FILE", rich_help_panel=INPUT, help="CSV, TSV, Parquet, Excel, SQLite, ..."),
    ],
    question: Annotated[
        list[str], typer.Option(metavar="TEXT", rich_help_panel=INPUT, help="Again for questions that follow.")
    ],
    sheet: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=INPUT, help="Table of a database, or sheet.")
    ] = None,
    missing: Missing = "",
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    model: options.Model = None,
    solver: Solver = None,
    critic: Critic = None,
    seed: options.Seed = 0,
    temperature: Temperature = 0.0,
    max_tokens: Tokens = 1024,
    level: Level = "types",
    secret: SecretColumns = None,
    max_columns: MaxColumns = None,
    rounds: Rounds = 3,
    feedback: Feedback = "errors",
    bits: Bits = 16.0,
    samples: Samples = 1,
    box: Box = "auto",
    tier: Tier = None,
    program_seconds: ProgramSeconds = 10.0,
    cache: options.Cache = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Play one game: the answer goes to you, the model learns a status code.

    The answer is on stdout, the game's story on stderr. Nothing is written to a file but the request cache, which
    holds prompts and replies.
    """
    from dikast.agents.ledger import recording
    from dikast.graphs import hidden_tables

    if not all(text.strip() for text in question):
        raise UsageError("an empty question", hint="--question TEXT")
    oracle = make_oracle(table_file, None, ctx.params)
    warn_of_problems(oracle, sheet or table_file.stem)
    context = make_context(oracle, ctx.params)
    answers: list[list[str] | None] = [None] * len(question)

    def deliver(number: str, answer: Secret[list[str]]) -> None:
        answers[int(number)] = answer.reveal()

    oracle.deliver = deliver
    given = hidden_tables.Input(
        table=sheet or table_file.stem,
        question=question[0],
        id="0",
        follow_ups=[{"question": text, "id": str(at)} for at, text in enumerate(question[1:], start=1)],
    )
    running = Running(Path(), 1, cache)

    async def game() -> Any:
        with recording(cache=running.request_cache()):
            return await hidden_tables.graph.ainvoke(given, context=context)

    output = finish(game(), context)
    tell_game(output, answers, json)
    raise typer.Exit(0 if output["outcome"] == "ok" else 1)


def tell_game(output: Any, answers: list[list[str] | None], as_json: bool) -> None:
    """The answers as data, how they came about as talk."""
    from dikast.cli.output import show

    if as_json:
        emit({**output, "answers": answers})
        return
    for turn, answer in zip(output["turns"], answers, strict=True):
        if len(answers) > 1:
            say(f"question: {turn['question']}")
        tries = "1 round" if turn["rounds"] == 1 else f"{turn['rounds']} rounds"
        say(f"{turn['status']} after {tries}; the last program:\n{turn['program'] or '(none)'}")
        for item in answer or []:
            show(item)
        if not answer:
            say("the answer is empty" if answer is not None else f"no answer: {turn['reason']}")
    say(f"the model learnt at most {output['bits']:g} bits by feedback; sandbox: {output['tier']}")


def warn_of_problems(oracle: TableOracle, name: str) -> None:
    """Say what was found wrong with a table while loading it."""
    for problem in oracle.load(name).problems:
        say(f"note: {problem.message}")


@app.command()
def run(
    ctx: typer.Context,
    out: options.Out = Path("runs/tables"),
    questions: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="JSON lines, CSV, TSV, Parquet.")
    ] = None,
    shape: Annotated[
        Literal["own", "wtq", "wikisql", "sqa", "tabfact"],
        typer.Option(rich_help_panel=INPUT, help="Layout of the question file; own: id, question, table, answer."),
    ] = "own",
    tables: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=INPUT, help="Folder of tables, one file, or a database. Default: beside it."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="OURS=THEIRS,...", rich_help_panel=INPUT, help="Names in your file: question=q,table=t,answer=a."
        ),
    ] = None,
    missing: Missing = "",
    delimiter: Delimiter = None,
    encoding: Encoding = None,
    model: options.Model = None,
    solver: Solver = None,
    critic: Critic = None,
    seed: options.Seed = 0,
    temperature: Temperature = 0.0,
    max_tokens: Tokens = 1024,
    level: Level = "types",
    secret: SecretColumns = None,
    max_columns: MaxColumns = None,
    rounds: Rounds = 3,
    feedback: Feedback = "errors",
    bits: Bits = 16.0,
    samples: Samples = 1,
    box: Box = "auto",
    tier: Tier = None,
    program_seconds: ProgramSeconds = 10.0,
    keep_answers: Annotated[
        bool, typer.Option("--keep-answers", rich_help_panel=METHOD, help="Write answers into the run folder.")
    ] = False,
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
    """Play a file of questions, judge the answers, and count by kind of question.

    The same command again goes on where it stopped.
    """
    from dikast.graphs import hidden_tables
    from dikast.tables.report import has_gold

    settings = {name: value for name, value in ctx.params.items() if name not in ("config", "json")}
    if questions is None:
        raise UsageError("no questions", hint="give --questions FILE")
    oracle = make_oracle(tables or beside(questions), questions, ctx.params)
    rows = games_of(oracle, limit)
    if not any(has_gold(question) for question in oracle.gold.values()):
        say("note: no question has an answer to judge by; name its column: --columns answer=...")
    context = make_context(oracle, ctx.params)
    running = Running(out, concurrency, cache, max_calls, max_run_tokens, max_seconds, max_cost, price, force_new)
    if dry_run:
        estimate(rows, context, running, json)
        return
    if preview:
        show_preview(rows, context, running, preview, json)
        return

    async def job() -> Summary:
        sandbox = await oracle.manifest()
        say(f"sandbox: {sandbox['tier']}")
        return await running.job(hidden_tables.graph, rows, context, {**settings, "sandbox": sandbox})

    summary = finish(job(), context)
    report(out, oracle, rows, summary, json)
    tell(summary)
    raise typer.Exit(summary.exit_code)


def beside(questions: Path) -> Path:
    """The folder `tables` beside a question file, else its own folder."""
    folder = questions.parent / "tables"
    return folder if folder.is_dir() else questions.parent


def make_oracle(place: Path, questions: Path | None, given: Mapping[str, Any]) -> TableOracle:
    """The oracle that a command's options ask for."""
    from dikast.jobs.sources import parse_columns
    from dikast.sandbox import Tier
    from dikast.tables.oracle import POLICY, TableOracle

    if not place.exists():
        raise DataError("no such file or folder", path=place)
    reading = {name: given[name] for name in ("missing", "delimiter", "encoding") if given[name]}
    tier = None if given["tier"] is None else Tier(given["tier"])
    return TableOracle(
        place,
        questions=questions,
        shape=given.get("shape", "own"),
        columns=parse_columns(given.get("columns")),
        reading=reading,
        box=given["box"],
        policy=replace(POLICY, wall_s=given["program_seconds"], tier=tier),
    )


def make_context(oracle: TableOracle, given: Mapping[str, Any]) -> Context:
    """The graph's context that a command's options ask for."""
    from dikast.agents.models.default import default_model
    from dikast.agents.models.request import Sampling
    from dikast.agents.solver import load_solver
    from dikast.graphs import hidden_tables
    from dikast.graphs.hidden_tables.code_critic import load_code_critic

    spec = given["solver"] or given["model"]
    if spec is None:
        spec, why = default_model()
        say(f"model: {spec} ({why})")
    if given["samples"] > 1 and given["temperature"] == 0:
        raise UsageError("--samples needs a temperature above 0", hint="greedy replies are all the same")
    secret = tuple(name for name in (given["secret"] or "").split(",") if name)
    return hidden_tables.Context(
        solver=load_solver(spec),
        oracle=oracle,
        critic=None if given["critic"] is None else load_code_critic(given["critic"]),
        secret=None if secret == ("*",) else secret,
        max_columns=given["max_columns"],
        sampling=Sampling(max_tokens=given["max_tokens"], temperature=given["temperature"], seed=given["seed"]),
        keep_answers=given.get("keep_answers", False),
        **{name: given[name] for name in ("level", "rounds", "feedback", "bits", "samples")},
    )


def games_of(oracle: TableOracle, limit: int | None) -> list[dict[str, Any]]:
    """The rows of the job: a question each, or a sequence of them; never a gold answer."""
    sequences: dict[str, list[Question]] = {}
    for question in oracle.gold.values():
        try:
            oracle.library.path(question.table)  # a table that is not there is told before anything runs
        except DataError as error:
            raise DataError(f"question {question.id!r}: {error.message}", hint=error.hint) from error
        sequences.setdefault(question.sequence or f"\0{question.id}", []).append(question)
    rows: list[dict[str, Any]] = []
    for sequence in list(sequences.values())[:limit]:
        first, *others = sorted(sequence, key=lambda one: one.position)
        row: dict[str, Any] = {"id": first.id, "table": first.table, "question": first.text}
        if others:
            row["follow_ups"] = [{"id": one.id, "question": one.text} for one in others]
        rows.append(row)
    return rows


def estimate(rows: list[dict[str, Any]], context: Context, running: Running, as_json: bool) -> None:
    """Print what the run would ask and cost; ask nothing, run nothing."""
    from dikast.graphs import hidden_tables
    from dikast.jobs.previewing import estimate as job_estimate

    found = job_estimate(hidden_tables.graph, rows, context, running.out)
    questions = sum(1 + len(row.get("follow_ups", [])) for row in rows)
    share = found.owed / found.asked if found.asked else 0
    calls = round(share * questions * context.samples * context.rounds)
    frame = sum(len(template) for _, template in context.prompt.sections)
    told: dict[str, object] = {
        "rows asked": found.asked,
        "rows owed": found.owed,
        "solver calls at most": calls,
        "critic calls at most": round(share * questions * context.samples * context.reviews) if context.critic else 0,
        "input tokens, without schemas, about": round(calls * frame / CHARACTERS_PER_TOKEN),
        "output tokens at most": calls * context.sampling.max_tokens,
    }
    limits = running.limits()
    if limits.price_input or limits.price_output:
        usage = Usage(
            input_tokens=round(calls * frame / CHARACTERS_PER_TOKEN), output_tokens=calls * context.sampling.max_tokens
        )
        told["cost at most, without schemas, about"] = limits.cost_of(usage)
    emit(told) if as_json else table(("what", "value"), list(told.items()))


def show_preview(rows: list[dict[str, Any]], context: Context, running: Running, n: int, as_json: bool) -> None:
    """Play a few games and print them whole."""
    from dikast.graphs import hidden_tables
    from dikast.graphs.hidden_tables.story import story
    from dikast.jobs.previewing import preview

    played = preview(hidden_tables.graph, rows, context, n, cache=running.request_cache())
    print_rows(finish(played, context), story, as_json)


def report(out: Path, oracle: TableOracle, rows: list[dict[str, Any]], summary: Summary, as_json: bool) -> None:
    """Print accuracy by kind of question."""
    from dikast.jobs.reading import Run
    from dikast.tables.report import by_category

    turns = {
        turn["id"]: turn
        for record in Run.open(out).rows()
        if record["output"] is not None
        for turn in record["output"]["turns"]
    }
    asked = [oracle.gold[one["id"]] for row in rows for one in [row, *row.get("follow_ups", [])]]
    categories = by_category(turns, asked, oracle.load)
    if as_json:
        found = {"summary": summary.as_dict(), "categories": [one.as_dict() for one in categories]}
        emit({**found, "folder": str(out)})
        return
    tell_categories(categories)


def tell_categories(categories: list[Category]) -> None:
    """A category a line, with how many ended how."""
    statuses = list(dict.fromkeys(status for one in categories for status, _ in one.statuses.most_common()))
    table(
        ("label", "value", "asked", "judged", "right", "accuracy", *statuses),
        [
            (
                one.label,
                one.value,
                one.asked,
                one.judged,
                one.correct,
                "-" if one.accuracy is None else f"{one.accuracy:.3f}",
                *(one.statuses[status] for status in statuses),
            )
            for one in categories
        ],
    )
