"""`dikast judge references`: response-adapted references beside given ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dikast.cli import options
from dikast.cli.judge.measure import Gold, Labels, Ties, open_runs
from dikast.cli.output import emit, print_report, say_written, write_page
from dikast.errors import UsageError


def references(
    adapted: Annotated[Path, typer.Argument(metavar="RUN", help="A run of 'judge run --mode reviseval'.")],
    given: Annotated[
        Path | None,
        typer.Argument(
            metavar="[HUMAN-RUN]", help="A run of '--mode human' over the same pairs, for the judge's share."
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(metavar="NAME,...", help="Measures of nearness: token-f1, chrf, rougeL.")
    ] = "token-f1,chrf,rougeL",
    gold: Gold = "gold",
    ties: Ties = "strict",
    labels: Labels = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Write the page and its table there, too.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare adapted references with given ones: nearness to each response, and agreement with people by either."""
    from dikast.evaluation.nearness import MEASURES
    from dikast.graphs.reviseval.references import as_json, figures_of, gather, page_of

    names = [name.strip() for name in metrics.split(",")]
    unknown = next((name for name in names if name not in MEASURES), None)
    if unknown is not None:
        raise UsageError(f"--metrics: no measure {unknown!r}", hint=f"known: {', '.join(MEASURES)}")
    opened = open_runs([adapted, *([given] if given else [])], labels)
    both = gather(opened[0], opened[1] if given else None, gold)
    figures = figures_of(both, {name: MEASURES[name] for name in names}, ties)
    page = page_of(both, figures)
    written = write_page(out, page) if out else []
    if json:
        emit({**as_json(both, figures), "wrote": written})
    else:
        print_report(page)
    if out:
        say_written(out, written)
