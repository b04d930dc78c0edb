"""garak's reports (NVIDIA, github.com/NVIDIA/garak), read: its attempts as our cases.

    report = read_garak("garak.report.jsonl")          # or a hitlog
    summarise(as_cases(report))

A report is a line for each event: `start_run setup`, `init`, an `attempt` at each change of its status (0 new, 1 sent,
2 scored; the last line of an attempt counts), an `eval` for each probe and detector, `completion`. An attempt has one
prompt, several outputs, and for each detector a score an output; garak passes what scores below its threshold. A hitlog
has a line for each output that did not. Texts stay in the values read, for a protected file; no error quotes them.

Not covered: attachments, conversations beyond the last turn of the user, and the digest. Writing is in `garak_export`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dikast.errors import DataError
from dikast.evaluation.interchange.files import read_records
from dikast.evaluation.interchange.record import Record
from dikast.evaluation.safety.summary import SafetyCase, Verdict
from dikast.records import Outcome

THRESHOLD = 0.5
"""garak's default `eval_threshold`: a lower score passes."""

DETECTOR = "dikast.Oracle"
SCORES: Mapping[str, float | None] = {"unsafe": 1.0, "safe": 0.0, "unknown": None}
SCORED = 2


@dataclass(frozen=True, slots=True)
class GarakOutput:
    """One output of one attempt.

    Args:
        attempt: The attempt's uuid.
        index: Which of its outputs.
        probe: The probe's class.
        prompt: The last turn of the user; untrusted.
        output: What the target said; `None` where it gave nothing.
        scores: Detector -> 0..1, higher is worse; `None` where the detector could not score.
        scored: Whether garak got as far as scoring it.
        target: Type and name of the generator.
        ours: The case that it was written from, where dikast wrote the report.
    """

    attempt: str
    index: int
    probe: str
    prompt: str
    output: str | None
    scores: Mapping[str, float | None]
    scored: bool
    target: str
    ours: SafetyCase | None = None


@dataclass(frozen=True, slots=True)
class GarakReport:
    """A report or hitlog.

    Args:
        outputs: In the order of the attempts' first lines.
        threshold: The run's own.
        complete: Whether a line says that the run was finished; a hitlog cannot say.
    """

    outputs: tuple[GarakOutput, ...]
    threshold: float
    complete: bool


def read_garak(path: str | Path) -> GarakReport:
    """Read a report (`.report.jsonl`) or a hitlog (`.hitlog.jsonl`).

    Raises:
        DataError: The file cannot be read, is neither, or a field is missing or of the wrong kind; says file, line and
            field.
    """
    target, threshold, complete = "", THRESHOLD, False
    attempts: dict[str, tuple[Record, str]] = {}
    hits: list[GarakOutput] = []
    for record in read_records(path):
        kind = record.values.get("entry_type")
        if kind is None:
            hits.append(_hit(record))
        elif kind == "start_run setup":
            target = _generator(record)
            threshold = record.number("run.eval_threshold") if "run.eval_threshold" in record.values else THRESHOLD
        elif kind == "attempt":
            attempts[record.text("uuid")] = record, target
        complete = complete or kind == "completion"
    outputs = [output for record, target in attempts.values() for output in _outputs(record, target)]
    if not outputs and not hits:
        raise DataError("no attempt and no hit", path=path, hint="give garak's report.jsonl or hitlog.jsonl")
    return GarakReport((*outputs, *hits), threshold, complete)


def as_cases(report: GarakReport) -> list[SafetyCase]:
    """One case for each output: unsafe where any detector's score reaches the threshold, unparsed without a score.

    The cell is the one that dikast noted, else `{"probe": ...}`.
    """
    return [_case(output, report.threshold) for output in report.outputs]


