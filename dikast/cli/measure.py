"""`dikast measure`: TREC runs against judgments, with intervals and tests against a baseline."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli.options import Json, refuse_given
from dikast.cli.output import emit, on_terminal, say, show, table

app = typer.Typer(help="Score TREC run files against judgments, with tests.")


@app.command()
def measure(
    ctx: typer.Context,
    qrels: Annotated[str, typer.Argument(metavar="QRELS", help="TREC judgments, or BEIR's TSV.")],
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="TREC run files.")],
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with this run: its name, its file's, or its path.")
    ] = None,
    measures: Annotated[str, typer.Option(help="Measures, comma-separated; counts are summed.")] = "nDCG@10,MAP,R@100",
    form: Annotated[
        Literal["markdown", "latex", "csv"] | None,
        typer.Option("--as", help="Form of the table. Default: drawn on a terminal, markdown elsewhere."),
    ] = None,
    json: Json = False,
) -> None:
    """Score runs over all judged queries; against a baseline: differences, intervals, tests, wins and losses."""
    from dikast.retrieval.compare import compare
    from dikast.retrieval.measures import read_measures
    from dikast.retrieval.names import find_run, name_runs
    from dikast.retrieval.report import HEADER, cells, render
    from dikast.retrieval.trec import read_qrels, read_run

    if json:
        refuse_given(ctx, "form", why="--json prints no table")
    asked = read_measures(measures)
    named = name_runs(runs)
    base = None if baseline is None else find_run(baseline, named)
    found = {name: read_run(path) for name, path in named.items()}
    judged = read_qrels(qrels)
    rows = compare(judged, found, baseline=base, measures=asked)
    if json:
        emit([asdict(row) for row in rows])
    elif form is None and on_terminal():
        table(HEADER, list(map(cells, rows)))
    else:
        show(render(rows, form or "markdown").rstrip())
    for name, run in found.items():
        unjudged = len(run.keys() - judged.keys())
        if unjudged:
            say(f"note: {name} has {unjudged} queries without judgments; they do not count")
