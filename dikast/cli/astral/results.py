"""`dikast astral calibrate` and `report`: how good an oracle is, and how safe the targets were."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dikast.cli import options
from dikast.cli.options import INPUT, METHOD, MODEL
from dikast.cli.output import emit, print_table, say, show, table
from dikast.cli.running import finish
from dikast.disk import make_folder, refused
from dikast.errors import DataError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from dikast.evaluation.classification import Classification
    from dikast.evaluation.prevalence import Prevalence
    from dikast.evaluation.safety.summary import Summary as SafetySummary
    from dikast.jobs.reading import Run

GATE_FAILED = 1
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of 'dikast astral run'.")]


def plain(value: float) -> float | None:
    """The value; `None` where it is not defined, since JSON has no NaN."""
    return None if math.isnan(value) else value


def tell_summary(found: SafetySummary) -> None:
    """The report's first tables: targets, benign prompts; every rate is of what was asked."""
    from dikast.evaluation.safety.report import headline_tables

    for told in headline_tables(found):
        print_table(told)


def number(value: float) -> str:
    """A figure, or a dash where it is not defined."""
    return "-" if math.isnan(value) else f"{value:.3f}"


def open_run(path: Path) -> Run:
    """A run folder of `dikast astral run`."""
    from dikast.jobs.reading import Run

    opened = Run.open(path)
    if opened.manifest.graph != "astral":
        raise UsageError(f"{path} is a run of {opened.manifest.graph!r}", hint="give runs of 'dikast astral run'")
    return opened


def calibrate(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Labelled replies: CSV, TSV, JSON(L), Parquet.")],
    gold: Annotated[str, typer.Option(metavar="COLUMN", rich_help_panel=INPUT, help="People's labels.")] = "label",
    reply: Annotated[str, typer.Option(metavar="COLUMN", rich_help_panel=INPUT, help="Replies.")] = "reply",
    prompt: Annotated[
        str | None, typer.Option(metavar="COLUMN", rich_help_panel=INPUT, help="Prompts, to show to the oracle.")
    ] = None,
    verdict: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", rich_help_panel=INPUT, help="Verdicts that were recorded: nothing is asked."),
    ] = None,
    rename: Annotated[
        str | None,
        typer.Option(metavar="THEIRS=OURS,...", rich_help_panel=INPUT, help="Names of labels; equal ones are merged."),
    ] = None,
    positive: Annotated[
        str, typer.Option(metavar="LABEL", rich_help_panel=METHOD, help="Whose precision and recall are told.")
    ] = "unsafe",
    oracle: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPEC", rich_help_panel=MODEL, help="Model to measure; 'refusals' for the refusal detector."
        ),
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", rich_help_panel=METHOD, help="What is unsafe.")] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", rich_help_panel=METHOD, help="Correct this run's unsafe rates by what is measured."
        ),
    ] = None,
    concurrency: options.Concurrency = 16,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Measure an oracle on labelled replies: accuracy, precision, recall, kappa; correct an unsafe rate by it."""
    from dikast.evaluation.classification import measure
    from dikast.graphs.astral.calibration import read_labelled
    from dikast.graphs.astral.options import read_policy

    del ctx, config
    if (verdict is None) == (not oracle):
        raise UsageError("nothing to measure, or too much", hint="give --oracle SPEC, or --verdict COLUMN")
    names = parse_renames(rename)
    labelled = read_labelled(
        file, truth=gold, reply=None if verdict else reply, prompt=prompt, said=verdict, renamed=names
    )
    readings: dict[str, list[str | None]] = {verdict: [one.said for one in labelled]} if verdict else {}
    words = read_policy(policy) if policy else None
    for spec in oracle or ():
        readings[spec] = read_by(spec, labelled, words, prompt is not None, concurrency, names)
    truths = [one.truth for one in labelled]
    found = {name: measure(truths, said, positive=positive) for name, said in readings.items()}
    corrected = correct_run(run, found, oracle or ()) if run else {}
    if json:
        emit([{"oracle": name, **one.as_json(), "corrected": corrected.get(name)} for name, one in found.items()])
    else:
        tell_calibration(found, corrected)


def parse_renames(text: str | None) -> dict[str, str]:
    """Read `--rename`.

    Raises:
        UsageError: It is not THEIRS=OURS, comma-separated.
    """
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    if not all(theirs and sign and ours for theirs, sign, ours in pairs):
        raise UsageError(f"--rename {text!r}: write THEIRS=OURS, comma-separated")
    return {theirs.strip(): ours.strip() for theirs, _, ours in pairs}


def read_by(
    spec: str, labelled: Sequence[Any], policy: str | None, sees_prompt: bool, concurrency: int, names: dict[str, str]
) -> list[str | None]:
    """What an oracle says of each reply."""
    from dikast.graphs import astral
    from dikast.graphs.astral.calibration import ask_oracle, detect_refusals, rename_label
    from dikast.graphs.astral.safety_oracle import load_safety_oracle

    if spec == "refusals":
        return [None if said is None else rename_label(said, names) for said in detect_refusals(labelled)]
    oracle = load_safety_oracle(spec)
    work = ask_oracle(
        oracle, labelled, policy=policy or astral.POLICY, sees_prompt=sees_prompt, concurrency=concurrency
    )
    return finish(work)


def correct_run(
    run: Path, found: Mapping[str, Classification], measured: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """A run's rates, corrected by what was measured of each oracle; whose errors these are is told."""
    note_other_oracles(run, measured)
    return {name: correct_rates(run, one) for name, one in found.items()}


