"""`dikast tables play`: one question about a table that the model never sees; `run` is made from the method."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dikast.cli import options
from dikast.cli.options import INPUT
from dikast.cli.output import emit, printable, say, show, table
from dikast.cli.parameters import knobs_of
from dikast.cli.run import RunCommand, flag, validated, with_parameters
from dikast.cli.running import Running, finish
from dikast.errors import UsageError
from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.method import method
from dikast.graphs.hidden_tables.options import Reading
from dikast.graphs.method import NoOptions

if TYPE_CHECKING:
    from dikast.tables.oracle import TableOracle
    from dikast.tables.secret import Secret

app = typer.Typer()

TABLE_FILE = "CSV, TSV, JSON, Parquet, Excel, SQLite, ...; or a folder of these."
TableFile = Annotated[
    Path,
    typer.Option(
        "--table",
        metavar="FILE|DIR",
        rich_help_panel=INPUT,
        help=TABLE_FILE,
    ),
]
Question = Annotated[
    list[str], typer.Option(metavar="TEXT", rich_help_panel=INPUT, help="Again for questions that follow.")
]
Sheet = Annotated[
    str | None, typer.Option(metavar="NAME", rich_help_panel=INPUT, help="Table of a database, or sheet.")
]


def make_play() -> Any:
    """The command, its knobs those of `tables run` but for what is about files of questions."""
    reading = {one.name: one for one in knobs_of(Reading, INPUT)}
    knobs = {one.name: one for one in knobs_of(Context) if one.field != "keep_answers"}
    command = RunCommand(method, "", {}, knobs)

    def play(ctx: typer.Context, **given: Any) -> None:
        chosen = validated(Reading, {one.field: one.read(given[name]) for name, one in reading.items()}, reading)
        oracle = chosen.open_oracle(given["table_file"])
        settings = {"preview": None, "dry_run": False, "force_new": False, "out": Path(), **given, "method": None}
        context = command.make_context(ctx, settings, NoOptions(), {"oracle": oracle})
        play_game(oracle, context, given)

    parameters = [
        Parameter("ctx", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        Parameter("table_file", Parameter.KEYWORD_ONLY, annotation=TableFile),
        Parameter("question", Parameter.KEYWORD_ONLY, annotation=Question),
        flag("sheet", Sheet, None),
        *(one.parameter for one in reading.values()),
        flag("model", options.Model, None),
        flag("seed", options.Seed, 0),
        *(one.parameter for one in knobs.values()),
        flag("cache", options.Cache, None),
        flag("config", options.Config, None),
        flag("json", options.Json, False),
    ]
    return with_parameters(play, parameters, PLAY)


PLAY = """Play one game: the answer goes to you, the model learns a status code.

The answer is on stdout, the game's story on stderr. Nothing is written to a file but the request cache, which holds
prompts and replies.
"""


def play_game(oracle: TableOracle, context: Context, given: Mapping[str, Any]) -> None:
    """Play, and tell; ends by `typer.Exit`."""
    from dikast.agents.ledger import recording
    from dikast.graphs import hidden_tables
    from dikast.tables.library import WHOLE

    questions: list[str] = given["question"]
    if not all(text.strip() for text in questions):
        raise UsageError("an empty question", hint="--question TEXT")
    name = given["sheet"] or (WHOLE if given["table_file"].is_dir() else given["table_file"].name)
    for note in oracle.notes(name):
        say(f"note: {note}")
    answers: list[list[str] | None] = [None] * len(questions)

    def deliver(number: str, answer: Secret[list[str]]) -> None:
        answers[int(number)] = answer.reveal()

    oracle.deliver = deliver
    game = hidden_tables.Input(
        table=name,
        question=questions[0],
        id="0",
        follow_ups=[{"question": text, "id": str(at)} for at, text in enumerate(questions[1:], start=1)],
    )

    async def play() -> Any:
        with recording(cache=Running(Path(), 1, given["cache"]).request_cache()):
            return await hidden_tables.graph.ainvoke(game, context=context)

    output = finish(play(), context)
    tell_game(output, answers, given["json"])
    raise typer.Exit(0 if output["outcome"] == "ok" else 1)


def tell_game(output: Any, answers: list[list[str] | None], as_json: bool) -> None:
    """The answers as data, how they came about as talk."""
    if as_json:
        emit({**output, "answers": answers, "tables": [getattr(answer, "table", None) for answer in answers]})
        return
    for turn, answer in zip(output["turns"], answers, strict=True):
        if len(answers) > 1:
            say(f"question: {turn['question']}")
        tries = "1 round" if turn["rounds"] == 1 else f"{turn['rounds']} rounds"
        say(f"{turn['status']} after {tries}; the last program:\n{turn['program'] or '(none)'}")
        tell_answer(answer)
        if not answer:
            say("the answer is empty" if answer is not None else f"no answer: {turn['reason']}")
    say(f"the model learnt at most {output['bits']:g} bits by feedback; sandbox: {output['tier']}")


def tell_answer(answer: list[str] | None) -> None:
    """An item a line; a grouped or tabular answer as the table that it is."""
    found = getattr(answer, "table", None)
    if found is None or not found["rows"]:
        for item in answer or []:
            show(item)
    elif any(found["columns"]):
        table(found["columns"], found["rows"])
    else:
        for row in found["rows"]:
            typer.echo("\t".join(printable(cell).replace("\t", " ").replace("\n", " ") for cell in row))


app.command("play")(make_play())
