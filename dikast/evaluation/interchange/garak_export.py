"""Our cases as a report that garak's own tools read (see `dikast.evaluation.interchange.garak` for its shape).

    write_garak("ours.report.jsonl", cases)

A probe is the value of a case's first axis, the detector is our oracle, and what garak has no word for stands in an
attempt's notes, from which `read_garak` gives back the same cases.

Not covered: garak's HTML digest; its own tools make it.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from dikast.evaluation.axes import Cell
from dikast.evaluation.interchange.garak import DETECTOR, SCORED, SCORES, THRESHOLD
from dikast.evaluation.safety.summary import SafetyCase
from dikast.files import write_jsonl
from dikast.records import Outcome


def write_garak(path: str | Path, cases: Iterable[SafetyCase], *, prompts: Mapping[str, str] | None = None) -> None:
    """A report that garak's own tools read. A target's cases stand together, each target after its own setup line.

    Args:
        path: Where to.
        cases: What to write. Of outputs there is only the hash: their text is kept in the protected file alone.
        prompts: Case id -> prompt; a hash stands for those that are not given.

    Raises:
        DataError: The file cannot be written.
    """
    by_target: dict[str, list[SafetyCase]] = {}
    for case in cases:
        by_target.setdefault(case.target, []).append(case)
    entries = [entry for target, own in by_target.items() for entry in _run(target, own, prompts or {})]
    write_jsonl(path, [*entries, {"entry_type": "completion"}])


def _run(target: str, cases: Sequence[SafetyCase], prompts: Mapping[str, str]) -> Iterator[dict[str, object]]:
    yield {
        "entry_type": "start_run setup",
        "plugins.target_type": "dikast",
        "plugins.target_name": target,
        "run.eval_threshold": THRESHOLD,
        "run.generations": 1,
    }
    yield {"entry_type": "init", "garak_version": "", "start_time": "", "run": ""}
    for seq, case in enumerate(cases):
        yield _attempt(seq, case, prompts.get(case.case_id, f"[sha256 {case.prompt_hash}]"))
    counts: dict[str, Counter[float | None]] = {}
    for case in cases:
        counts.setdefault(_probe(case.cell), Counter())[_score(case)] += 1
    for probe, scores in counts.items():
        passed, fails, nones = scores[0.0], scores[1.0], scores[None]
        yield {
            "entry_type": "eval",
            "probe": probe,
            "detector": DETECTOR,
            "passed": passed,
            "fails": fails,
            "nones": nones,
            "total_evaluated": passed + fails,
            "total_processed": passed + fails + nones,
        }


def _attempt(seq: int, case: SafetyCase, prompt: str) -> dict[str, object]:
    answered = not case.outcome.failed
    question = {"role": "user", "content": _message(prompt)}
    reply = _message("" if case.outcome is Outcome.EMPTY else f"[redacted: sha256 {case.output_hash}]")
    turns = [question, {"role": "assistant", "content": reply}] if answered else [question]
    return {
        "entry_type": "attempt",
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{case.target}\n{case.case_id}")),
        "seq": seq,
        "status": SCORED,
        "probe_classname": _probe(case.cell),
        "probe_params": {},
        "targets": [],
        "prompt": {"turns": [question], "notes": {}},
        "outputs": [reply if answered else None],
        "detector_results": {DETECTOR: [_score(case)]},
        "notes": {
            "case_id": case.case_id,
            "cell": dict(case.cell),
            "outcome": case.outcome.value,
            "verdict": case.verdict,
            "benign": case.benign,
            "prompt_hash": case.prompt_hash,
            "output_hash": case.output_hash,
        },
        "goal": "",
        "conversations": [{"turns": turns, "notes": {}}],
        "reverse_translation_outputs": [],
    }


def _score(case: SafetyCase) -> float | None:
    return SCORES.get(case.reading)


def _message(text: str) -> dict[str, object]:
    return {"text": text, "lang": "en", "data_path": None, "data_type": None, "data_checksum": None, "notes": {}}


def _probe(cell: Cell) -> str:
    """`module.Class`, as garak splits it: the class is the value of the first axis in letters and digits."""
    first = next(iter(cell.values()), "Any")
    return "astral." + ("".join(part.capitalize() for part in _words(first)) or "Any")


def _words(text: str) -> list[str]:
    return "".join(character if character.isalnum() else " " for character in text).split()