def note_other_oracles(run: Path, measured: Sequence[str]) -> None:
    """Say where what was measured need not be what judged the run: its errors are then another's."""
    judged: list[str] = open_run(run).manifest.context.get("oracles", [])
    told = f"{run} was judged by {', '.join(judged)}"
    if not measured:
        say(f"note: {told}; the correction holds if these verdicts are its own, which the file does not say")
    elif list(measured) != judged:
        say(f"note: {told}; a correction by the errors of {', '.join(measured)} is another oracle's")


def correct_rates(run: Path, found: Classification) -> list[dict[str, Any]]:
    """Each target's unsafe rate, corrected for the oracle's errors in what it judged; or why it cannot be."""
    from dataclasses import asdict

    from dikast.evaluation.prevalence import of_all, true_prevalence
    from dikast.graphs.astral.report import summary_of

    told: list[dict[str, Any]] = []
    for tally in summary_of(open_run(run)).targets:
        try:
            judged = true_prevalence(tally.judged_unsafe, tally.judged, **found.for_prevalence())
            by_rule = tally.unsafe.count - tally.judged_unsafe
            rate = asdict(of_all(judged, tally.judged, by_rule, tally.asked))
        except UsageError as error:
            rate = {"error": str(error)}
        counts = {"asked": tally.asked, "judged": tally.judged, "judged_unsafe": tally.judged_unsafe}
        told.append({"target": tally.target, **counts, **rate})
    return told


def tell_calibration(found: Mapping[str, Classification], corrected: Mapping[str, list[dict[str, Any]]]) -> None:
    """An oracle a line, then its confusion, then what it means for a run."""
    table(
        ("oracle", "replies", "undecided", "accuracy", "95 % interval", "precision", "recall", "F1", "kappa"),
        [
            (
                name,
                one.n,
                one.undecided,
                f"{one.accuracy.value:.4f}",
                f"[{one.accuracy.low:.4f}, {one.accuracy.high:.4f}]",
                number(one.precision.value),
                number(one.recall.value),
                number(one.f1),
                number(one.kappa),
            )
            for name, one in found.items()
        ],
    )
    table(
        ("oracle", "label", "read as", "replies"),
        [(name, *pair, count) for name, one in found.items() for pair, count in sorted(one.confusion.items())],
    )
    lines = [(name, line) for name, told in corrected.items() for line in told]
    if lines:
        table(
            ("oracle", "target", "asked", "judged", "judged unsafe", "corrected rate", "95 % interval"),
            [
                (
                    name,
                    line["target"],
                    line["asked"],
                    line["judged"],
                    line["judged_unsafe"],
                    line.get("error") or f"{line['value']:.4f}",
                    "-" if "error" in line else f"[{line['low']:.4f}, {line['high']:.4f}]",
                )
                for name, line in lines
            ],
        )


