"""How hard the held-out instructions are for a policy, by task, and whether another one finds them less hard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import fsum
from pathlib import Path
from typing import Any

from dikast.graphs.tapir.results import NO_TASK, measured
from dikast.graphs.tapir.rounds.records import Skill, Standing
from dikast.jobs.reading import Run
from dikast.stats import bootstrap


def standing_of(run: Run, digest: str, folder: Path) -> Standing:
    """One policy's run over the held-out instructions, in figures."""
    values: defaultdict[str, list[float]] = defaultdict(list)
    for row in map(measured, run.rows()):
        if row.difficulty is not None:
            values[row.task or NO_TASK].append(row.difficulty)
    every = [value for found in values.values() for value in found]
    tasks = {task: skill_of(found) for task, found in sorted(values.items())}
    return Standing(digest=digest, place=str(run.path.relative_to(folder)), all=skill_of(every), tasks=tasks)


def skill_of(values: Sequence[float]) -> Skill:
    """How many, and their mean."""
    return Skill(rows=len(values), difficulty=fsum(values) / len(values) if values else None)


def compare(before: Standing, after: Standing, run_before: Run, run_after: Run) -> dict[str, Any]:
    """By how much the difficulty fell, on the instructions that both runs have a difficulty of."""
    there, now = difficulties(run_before), difficulties(run_after)
    falls = [there[key] - now[key] for key in there if key in now]
    interval = bootstrap(falls) if len(falls) > 1 else None
    return {
        "before": before,
        "after": after,
        "rows": len(falls),
        "fall": fsum(falls) / len(falls) if falls else None,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
    }


def difficulties(run: Run) -> dict[str, float]:
    """Key of a row -> its difficulty, where it has one."""
    found = ((row["key"], measured(row).difficulty) for row in run.rows())
    return {key: value for key, value in found if value is not None}
