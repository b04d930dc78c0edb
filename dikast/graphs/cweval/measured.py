"""What a run of CWEval measured, sample by sample, read from its folder; the tasks' own folder is not needed.

    measured = measured_of_run(Run.open(Path("runs/a")))
    measured.report.whole.func_secure[1].mean

Samples are counted as they were asked for. One whose row failed, or is owed, has no result: it counts as a failure, and
`missing` says how many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from dikast.errors import DataError
from dikast.graphs.cweval.options import FACTS
from dikast.graphs.cweval.reading import LANGUAGES
from dikast.graphs.cweval.records import SampleResult, Verdict
from dikast.graphs.cweval.scores import Change, Report, before_and_after, score
from dikast.graphs.cweval.task import Task
from dikast.jobs.reading import Run
from dikast.records import Outcome

GRAPHS = ("cweval", "cweval_scoring")


@dataclass(frozen=True)
class Measured:
    """A run's samples.

    Args:
        name: The run's.
        tasks: What was asked for; of each, what its id says.
        asked: Samples a task.
        first: Results of the first round.
        last: Results of the last round; the same where there is one.
        revised: Whether there could be more rounds than one.
        outcomes: How the rows ended.
        cases: (kind, verdict) of the last round's cases -> how many.
        codes: Of each sample that has a result, its code.
    """

    name: str
    tasks: Sequence[Task]
    asked: int
    first: Sequence[SampleResult]
    last: Sequence[SampleResult]
    revised: bool
    outcomes: Mapping[str, int]
    cases: Mapping[tuple[str, str], int]
    codes: Mapping[tuple[str, int], str]

    @cached_property
    def report(self) -> Report:
        """The scores of the last round."""
        return score(self.tasks, self.last, self.asked)

    @cached_property
    def change(self) -> Change | None:
        """What revision changed; `None` where there was none."""
        return before_and_after(self.tasks, self.first, self.last, self.asked) if self.revised else None


def measured_of_run(run: Run, name: str = "") -> Measured:
    """Read a run.

    Raises:
        DataError: It is a run of another graph, or nothing of it is finished and its manifest does not say what it is
            about.
    """
    if run.manifest.graph not in GRAPHS:
        told = f"a run of {run.manifest.graph!r}"
        raise DataError(told, path=run.path, hint="give a run folder of 'dikast cweval run' or 'dikast cweval score'")
    first: list[SampleResult] = []
    last: list[SampleResult] = []
    codes: dict[tuple[str, int], str] = {}
    outcomes, cases = Counter[str](), Counter[tuple[str, str]]()
    seen: dict[str, int] = {}
    for row in run.rows():
        task_id, number = row["input"]["task_id"], row["input"]["sample"]
        seen[task_id] = max(seen.get(task_id, 0), number + 1)
        outcomes[row["outcome"]] += 1
        if (pair := results_of(row)) is not None:
            first.append(pair[0])
            last.append(pair[1])
            codes[task_id, number] = row["output"]["code"]
            cases.update((one["kind"], one["verdict"]) for one in row["output"]["rounds"][-1]["tested"]["cases"])
    ids, asked = asked_of(run, seen)
    revised = run.manifest.context.get("rounds", 1) > 1
    tasks = [task_of_id(one) for one in ids]
    return Measured(name or run.path.resolve().name, tasks, asked, first, last, revised, outcomes, cases, codes)


def results_of(row: Mapping[str, Any]) -> tuple[SampleResult, SampleResult] | None:
    """A row's results in its first and its last round; `None` where it has none, because it failed.

    What a box could not do is told as `sandbox_error`, and is worth nothing.
    """
    output = row["output"]
    if output is None or output["last"] is None:
        return None
    task_id, number = row["input"]["task_id"], row["input"]["sample"]
    if Outcome(row["outcome"]).failed:
        if output["last"]["verdict"] != Verdict.SANDBOX_ERROR:
            return None
        nothing = SampleResult(task_id, number, Verdict.SANDBOX_ERROR)
        return nothing, nothing
    before, after = (
        SampleResult(task_id, number, Verdict(one["verdict"]), one["functional"], one["secure"])
        for one in (output["first"], output["last"])
    )
    return before, after


def asked_of(run: Run, seen: Mapping[str, int]) -> tuple[list[str], int]:
    """The tasks that were asked for, and how many samples of each: as the manifest says, else as the rows show.

    Raises:
        DataError: Neither says.
    """
    settings = run.manifest.settings
    told = cast(dict[str, Any], settings.get(FACTS) or {})
    if told:
        limit = cast("int | None", settings.get("limit")) if told.get("limited", True) else None
        return list(told["tasks"])[:limit], int(told["samples"])
    if not seen:
        raise DataError("no sample is finished", path=run.path, hint="run it first")
    return sorted(seen), max(seen.values())


def task_of_id(task_id: str) -> Task:
    """What the id says of a task: suite, language, weakness.

    Raises:
        DataError: It is no task's id.
    """
    suite, _, rest = task_id.partition(".")
    language, _, name = rest.partition(".")
    parts = name.split("_")
    if language not in LANGUAGES or len(parts) < 3:
        raise DataError(f"no task's id: {task_id!r:.80}", field="task_id")
    nowhere = Path()
    return Task(task_id, language, suite, parts[1], parts[2], nowhere, nowhere, nowhere, None, "", "", "", "")
