"""`dikast judge calibrate` and `report`: judges against people's labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from dikast.cli import options
from dikast.cli.output import emit, print_page, say, say_written, write_page
from dikast.errors import UsageError
from dikast.pages import without_figures

if TYPE_CHECKING:
    from dikast.evaluation.comparison import AnnotatorAgreement
    from dikast.evaluation.gate import Gate
    from dikast.graphs.reviseval.results import JudgedRun

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...",
        help="Run folders of 'dikast judge run', or files of another judge's verdicts: columns id, ab, ba, gold, or "
        "id, score, gold.",
    ),
]
Gold = Annotated[str, typer.Option(metavar="COLUMN", help="Column of the input with people's verdict or score.")]
Ties = Annotated[
    Literal["strict", "half", "leave-out"],
    typer.Option(help="What ties are worth: a class of their own, half right, or pairs that are not asked."),
]


Labels = Annotated[
    str | None,
    typer.Option(
        metavar="THEIRS=OURS,...",
        help="What people's verdicts are called: left=1,right=2,same=tie,unclear=none; 0=1,1=2 for places from 0.",
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the input with a pair's group. Default: group, category, subset, task or dataset.",
    ),
]
GATE_FAILED = 1


def open_run(path: Path, labels: dict[str, str] | None = None) -> JudgedRun:
    """A run folder of `dikast judge run`."""
    from dikast.graphs.reviseval.results import JudgedRun
    from dikast.jobs.reading import Run

    opened = Run.open(path)
    if opened.manifest.graph != "reviseval":
        raise UsageError(f"{path} is a run of {opened.manifest.graph!r}", hint="give runs of 'dikast judge run'")
    summary = opened.summary()
    return JudgedRun(str(path), list(opened.rows()), summary.usage, summary.owed or 0, labels or {})


def open_runs(paths: list[Path], labels: str | None = None) -> list[JudgedRun]:
    """Runs that owe nothing: figures over a part would be figures of other pairs."""
    from dikast.evaluation.interchange.winners import parse_labels
    from dikast.graphs.reviseval.people import run_of_file

    spelled = parse_labels(labels)
    runs = [run_of_file(path, spelled) if path.is_file() else open_run(path, spelled) for path in paths]
    for judged in runs:
        if judged.owed or not judged.rows:
            told = f"{judged.name} still owes {judged.owed} rows" if judged.owed else f"{judged.name} has no rows"
            raise UsageError(told, hint="the same 'judge run' command again does them")
    return runs


def calibrate(
    runs: Runs,
    gold: Gold = "gold",
    ties: Ties = "strict",
    labels: Labels = None,
    by: By = None,
    json: options.Json = False,
) -> None:
    """Measure judges against people's labels: accuracy by order and group, agreement, bias, tests between judges."""
    from dikast.graphs.reviseval.page import page

    opened = open_runs(runs, labels)
    if json:
        emit(measures_of(opened, gold, ties, by))
        return
    told = page(opened, gold=gold, ties=ties, people=people_of(opened), by=by)
    print_page(without_figures(told))


def measures_of(runs: list[JudgedRun], gold: str, ties: Ties, by: str | None = None) -> dict[str, Any]:
    """All figures, for JSON, in the order of the runs."""
    from dikast.evaluation.comparison import compare
    from dikast.graphs.reviseval.differing import contradictions, flips, groups_as_json
    from dikast.graphs.reviseval.results import as_json, calibrate_pairs, calibrate_singles, plain, right_in_the_end

    of_pairs = [judged for judged in runs if not judged.single]
    pairs = [one for judged in of_pairs for one in calibrate_pairs(judged, gold=gold, ties=ties)]
    ends = {judged.name: right_in_the_end(judged, gold=gold, ties=ties) for judged in of_pairs}
    people = people_of(runs)
    return {
        "judges": [{**one.as_dict(), "winner": ends.get(one.judge)} for one in pairs],
        "people": plain(asdict(people)) if people else None,
        "differences": [asdict(row) for row in compare(pairs)],
        "groups": groups_as_json(of_pairs, gold, ties, by),
        "flips": [
            {"judge": one.name, "people": flips(one, gold, ties), "orders": contradictions(one)} for one in of_pairs
        ],
        "scores": [as_json(calibrate_singles(judged, gold=gold)) for judged in runs if judged.single],
    }


def people_of(runs: list[JudgedRun]) -> AnnotatorAgreement | None:
    """How far people agree among themselves, from the first run whose rows hold their single verdicts."""
    from dikast.graphs.reviseval.people import agreement_of

    return next((found for run in runs if not run.single and (found := agreement_of(run))), None)


def report(
    runs: Runs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the page and its parts go.")] = Path(
        "report"
    ),
    gold: Gold = "gold",
    ties: Ties = "strict",
    labels: Labels = None,
    by: By = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Exit with 1 if it holds for any judge, or could, had the unparsed been otherwise: 'accuracy<0.8'.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Judges against people",
    json: options.Json = False,
) -> None:
    """Write a page about judges against people: Markdown, HTML, JSON, tables as CSV, plots as SVG.

    With --fail-on a CI job fails on a condition.
    """
    from dikast.evaluation.gate import parse_gate
    from dikast.evaluation.judge_gate import KNOWN
    from dikast.graphs.reviseval.page import page

    for condition in fail_on or ():
        parse_gate(condition, KNOWN)
    opened = open_runs(runs, labels)
    gates = check_gates(fail_on or [], opened, gold, ties)
    written = write_page(out, page(opened, gold=gold, ties=ties, title=title, people=people_of(opened), by=by))
    if json:
        emit({"wrote": written, "gates": [gate.as_json() for gate in gates]})
    say_written(out, written)
    failed = [gate for gate in gates if gate.failed]
    for gate in failed:
        say(f"failed: {gate.message()}")
    if failed:
        raise typer.Exit(GATE_FAILED)


def check_gates(conditions: list[str], runs: list[JudgedRun], gold: str, ties: Ties) -> list[Gate]:
    """Each condition tried on every judge; nothing is measured where there is none."""
    from dikast.evaluation.judge_gate import check_judges
    from dikast.graphs.reviseval.results import calibrate_pairs, calibrate_singles

    if not conditions:
        return []
    pairs = [one for run in runs if not run.single for one in calibrate_pairs(run, gold=gold, ties=ties)]
    scores = [calibrate_singles(run, gold=gold) for run in runs if run.single]
    return [check_judges(condition, pairs, scores) for condition in conditions]
