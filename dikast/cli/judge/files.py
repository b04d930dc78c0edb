"""`dikast judge import` and `export`: other tools' files in, and a run's verdicts out to them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.output import emit, say
from dikast.errors import UsageError

SHOWN = 20
"""Ids that a line lists; --json has all."""


def import_files(
    tool: Annotated[
        Literal["llmbar", "pandalm", "mt-bench", "alpaca-eval", "summeval"], typer.Argument(help="Whose files.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="mt-bench: questions, answers, answers[, references]; alpaca-eval: baseline, model; summeval: "
            "summaries[, references]; else one.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.jsonl", help="For --pairs or --responses of 'judge run'.")
    ],
    turns: Annotated[
        int, typer.Option(min=1, help="Of mt-bench: how many turns of each conversation, each a row by itself.")
    ] = 1,
    json: options.Json = False,
) -> None:
    """Turn another tool's files into rows for 'judge run'."""
    from dikast.evaluation.interchange.tools import left_out, rows_of
    from dikast.files import write_jsonl

    if out.suffix != ".jsonl":
        raise UsageError(f"{out}: rows are written as JSON lines", hint="call the file NAME.jsonl")
    rows = rows_of(tool, files, turns)
    missing = left_out(tool, files, turns)
    write_jsonl(out, rows)
    option = "--responses" if "response" in rows[0] else "--pairs"
    if json:
        emit({"rows": len(rows), "wrote": str(out), "option": option, "left_out": missing})
    tell_left_out(missing)
    say(f"{len(rows)} rows: dikast judge run {option} {out}")


def tell_left_out(missing: Mapping[str, str]) -> None:
    """Say what of the files is in no row, the ids of each reason in a line."""
    for why in dict.fromkeys(missing.values()):
        ids = [id_ for id_, reason in missing.items() if reason == why]
        listed = "; ".join(ids[:SHOWN]) + ("; ..." if len(ids) > SHOWN else "")
        say(f"left out, {why}: {len(ids)}: {listed}")


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of 'dikast judge run'.")],
    tool: Annotated[Literal["mt-bench", "alpaca-eval"], typer.Option("--as", help="Whose files.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Default: the run's export folder.")
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Who wrote the responses. Default: the rows' model_1, model_2, or model."),
    ] = None,
    judge: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the judge. Default: the folder's.")] = None,
    json: options.Json = False,
) -> None:
    """Write a run's verdicts as another tool's files: MT-Bench's judgments, AlpacaEval's annotations, leaderboard."""
    from dikast.cli.judge.measure import open_runs
    from dikast.graphs.reviseval.exports import export as export_run

    [judged] = open_runs([run])
    names = [name.strip() for name in models.split(",")] if models else []
    written = export_run(judged, tool, out or run / "export", judge=judge or run.resolve().name, models=names)
    if json:
        emit({"wrote": [str(path) for path in written]})
    say(f"wrote {', '.join(map(str, written))}")
