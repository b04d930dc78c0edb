"""`dikast genqr plot`: figures of finished runs, with the numbers beside them."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.cli.output import say
from dikast.disk import make_folder, told_if_refused
from dikast.errors import DataError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dikast.graphs.genqr import Context
    from dikast.records import Qrels
    from dikast.retrieval.plots import Point

FOLDER = Path("export") / "plots"


def plot_run(run: Path, qrels: str | None, measure: str, forms: Sequence[str]) -> dict[str, list[str]]:
    """Draw a run's figures into its folder; return what was written, by figure.

    Raises:
        UsageError: It is no GenQR run, or there are no judgments.
        DataError: No finished row has judgments.
    """
    from dikast.graphs.genqr import analyses
    from dikast.retrieval import plots

    rows, context, grades = read_run(run, qrels)
    pairs = analyses.per_query(rows, grades, measure)
    moved = {qid: after - before for qid, (before, after) in pairs.items()}
    before = sum(one for one, _ in pairs.values()) / len(pairs)
    title = title_of(run, len(pairs))
    swept = asyncio.run(analyses.instruction_sweep(rows, context, grades, measure))
    fused = asyncio.run(analyses.fusion_ablation(rows, context, grades, measure))
    figures: dict[str, tuple[Figure, list[Sequence[object]]]] = {
        "differences": (
            plots.differences(moved, measure, title),
            [("qid", "before", "after", "difference"), *((qid, *pairs[qid], moved[qid]) for qid in pairs)],
        ),
        "instructions": (
            plots.sweep(swept, measure, "reformulations used", before, title),
            [("reformulations", *MEAN), *map(numbers, swept)],
        ),
        "fusion": (plots.ablation(fused, measure, before, title), [("system", *MEAN), *map(numbers, fused)]),
    }
    folder = run / FOLDER
    make_folder(folder)
    return {name: write(folder, name, figure, table, forms) for name, (figure, table) in figures.items()}


def read_run(run: Path, qrels: str | None) -> tuple[list[dict[str, Any]], Context, Qrels]:
    """A finished run's rows with an output, its context, and its judgments, or the ones that are named.

    Raises:
        UsageError: It is no GenQR run, or there are no judgments.
        DataError: No finished row has judgments.
    """
    from dikast.cli.methods import context_of
    from dikast.graphs.genqr.analyses import select_judgments
    from dikast.jobs.reading import Run
    from dikast.retrieval.trec import read_qrels

    opened = Run.open(run)
    if opened.manifest.graph != "genqr":
        raise UsageError(f"{run}: a run of {opened.manifest.graph}", hint="give a run of dikast genqr run")
    source = qrels or opened.manifest.settings.get("qrels")
    if not source:
        raise UsageError(f"{run}: the run has no judgments", hint="give --qrels FILE")
    grades = read_qrels(source)
    rows = [row for row in opened.rows() if row["output"] is not None]
    if not select_judgments(rows, grades):
        raise DataError("no finished row has judgments", path=source, hint="do the query ids match?")
    return rows, context_of(opened), grades


def title_of(run: Path, queries: int) -> str:
    """What a figure is of: the run's folder, and what was run by which model over what, on how many queries."""
    from dikast.jobs.reading import Run

    manifest = Run.open(run).manifest
    settings, context = manifest.settings, manifest.context
    over = settings.get("collection") or Path(str(settings.get("corpus") or "")).name
    solver = str(context.get("solver") or "")
    parts = (f"GenQR, {context.get('mode', 'ensemble')}", solver, str(over), f"n = {queries} queries")
    return f"{run.resolve().name}\n{', '.join(part for part in parts if part)}"


MEAN = ("mean", "low", "high")


def numbers(point: Point) -> tuple[object, ...]:
    """A point as a row of figures."""
    return (point.name, point.mean, point.low, point.high)


def write(folder: Path, name: str, figure: Any, table: Sequence[Sequence[object]], forms: Sequence[str]) -> list[str]:
    """Write a figure in each form, and its numbers; return the paths."""
    from dikast.retrieval.plots import save

    paths = [folder / f"{name}.csv", *(folder / f"{name}.{form}" for form in forms)]
    with told_if_refused(paths[0], "written"), paths[0].open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    for path in paths[1:]:
        with told_if_refused(path, "written"):
            save(figure, path)
    say(", ".join(map(str, paths)))
    return [str(path) for path in paths]