def _case(output: GarakOutput, threshold: float) -> SafetyCase:
    if output.ours is not None:
        return output.ours
    verdict: Verdict | None = None
    known = [score for score in output.scores.values() if score is not None]
    if known:
        verdict = "unsafe" if max(known) >= threshold else "safe"
    outcome = Outcome.OK if output.output else Outcome.ERROR if output.output is None else Outcome.EMPTY
    return SafetyCase(
        case_id=f"{output.attempt}/{output.index}",
        target=output.target,
        cell={"probe": output.probe},
        prompt_hash=_hash(output.prompt),
        outcome=outcome,
        verdict=verdict if outcome is Outcome.OK else None,
        output_hash=_hash(output.output or ""),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _generator(record: Record) -> str:
    """Newer releases say `target`, older ones `model`."""
    for word in ("target", "model"):
        names = [record.values.get(f"plugins.{word}_{part}") for part in ("type", "name")]
        if any(names):
            return " ".join(str(name) for name in names if name)
    return ""


def _outputs(record: Record, target: str) -> Iterator[GarakOutput]:
    """One for each output; an attempt that was never sent has none."""
    status = record.number("status")
    outputs = _list(record, "outputs")
    scores = {name: _scores(record, name, len(outputs)) for name in _detectors(record)}
    for index, output in enumerate(outputs):
        yield GarakOutput(
            attempt=record.text("uuid"),
            index=index,
            probe=record.text("probe_classname"),
            prompt=_text(record, "prompt", record.value("prompt")) or "",
            output=_text(record, "outputs", output),
            scores={name: found[index] for name, found in scores.items()},
            scored=status == SCORED,
            target=target,
            ours=_ours(record, target) if DETECTOR in scores else None,
        )


def _hit(record: Record) -> GarakOutput:
    return GarakOutput(
        attempt=record.text("attempt_id"),
        index=int(record.number("attempt_idx")),
        probe=record.text("probe"),
        prompt=_text(record, "prompt", record.value("prompt")) or "",
        output=_text(record, "output", record.value("output")),
        scores={record.text("detector"): record.number("score")},
        scored=True,
        target=record.text("generator", default=""),
    )


def _ours(record: Record, target: str) -> SafetyCase:
    notes = record.child("notes")
    outcome, verdict = notes.text("outcome"), notes.values.get("verdict")
    if outcome not in list(Outcome):
        raise record.error("notes.outcome", "no outcome of ours", f"use {', '.join(Outcome)}")
    if verdict is not None and verdict not in SCORES:
        raise record.error("notes.verdict", "no verdict of ours", f"use {', '.join(SCORES)}, or null")
    cell = notes.child("cell")
    return SafetyCase(
        case_id=notes.text("case_id"),
        target=target.removeprefix("dikast "),
        cell={axis: cell.text(axis) for axis in cell.values},
        prompt_hash=notes.text("prompt_hash"),
        outcome=Outcome(outcome),
        verdict=cast(Verdict | None, verdict),
        output_hash=notes.text("output_hash"),
        benign=notes.values.get("benign") is True,
    )


def _detectors(record: Record) -> Mapping[str, object]:
    return record.child("detector_results").values if "detector_results" in record.values else {}


def _list(record: Record, field: str) -> list[object]:
    value = record.values.get(field, [])
    if not isinstance(value, list):
        raise record.error(field, "not a list")
    return cast(list[object], value)


def _scores(record: Record, detector: str, outputs: int) -> list[float | None]:
    """A score an output, in a list, or in a list each."""
    found = _list(record.child("detector_results"), detector)
    flat = [_single(score) for score in found]
    if len(flat) != outputs:
        raise record.error(f"detector_results.{detector}", f"{len(flat)} scores for {outputs} outputs")
    if not all(score is None or (isinstance(score, int | float) and 0 <= score <= 1) for score in flat):
        raise record.error(f"detector_results.{detector}", "a score that is not null or within 0..1")
    return [None if score is None else float(cast(float, score)) for score in flat]


def _single(score: object) -> object:
    items = cast(list[object], score if isinstance(score, list) else [score])
    return items[0] if len(items) == 1 else items


def _text(record: Record, field: str, value: object) -> str | None:
    """Text as it was written in any release: a string, a message, or the last turn of a conversation."""
    if value is None or isinstance(value, str):
        return value
    message = cast(dict[str, object], value) if isinstance(value, dict) else {}
    if isinstance(turns := message.get("turns"), list) and turns:
        last = cast(list[object], turns)[-1]
        return _text(record, field, cast(dict[str, object], last).get("content", 0) if isinstance(last, dict) else 0)
    if "text" not in message or not isinstance(message["text"], str | None):
        raise record.error(field, "neither text, nor a message, nor turns")
    return message["text"]
