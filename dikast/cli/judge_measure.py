"""`dikast judge calibrate` and `report`: judges against people's labels."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dikast.cli import options
from dikast.cli.output import emit, say, table
from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.evaluation.calibration import Calibration
    from dikast.evaluation.comparison import AnnotatorAgreement
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


def open_run(path: Path) -> JudgedRun:
    """A run folder of `dikast judge run`."""
    from dikast.graphs.reviseval.results import JudgedRun
    from dikast.jobs.reading import Run

    opened = Run.open(path)
    if opened.manifest.graph != "reviseval":
        raise UsageError(f"{path} is a run of {opened.manifest.graph!r}", hint="give runs of 'dikast judge run'")
    summary = opened.summary()
    return JudgedRun(str(path), list(opened.rows()), summary.usage, summary.owed or 0)


def open_runs(paths: list[Path]) -> list[JudgedRun]:
    """Runs that owe nothing: figures over a part would be figures of other pairs."""
    from dikast.graphs.reviseval.people import run_of_file

    runs = [run_of_file(path) if path.is_file() else open_run(path) for path in paths]
    for judged in runs:
        if judged.owed or not judged.rows:
            told = f"{judged.name} still owes {judged.owed} rows" if judged.owed else f"{judged.name} has no rows"
            raise UsageError(told, hint="the same 'judge run' command again does them")
    return runs


def calibrate(runs: Runs, gold: Gold = "gold", ties: Ties = "strict", json: options.Json = False) -> None:
    """Measure judges against people's labels: accuracy by order, agreement, bias, tests between judges."""
    from dikast.evaluation.comparison import compare
    from dikast.evaluation.svg import interval
    from dikast.graphs.reviseval.results import as_json, calibrate_pairs, calibrate_singles, plain, right_in_the_end

    opened = open_runs(runs)
    pairs = [one for judged in opened if not judged.single for one in calibrate_pairs(judged, gold=gold, ties=ties)]
    singles = [calibrate_singles(judged, gold=gold) for judged in opened if judged.single]
    ends = {judged.name: right_in_the_end(judged, gold=gold) for judged in opened if not judged.single}
    compared = compare(pairs)
    people = people_of(opened)
    if json:
        told = {"judges": [{**one.as_dict(), "winner": ends.get(one.judge)} for one in pairs]}
        told |= {"people": plain(asdict(people)) if people else None}
        emit({**told, "differences": [asdict(row) for row in compared], "scores": [as_json(one) for one in singles]})
        return
    if pairs:
        tell_calibrations(pairs, ends)
    if people:
        table(
            ("people", "no majority", "one against the others", "Fleiss kappa", "alpha"),
            [
                (
                    people.n,
                    people.no_majority,
                    f"{people.against_others:.3f}",
                    f"{people.fleiss_kappa:.3f}",
                    f"{people.alpha:.3f}",
                )
            ],
        )
    if compared:
        table(
            ("judges", "accuracy, second - first", "p", "p, Holm"),
            [
                (
                    f"{row.first} -> {row.second}",
                    interval(row.difference, row.low, row.high),
                    f"{row.p:.3g}",
                    f"{row.p_adjusted:.3g}",
                )
                for row in compared
            ],
        )
    if singles:
        table(
            ("judge", "texts", "unparsed", "tau-b", "rho", "alpha", "mean difference"),
            [
                (
                    one.judge,
                    one.n,
                    one.unparsed,
                    interval(one.tau_b.value, one.tau_b.low, one.tau_b.high),
                    interval(one.spearman.value, one.spearman.low, one.spearman.high),
                    f"{one.alpha:.3f}",
                    f"{one.mean_difference:+.3f}",
                )
                for one in singles
            ],
        )


def people_of(runs: list[JudgedRun]) -> AnnotatorAgreement | None:
    """How far people agree among themselves, from the first run whose rows hold their single verdicts."""
    from dikast.graphs.reviseval.people import agreement_of

    return next((found for run in runs if not run.single and (found := agreement_of(run))), None)


def tell_calibrations(pairs: list[Calibration], ends: dict[str, float]) -> None:
    """A judge a line; every share is of all pairs asked."""
    from dikast.evaluation.svg import interval

    table(
        (
            "judge",
            "pairs",
            "unparsed",
            "accuracy",
            "at best",
            "1 first",
            "2 first",
            "both",
            "winner",
            "same in both",
            "kappa",
            "position",
            "length",
        ),
        [
            (
                one.judge,
                one.n,
                one.unparsed_ab + one.unparsed_ba,
                interval(one.accuracy.mean.value, one.accuracy.mean.low, one.accuracy.mean.high),
                f"{one.accuracy.mean.if_unparsed_right:.3f}",
                f"{one.accuracy.ab.value:.3f}",
                f"{one.accuracy.ba.value:.3f}",
                f"{one.accuracy.both.value:.3f}",
                f"{ends[one.judge]:.3f}" if one.judge in ends else "-",
                f"{one.agreement.orders.value:.3f}",
                f"{one.agreement.kappa.value:.3f}",
                interval(one.bias.position.value, one.bias.position.low, one.bias.position.high),
                interval(one.bias.length.value, one.bias.length.low, one.bias.length.high),
            )
            for one in pairs
        ],
    )


def report(
    runs: Runs,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where report.md and its plots go.")] = Path(
        "report"
    ),
    gold: Gold = "gold",
    ties: Ties = "strict",
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Judges against people",
    json: options.Json = False,
) -> None:
    """Write a page about judges against people: Markdown with plots in SVG."""
    from dikast.evaluation.interchange.files import write_text
    from dikast.graphs.reviseval.results import page

    opened = open_runs(runs)
    written = page(opened, gold=gold, ties=ties, title=title, people=people_of(opened))
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "report.md", written.markdown)
    for name, plot in written.plots.items():
        write_text(out / name, plot)
    if json:
        emit({"wrote": [str(out / name) for name in ("report.md", *written.plots)]})
    say(f"wrote {out / 'report.md'} and {len(written.plots)} plots")
