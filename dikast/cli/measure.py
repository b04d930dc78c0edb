"""`dikast measure`: TREC runs against judgments, with intervals and tests against a baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dikast.cli.options import DataSet, Json, refuse_given
from dikast.cli.output import emit, on_terminal, say, show, table
from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.retrieval.compare import Row

app = typer.Typer(help="Score TREC run files against judgments, with tests.")


@app.command()
def measure(
    ctx: typer.Context,
    qrels: Annotated[
        str, typer.Argument(metavar="QRELS", help="TREC judgments, or BEIR's TSV; not with --collection.")
    ],
    runs: Annotated[list[Path] | None, typer.Argument(metavar="RUN...", help="TREC run files.")] = None,
    collection: DataSet = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="NAME", help="Compare with this run: its name, its file's, or its path.")
    ] = None,
    measures: Annotated[str, typer.Option(help="Measures, comma-separated; counts are summed.")] = "nDCG@10,MAP,R@100",
    form: Annotated[
        Literal["markdown", "latex", "csv"] | None,
        typer.Option("--as", help="Form of the table. Default: drawn on a terminal, markdown elsewhere."),
    ] = None,
    by_query: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every query's value too: CSV of measure, system, query, value."),
    ] = None,
    tukey: Annotated[
        bool, typer.Option(help="Compare all runs with one another by Tukey's HSD, instead of with a baseline.")
    ] = False,
    remove_query: Annotated[
        bool,
        typer.Option(help="Take a document out of the ranking whose id is the query's, as BEIR does for ArguAna."),
    ] = False,
    json: Json = False,
) -> None:
    """Score runs over all judged queries; against a baseline: differences, intervals, tests, wins and losses."""
    from dikast.retrieval.compare import compare_values, measure_runs, tukey_pairs
    from dikast.retrieval.files import check_output
    from dikast.retrieval.measures import read_measures
    from dikast.retrieval.names import find_run, name_runs
    from dikast.retrieval.report import write_values
    from dikast.retrieval.trec import read_qrels, read_run, without_query

    qrels, files = judgments_and_runs(collection, qrels, runs or [])
    if json:
        refuse_given(ctx, "form", why="--json prints no table")
    asked, named = read_measures(measures), name_runs(files)
    if tukey:
        check_tukey(ctx, len(named))
    if by_query is not None:
        check_output(by_query)
    base = None if baseline is None else find_run(baseline, named)
    found = {name: read_run(path) for name, path in named.items()}
    judged = read_qrels(qrels)
    if remove_query:
        found = {name: without_query(run) for name, run in found.items()}
    values, scored = measure_runs(judged, found, asked)
    rows = compare_values(values, scored, baseline=base, measures=asked)
    pairs = tukey_pairs(values, asked) if tukey else []
    if by_query is not None:
        write_values(by_query, values, asked)
        say(f"wrote {by_query}")
    if json:
        emit({"rows": [asdict(row) for row in rows], "pairs": pairs} if tukey else [asdict(row) for row in rows])
    else:
        tell(rows, pairs, form)
    tell_unjudged(found, judged)


def check_tukey(ctx: typer.Context, runs: int) -> None:
    """Refuse what does not go with a comparison of all runs.

    Raises:
        UsageError: A baseline, or one run alone.
    """
    refuse_given(ctx, "baseline", why="--tukey compares all runs with one another")
    if runs < 2:
        raise UsageError("--tukey compares runs with one another, and there is one", hint="name two or more")


def judgments_and_runs(collection: str | None, first: str, rest: Sequence[Path]) -> tuple[str, list[Path]]:
    """The judgments, which are the collection's or the first that the command names, and the runs.

    Raises:
        UsageError: There is no run.
    """
    if collection is not None:
        from dikast.retrieval.irds import SCHEME

        return f"{SCHEME}{collection}", [Path(first), *rest]
    if not rest:
        raise UsageError("no run to measure", hint="dikast measure QRELS RUN, or --collection NAME RUN")
    return first, list(rest)


def tell(rows: Sequence[Row], pairs: Sequence[Mapping[str, Any]], form: str | None) -> None:
    """Print the table of runs, and that of all pairs where there is one.

    Args:
        rows: From `compare_values`.
        pairs: From `tukey_pairs`.
        form: `markdown`, `latex`, `csv`; drawn on a terminal, else Markdown, without one.
    """
    from dikast.retrieval.report import HEADER, PAIR_HEADER, cells, pair_cells, render, render_pairs

    if form is None and on_terminal():
        table(HEADER, list(map(cells, rows)))
        if pairs:
            table(PAIR_HEADER, list(map(pair_cells, pairs)))
        return
    show(render(rows, form or "markdown").rstrip())
    if pairs:
        show("")
        show(render_pairs(pairs, form or "markdown").rstrip())


def tell_unjudged(runs: Mapping[str, Mapping[str, object]], judged: Mapping[str, object]) -> None:
    """Say which runs have queries that nobody judged."""
    for name, run in runs.items():
        if unjudged := len(run.keys() - judged.keys()):
            say(f"note: {name} has {unjudged} queries without judgments; they do not count")
