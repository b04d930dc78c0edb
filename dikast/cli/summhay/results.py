"""`dikast summhay score` and `report`: systems side by side, no model asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dikast.cli import options
from dikast.cli.output import emit, print_page, say_written, write_page
from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.graphs.summhay.systems import System

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Topic files with summaries and labels, in the schema of SummHay's authors."
    ),
]
Runs = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Run folders of 'dikast summhay run', or topic files with labels."),
]
Systems = Annotated[
    str | None,
    typer.Option(metavar="NAME,...", help="Only these systems of the files."),
]
Partial = Annotated[
    float, typer.Option(min=0, max=1, help="What an insight that is partly covered is worth; the authors' 0.5.")
]
PARTIAL = 0.5


def score(files: Files, systems: Systems = None, partial: Partial = PARTIAL, json: options.Json = False) -> None:
    """Score the summaries in topic files by the labels in them: coverage, citation, joint; no model is asked."""
    from dikast.graphs.summhay.page import data_of, page_of
    from dikast.pages import without_figures

    found = chosen(read_files(files, partial), systems)
    if json:
        emit({"systems": data_of(found)})
        return
    print_page(without_figures(page_of(found)))


def report(
    runs: Runs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the page and its parts go.")] = Path(
        "report"
    ),
    systems: Systems = None,
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Summaries of haystacks",
    json: options.Json = False,
) -> None:
    """Write a page about runs side by side: scores with intervals, paired tests, where cited documents stood."""
    from dataclasses import asdict

    from dikast.graphs.summhay.page import data_of, page_of
    from dikast.graphs.summhay.systems import compare, system_of_run
    from dikast.jobs.reading import Run
    from dikast.pages import without_figures

    folders = [path for path in runs if not path.is_file()]
    found = [system_of_run(Run.open(path)) for path in folders]
    found += chosen(read_files([path for path in runs if path.is_file()], PARTIAL), systems)
    page = page_of(found, title)
    written = write_page(out, page)
    if json:
        told = {"systems": data_of(found), "differences": [asdict(one) for one in compare(found)]}
        emit({**told, "wrote": written})
    else:
        print_page(without_figures(page))
    say_written(out, written)


def read_files(files: list[Path], partial: float) -> list[System]:
    """The systems of topic files, those of one name as one.

    Raises:
        DataError: A file is no topic file, or holds no summary with labels.
    """
    from dikast.errors import DataError
    from dikast.graphs.summhay.haystack import read_haystack
    from dikast.graphs.summhay.systems import merged, systems_of_file

    found: list[System] = []
    for path in files:
        systems = systems_of_file(read_haystack(path), partial=partial)
        if not any(system.summaries for system in systems):
            hint = "'dikast summhay judge FILE' makes labels" if systems else "'dikast summhay run' writes summaries"
            lacking = "labels of its summaries (eval_summaries)" if systems else "summaries"
            raise DataError(f"the file has no {lacking}", path=path, hint=hint)
        found += systems
    return merged(found)


def chosen(systems: list[System], names: str | None) -> list[System]:
    """Those of these names; all without names.

    Raises:
        UsageError: There is none of a name.
    """
    if names is None:
        return systems
    known = {system.name: system for system in systems}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = next((name for name in wanted if name not in known), None)
    if unknown is not None:
        raise UsageError(f"no system {unknown!r}", hint=f"there are {', '.join(list(known)[:12])}")
    return [known[name] for name in wanted]
