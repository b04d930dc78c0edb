"""garak's reports (NVIDIA, github.com/NVIDIA/garak), read: its attempts as our cases.

    report = read_garak("garak.report.jsonl")          # or a hitlog
    summarise(as_cases(report))

A report is a line for each event: `start_run setup`, `init`, an `attempt` at each change of its status (0 new, 1 sent,
2 scored; the last line of an attempt counts), an `eval` for each probe and detector, `completion`. An attempt has one
prompt, several outputs, and for each detector a score an output; garak passes what scores below its threshold. A hitlog
has a line for each output that did not, and detector: lines of one output are one output here. Texts stay in the values
read, for a protected file; no error quotes them.

The rule: whatever was asked stays in the denominator. An attempt of which something cannot be read is unparsed (unsafe
where a score that can be read says so), is told in `GarakReport.odd`, and the rest of the file is read; one that was
sent and has no output is a failure. A threshold that is no number from 0 to 1 is garak's default.

Not covered: attachments, conversations beyond the last turn of the user, and the digest. Writing is in `garak_export`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from dikast.errors import DataError
from dikast.evaluation.safety.summary import SafetyCase, Verdict
from dikast.records import Outcome
from dikast.row import Row
from dikast.rows import read_rows

THRESHOLD = 0.5
"""garak's default `eval_threshold`: a lower score passes."""

DETECTOR = "dikast.Oracle"
SCORES: Mapping[str, float | None] = {"unsafe": 1.0, "safe": 0.0, "unknown": None}
NEW, SCORED = 0, 2
"""Status of an attempt: not sent, and scored."""


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
        odd: What of it could not be read; no verdict but `unsafe` is given then.
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
    odd: str = ""


@dataclass(frozen=True, slots=True)
class GarakReport:
    """A report or hitlog.

    Args:
        outputs: In the order of the attempts' first lines.
        threshold: The run's own.
        complete: Whether a line says that the run was finished; a hitlog cannot say.
        odd: What could not be read, with file, line and field; it is among the outputs, unparsed.
    """

    outputs: tuple[GarakOutput, ...]
    threshold: float
    complete: bool
    odd: tuple[str, ...] = ()


def read_garak(path: str | Path) -> GarakReport:
    """Read a report (`.report.jsonl`) or a hitlog (`.hitlog.jsonl`).

    Raises:
        DataError: The file cannot be read, is neither, or nothing in it can be read; says file, line and field.
    """
    target, threshold, complete = "", THRESHOLD, False
    attempts: dict[str, tuple[Row, str]] = {}
    hits: list[tuple[GarakOutput, DataError | None]] = []
    for record in read_rows(path):
        kind = record.values.get("entry_type")
        if kind is None:
            hits.append(_read_hit(record))
        elif kind == "start_run setup":
            target, threshold = _generator(record), _threshold(record)
        elif kind == "attempt":
            attempts[_name(record, "uuid")] = record, target
        complete = complete or kind == "completion"
    found = [pair for record, target in attempts.values() for pair in _read_attempt(record, target)] + hits
    wrong = [error for _, error in found if error is not None]
    if not found:
        raise DataError("no attempt and no hit", path=path, hint="give garak's report.jsonl or hitlog.jsonl")
    if len(wrong) == len(found):
        raise wrong[0]
    odd = tuple(dict.fromkeys(str(error) for error in wrong))
    return GarakReport(_merged(output for output, _ in found), threshold, complete, odd)


def _threshold(record: Row) -> float:
    """The run's own; null where garak was told none."""
    value = record.values.get("run.eval_threshold")
    given = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(cast(float, value)) if given else THRESHOLD


def _name(record: Row, field: str) -> str:
    """The id in a field; the line where it has none."""
    value = record.values.get(field)
    return str(value) if isinstance(value, str | int) and str(value) else record.where


def _read_attempt(record: Row, target: str) -> list[tuple[GarakOutput, DataError | None]]:
    """Its outputs, each with what is wrong with it; a stand-in where they cannot be told."""
    try:
        return list(_outputs(record, target))
    except DataError as error:
        return [(_stand_in(record, _name(record, "uuid"), target, str(error)), error)]


def _read_hit(record: Row) -> tuple[GarakOutput, DataError | None]:
    try:
        return _hit(record), None
    except DataError as error:
        return _stand_in(record, _name(record, "attempt_id"), "", str(error)), error


