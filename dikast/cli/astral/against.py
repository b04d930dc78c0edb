"""`dikast astral compare`: what a run's tests found, against a static suite on the same target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dikast.cli import options
from dikast.cli.astral.results import RunArgument, open_run
from dikast.cli.output import emit, print_report


def compare(
    run: RunArgument,
    static: Annotated[
        Path, typer.Argument(metavar="STATIC", help="Run folder of the same command with your suite as --cases.")
    ],
    by: Annotated[str, typer.Option(metavar="AXIS", help="Axis by which the counts are told, too.")] = "category",
    seed: Annotated[int, typer.Option(help="Chooses the tests of the larger set, so that both have as many.")] = 0,
    json: options.Json = False,
) -> None:
    """Count the unsafe replies that a run's tests found, against as many tests of a static suite."""
    from dikast.graphs.astral import against

    found = against.compare(open_run(run), open_run(static), axis=by, seed=seed)
    if json:
        emit(found.as_json())
    else:
        print_report(against.page_of(found))
