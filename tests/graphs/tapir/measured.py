"""Lines of a journal as TAPIR's graph makes them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from dikast.graphs.tapir.records import record_given, record_no_answer
from dikast.jobs import Run
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import OUTCOMES
from dikast.records import Outcome

WRITER = {"model": "student-model", "seed": 7, "prompt": "tapir/student@0"}


def line(
    number: int,
    difficulty: float | None,
    task: str | None = "Math",
    *,
    instruction: str = "",
    student: str = "eight",
    scored: bool = True,
    outcome: str = "ok",
) -> dict[str, Any]:
    """A row; its points are 10 for the teacher, and what the difficulty leaves for the student."""
    points = 10 if difficulty is None else 10 - int(difficulty)
    scores: list[dict[str, Any]] = [
        {"first": first, "teacher": 10, "student": points, "text": "WORDS", "outcome": "ok", "reason": ""}
        for first in ("teacher", "student")
    ]
    if difficulty is None:
        scores = [{**one, "teacher": None, "student": None, "outcome": "unparsed", "reason": "r"} for one in scores]
    output = {
        "teacher": record_given("seven"),
        "student": {**record_no_answer("student", Outcome.OK, ""), "text": student, "provenance": WRITER},
        "scores": scores if scored else [],
        "difficulty": difficulty,
        "task": task,
        "outcome": outcome,
        "reason": "",
    }
    given = {"id": f"r{number}", "instruction": instruction or f"Name prime {number}."}
    head = {"row": number, "key": f"{number:032x}", "outcome": outcome, "reason": ""}
    return {**head, "input": given, "output": output}


class Made(Run):
    """A run of these rows."""

    def __init__(self, path: Path, rows: Sequence[dict[str, Any]], **settings: Any) -> None:
        attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(rows))
        manifest = Manifest(graph="tapir", samples=1, fingerprint={}, attempts=[attempt], settings=settings)
        super().__init__(path, manifest)
        object.__setattr__(self, "made", rows)

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        del outcomes
        yield from vars(self)["made"]