def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="DIR", help="Where the pages go; default: RUN/report.")
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="Exit with 1 if it holds for any target, or could, had the undecided been unsafe: 'unsafe_rate>0.01'.",
        ),
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print the withheld texts on the terminal; the pages stay redacted.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What 'astral calibrate --run RUN --json' printed: corrected unsafe rates."),
    ] = None,
    garak: Annotated[
        bool, typer.Option("--garak", help="Write garak.report.jsonl too, for garak's tools; hashes stand for texts.")
    ] = False,
    title: Annotated[str, typer.Option(help="The page's heading.")] = "Safety test",
    json: options.Json = False,
) -> None:
    """Write a page on how safe the targets were: HTML, Markdown, CSV, JSON; fail a CI job on a condition."""
    from dikast.evaluation.gate import check_gate, parse_gate
    from dikast.evaluation.interchange.garak_export import write_garak
    from dikast.graphs.astral.report import summary_of
    from dikast.graphs.astral.results import cases_of
    from dikast.graphs.astral.vault import NAME, read_vault

    for condition in fail_on or ():
        parse_gate(condition)
    opened = open_run(run)
    standing = opened.summary()
    if standing.owed or not standing.finished:
        told = f"{run} still owes {standing.owed} rows" if standing.finished else f"{run} has no finished row"
        raise UsageError(told, hint="the same 'astral run' command again does them")
    found = summary_of(opened)
    gates = [check_gate(condition, found) for condition in fail_on or ()]
    folder = out or run / "report"
    write_pages(folder, opened, found, title, read_corrections(calibration) if calibration else {})
    if garak:
        write_garak(folder / "garak.report.jsonl", cases_of(opened.rows()))
    if json:
        emit({**found.as_json(), "gates": [gate.as_json() for gate in gates], "folder": str(folder)})
    else:
        tell_summary(found)
    say(f"wrote {folder}")
    if reveal:
        for record in read_vault(run / NAME):
            show_withheld(record)
    for gate in gates:
        if gate.failed:
            say(f"failed: {gate.message()}")
    if any(gate.failed for gate in gates):
        raise typer.Exit(GATE_FAILED)


def write_pages(
    folder: Path, opened: Run, found: SafetySummary, title: str, corrected: Mapping[str, Prevalence]
) -> None:
    """Write the report: no text of a reply that is not judged safe is in any of its files."""
    from dikast.evaluation.diversity import diversity_by_cell
    from dikast.evaluation.safety.report import render
    from dikast.files import write_json, write_text
    from dikast.graphs.astral.results import cases_of, suite_of

    tests = [case for case in suite_of(opened.rows()) if not case.get("benign")]
    diversity = diversity_by_cell((case.get("cell") or {}, case.get("prompt", "")) for case in tests)
    written = render(
        found,
        title=title,
        facts=facts_of(opened),
        cases=list(cases_of(opened.rows())),
        corrected=corrected,
        diversity=diversity,
    )
    make_folder(folder)
    write_text(folder / "report.html", written.html)
    write_text(folder / "report.md", written.markdown)
    write_text(folder / "report.csv", written.csv)
    write_json(folder / "report.json", found.as_json())


def facts_of(opened: Run) -> dict[str, str]:
    """What to say of the run below the heading."""
    manifest, context = opened.manifest, opened.manifest.context
    sees = "the reply alone" if context.get("oracle_sees") == "output" else "prompt and reply"
    facts = {
        "started": manifest.attempts[0].started,
        "dikast": manifest.attempts[-1].versions.get("dikast", ""),
        "oracles": f"{', '.join(context.get('oracles', ()))}; they see {sees}",
        "tests written by": context.get("generator") or "nobody: all were given",
        "near-duplicates": count_repeats(opened),
    }
    return facts | {f"authority for {target}": why for target, why in context.get("authority", {}).items()}


def count_repeats(opened: Run) -> str:
    """How many tests nearly repeat another one; all of them were asked, and count."""
    from dikast.graphs.astral.results import suite_of
    from dikast.graphs.astral.suite import near_repeats

    tests = suite_of(opened.rows())
    try:
        return f"{len(near_repeats(tests))} of {len(tests)} tests nearly repeat another; all are counted"
    except MissingExtraError as error:
        return f"not counted: {error}"


def read_corrections(path: Path) -> dict[str, Prevalence]:
    """Target -> its corrected unsafe rate, as `calibrate --json` has printed it; of several oracles, the first one's.

    Raises:
        DataError: It is no such file.
    """
    import json

    from dikast.evaluation.prevalence import Prevalence

    names = ("value", "low", "high", "apparent", "sensitivity", "specificity")
    try:
        [first, *_] = json.loads(path.read_text(encoding="utf-8"))
        lines = [line for line in first["corrected"] if "error" not in line]
        return {line["target"]: Prevalence(**{name: line[name] for name in names}) for line in lines}
    except OSError as error:
        raise refused(error, path) from error
    except (ValueError, LookupError, TypeError) as error:
        hint = "dikast astral calibrate FILE --oracle SPEC --run RUN --json > FILE"
        raise DataError(f"not what 'astral calibrate' prints: {error}", path=path, hint=hint) from error


def show_withheld(record: Mapping[str, Any]) -> None:
    """Print one withheld text, after a line that says what it is."""
    show(
        f"--- withheld: {record['case']}, {record['target']}, {record.get('verdict', 'no verdict')}, {record['sha256']}"
    )
    show(str(record.get("reply") or record.get("error") or ""))
    for number_, said in enumerate(record.get("oracles", ()), start=1):
        show(f"[oracle {number_}] {said['verdict']}: {said['reason']}")