def _stand_in(record: Row, attempt: str, target: str, odd: str) -> GarakOutput:
    """An output that was there and cannot be read."""
    probe = record.values.get("probe_classname", record.values.get("probe", ""))
    named = record.values.get("generator")
    return GarakOutput(
        attempt=attempt,
        index=0,
        probe=probe if isinstance(probe, str) else "",
        prompt="",
        output=None,
        scores={},
        scored=False,
        target=target or (named if isinstance(named, str) else ""),
        odd=odd,
    )


def _merged(outputs: Iterable[GarakOutput]) -> tuple[GarakOutput, ...]:
    """A hitlog has a line for each detector: lines of one output are one, with the scores of all."""
    found: dict[tuple[str, int], GarakOutput] = {}
    for output in outputs:
        first = found.setdefault((output.attempt, output.index), output)
        if first is not output:
            known = first if first.output is not None else output
            scores = {**first.scores, **output.scores}
            found[output.attempt, output.index] = replace(known, scores=scores, odd=first.odd or output.odd)
    return tuple(found.values())


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
    if known and max(known) >= threshold:
        verdict = "unsafe"
    elif known and not output.odd:
        verdict = "safe"
    outcome = Outcome.OK if output.output else Outcome.ERROR if output.output is None else Outcome.EMPTY
    if output.odd and output.output is None:
        outcome = Outcome.UNPARSED
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


def _generator(record: Row) -> str:
    """Newer releases say `target`, older ones `model`."""
    for word in ("target", "model"):
        names = [record.values.get(f"plugins.{word}_{part}") for part in ("type", "name")]
        if any(names):
            return " ".join(str(name) for name in names if name)
    return ""


def _outputs(record: Row, target: str) -> Iterator[tuple[GarakOutput, DataError | None]]:
    """One for each output, with what is wrong with its scores; an attempt that was never sent has none."""
    status = record.number("status")
    outputs = [_text(record, "outputs", output) for output in _list(record, "outputs")]
    if not outputs and status > NEW:
        outputs = [None]  # it was sent, and nothing came
    scores, wrong = _all_scores(record, outputs)
    for index, output in enumerate(outputs):
        made = GarakOutput(
            attempt=record.text("uuid"),
            index=index,
            probe=record.text("probe_classname"),
            prompt=_text(record, "prompt", record.value("prompt")) or "",
            output=output,
            scores={name: found[index] for name, found in scores.items()},
            scored=status == SCORED,
            target=target,
            ours=_ours(record, target) if DETECTOR in scores else None,
            odd=str(wrong or ""),
        )
        yield made, wrong


def _hit(record: Row) -> GarakOutput:
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


def _ours(record: Row, target: str) -> SafetyCase:
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


def _detectors(record: Row) -> Mapping[str, object]:
    given = record.values.get("detector_results") is not None
    return record.child("detector_results").values if given else {}


def _list(record: Row, field: str) -> list[object]:
    value = record.values.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise record.error(field, "not a list")
    return cast(list[object], value)


def _all_scores(record: Row, outputs: Sequence[str | None]) -> tuple[dict[str, list[float | None]], DataError | None]:
    """Detector -> a score an output; and the first thing that is wrong with one, which is `None` there."""
    found: dict[str, list[float | None]] = {}
    wrong: DataError | None = None
    for name in _detectors(record):
        raw = _raw_scores(record, name)
        answered = [index for index, output in enumerate(outputs) if output is not None]
        field = f"detector_results.{name}"
        places = range(len(outputs)) if len(raw) == len(outputs) else answered  # older ones leave out what has no reply
        if len(raw) != len(places):
            wrong = wrong or record.error(field, f"{len(raw)} scores for {len(outputs)} outputs")
            raw, places = [], range(0)
        if not all(score is None or _is_score(score) for score in raw):
            wrong = wrong or record.error(field, "a score that is not null or within 0..1")
        read = {place: score for place, score in zip(places, raw, strict=True) if _is_score(score)}
        found[name] = [None if index not in read else float(cast(float, read[index])) for index in range(len(outputs))]
    return found, wrong


def _raw_scores(record: Row, detector: str) -> list[object]:
    """What a detector gave, in a list, or in a list each."""
    return [_single(score) for score in _list(record.child("detector_results"), detector)]


def _is_score(score: object) -> bool:
    return isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1


def _single(score: object) -> object:
    items = cast(list[object], score if isinstance(score, list) else [score])
    return items[0] if len(items) == 1 else items


def _text(record: Row, field: str, value: object) -> str | None:
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
