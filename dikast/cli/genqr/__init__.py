"""`dikast genqr`: what can be drawn and learnt from its runs; `run` is made from the method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.options import INPUT
from dikast.cli.output import emit

app = typer.Typer()

QrelsFile = Annotated[
    str | None, typer.Option(metavar="FILE", rich_help_panel=INPUT, help="Judgments; default: the run's own.")
]


@app.command()
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders of dikast genqr run.")],
    qrels: QrelsFile = None,
    measure: Annotated[str, typer.Option(help="The measure that is drawn.")] = "nDCG@10",
    form: Annotated[Literal["svg", "png", "both"], typer.Option("--as", help="Form of the figures.")] = "svg",
    json: options.Json = False,
) -> None:
    """Draw per-query differences, the number of instructions, and ways of fusion, with their numbers; asks no model.

    Written into RUN/export/plots. Judgments are the run's own, unless --qrels names others.
    """
    from dikast.cli.genqr.plot import plot_run

    forms = ("svg", "png") if form == "both" else (form,)
    written = {str(run): plot_run(run, qrels, measure, forms) for run in runs}
    if json:
        emit(written)


@app.command()
def learn(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of dikast genqr run.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where the weights go, as JSON.")],
    qrels: QrelsFile = None,
    json: options.Json = False,
) -> None:
    """Learn from a run's judged queries how --select evidence chooses, for other queries; asks no model.

    Without it, weights are used that were learnt on scientific claims.
    """
    from dikast.cli.genqr.learn import learn_weights

    told = learn_weights(run, qrels, out)
    if json:
        emit(told)
