"""A run of TAPIR, read: which rows are hard, which tasks they are of, what the mix that is wanted makes of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from dikast.graphs.tapir.options import THRESHOLD, mix_of
from dikast.jobs.reading import Run
from dikast.training.mixture import counts
from dikast.training.splits import digest_of

NO_TASK = "none"
"""How a table calls rows without a task."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One row as the report needs it; texts are read again where they are written.

    Args:
        id: Of the input.
        difficulty: `None` where there is none.
        task: Empty where it is not known.
        digest: Of the instruction.
    """

    id: str
    difficulty: float | None
    task: str
    digest: str


@dataclass
class Task:
    """The rows of one task."""

    rows: int = 0
    hard: int = 0
    values: list[float] = field(default_factory=list[float])

    @property
    def mean(self) -> float | None:
        """Mean difficulty of the rows that have one."""
        return fsum(self.values) / len(self.values) if self.values else None


def threshold_of(run: Run) -> float:
    """The threshold that the run was last given; the method's default for a run that no command made."""
    return float(run.manifest.settings.get("threshold", THRESHOLD))


def mix_of_run(run: Run, tasks: tuple[str, ...]) -> dict[str, float]:
    """The mix that the run was last given."""
    weights = run.manifest.settings.get("weights")
    if isinstance(weights, str):
        weights = [float(one) for one in weights.split(",")]
    return mix_of(tuple(weights) if weights else None, tasks)


def measured(row: Mapping[str, Any]) -> Measured:
    """A journal's line, without its texts."""
    given: Mapping[str, Any] = row["input"]
    output: Mapping[str, Any] = row["output"] or dict[str, Any]()
    task = output.get("task") or given.get("task") or ""
    return Measured(str(given.get("id", "")), output.get("difficulty"), task, digest_of(given["instruction"]))


def is_hard(row: Measured, threshold: float) -> bool:
    """Whether it is at least so hard; a row without a difficulty is not."""
    return row.difficulty is not None and row.difficulty >= threshold


def by_task(rows: Iterable[Measured], threshold: float) -> dict[str, Task]:
    """Task -> its rows, the one with most of them first."""
    found: defaultdict[str, Task] = defaultdict(Task)
    for row in rows:
        one = found[row.task or NO_TASK]
        one.rows += 1
        one.hard += is_hard(row, threshold)
        if row.difficulty is not None:
            one.values.append(row.difficulty)
    return dict(sorted(found.items(), key=lambda item: (-item[1].rows, item[0])))


def wanted_of(mix: Mapping[str, float], tasks: Mapping[str, Task]) -> dict[str, int]:
    """Task -> rows of it among as many as are hard, in the mix that is wanted; tasks without a hard row have none."""
    there = {task: weight for task, weight in mix.items() if task in tasks and tasks[task].hard}
    total = sum(tasks[task].hard for task in there)
    return counts(there, total) if any(there.values()) else {}


def repeats_of(rows: Iterable[Measured]) -> int:
    """Rows whose instruction stood in an earlier one; case and white space make no difference."""
    found = Counter(row.digest for row in rows)
    return sum(count - 1 for count in found.values())
