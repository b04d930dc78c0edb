"""`dikast judge leaderboard`: many systems ranked by a judge's pairwise verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.judge.measure import open_runs
from dikast.cli.output import emit, print_report, say_written, write_page
from dikast.errors import UsageError


def leaderboard(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Run folders of 'dikast judge run' whose rows say model_1 and model_2, or files of verdicts that do.",
        ),
    ],
    ties: Annotated[
        Literal["half", "leave-out"], typer.Option(help="A tie is half a win for either, or no match.")
    ] = "half",
    anchor: Annotated[
        str | None, typer.Option(metavar="SYSTEM", help="Whose rating is 1000. Default: the mean of all.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="SYSTEM", help="Also win rates against it, as they are and at equal lengths."),
    ] = None,
    held: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYSTEM", help="With --baseline: the baseline asked to be brief, or verbose; holds the length term."
        ),
    ] = None,
    regularise: Annotated[
        float, typer.Option(min=0, help="Imaginary ties of each system, for those that won or lost all.")
    ] = 0.0,
    resamples: Annotated[int, typer.Option(min=0, help="Resamples of the prompts, for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Write the page and its tables there, too.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Rank systems by pairwise verdicts: Bradley-Terry ratings on Elo's scale, intervals, win rates of all pairs."""
    from dikast.evaluation.bradley_terry import rank
    from dikast.graphs.reviseval.leaderboard import as_json, collect, page_of
    from dikast.graphs.reviseval.lengths import lengths_as_json, measure, table_of

    if held and baseline is None:
        raise UsageError("--held holds the length term of win rates against a baseline", hint="add --baseline SYSTEM")
    opened = open_runs(runs)
    met = collect(opened, ties)
    board = rank(met.matches, regularise=regularise, anchor=anchor, resamples=resamples, seed=seed)
    lengths = measure(opened, baseline, held or (), resamples=resamples, seed=seed) if baseline is not None else {}
    more = table_of(baseline, held or (), lengths) if baseline is not None else ()
    page = page_of(met, board, regularise=regularise, ties=ties, anchor=anchor, more=more)
    written = write_page(out, page) if out else []
    if json:
        emit({**as_json(met, board), "against": lengths_as_json(lengths), "wrote": written})
    else:
        print_report(page)
    if out:
        say_written(out, written)
