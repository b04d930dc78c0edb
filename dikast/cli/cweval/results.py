"""`dikast cweval report`: runs side by side on one page; nothing is run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.output import emit, print_page, say_written, write_page


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders of 'dikast cweval run' or 'cweval score'.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the page and its parts go.")] = Path(
        "report"
    ),
    static: Annotated[
        Literal["bandit"] | None, typer.Option(help="Set a static scanner's findings beside what was measured.")
    ] = None,
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Code that works and is safe",
    json: options.Json = False,
) -> None:
    """Write a page about runs side by side: func@k, sec@k, func-sec@k with intervals, by language, by weakness."""
    from dikast.graphs.cweval.measured import measured_of_run
    from dikast.graphs.cweval.page import data_of, page_of
    from dikast.graphs.cweval.report import scanned_of
    from dikast.jobs.reading import Run
    from dikast.pages import without_figures

    found = [measured_of_run(Run.open(path)) for path in runs]
    scanned = {one.name: scanned_of(one) for one in found} if static else {}
    page = page_of(found, title, scanned)
    written = write_page(out, page)
    if json:
        emit({"runs": [data_of(one, scanned.get(one.name)) for one in found], "wrote": written})
    else:
        print_page(without_figures(page))
    say_written(out, written)
