"""What a run of TAPIR amounts to: how hard the instructions are, by task, and the files of the hard ones.

The journal is gone through once, a row at a time: of each row a few words are kept. `export/difficulties.jsonl` has
every row's figures, `export/hard.jsonl` the hard ones with their texts, as `dikast tapir expand` reads them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.tapir.context import Context
from dikast.graphs.tapir.results import (
    Measured,
    Task,
    by_task,
    is_hard,
    measured,
    mix_of_run,
    repeats_of,
    threshold_of,
    wanted_of,
)
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import Cell, Page, Table, Text
from dikast.records import Outcome
from dikast.training.difficulty import histogram

HARD, ALL = "hard.jsonl", "difficulties.jsonl"
COLUMNS = ("task", "rows", "share", "mean difficulty", "hard", "wanted of the hard", "repeats")


def report(run: Run, context: Context) -> Report:
    """Write the files, and count."""
    threshold, mix = threshold_of(run), mix_of_run(run, context.tasks)
    rows, counted = write_files(run, threshold)
    tasks = by_task(rows, threshold)
    wanted = wanted_of(mix, tasks)
    bars = histogram({str(place): row.difficulty for place, row in enumerate(rows)})
    hard = sum(one.hard for one in tasks.values())
    asked = run.manifest.attempts[-1].asked
    with_difficulty = sum(row.difficulty is not None for row in rows)
    told = f"{with_difficulty} measured of {len(rows) if asked is None else asked} asked; {hard} at least {threshold:g}"
    parts = (Text(told), bars_of(bars, threshold), table_of(tasks, wanted, len(rows)))
    data: dict[str, Any] = {
        "asked": asked,
        "scored": with_difficulty,
        "threshold": threshold,
        "hard": hard,
        "histogram": {f"{low:g}": count for low, count in bars.items()},
        "tasks": {name: as_dict(one, wanted.get(name)) for name, one in tasks.items()},
        "repeats": repeats_of(rows),
        **counted,
    }
    return Report(Page("", parts), data, notes_of(data, rows, run))


def write_files(run: Run, threshold: float) -> tuple[list[Measured], dict[str, Any]]:
    """Write both files; what each row comes to, and why replies are missing."""
    rows: list[Measured] = []
    scores, answers, unclassified = Counter[str](), Counter[str](), 0
    cut = same = 0
    folder = run.path / "export"
    with (
        replacing(folder / HARD) as hard_beside,
        hard_beside.open("w", encoding="utf-8") as hard_file,
        replacing(folder / ALL) as all_beside,
        all_beside.open("w", encoding="utf-8") as all_file,
    ):
        for row in run.rows():
            measure, output = measured(row), row["output"]
            rows.append(measure)
            hard = is_hard(measure, threshold)
            figures = {"id": measure.id, "difficulty": measure.difficulty, "task": measure.task, "hard": hard}
            all_file.write(json.dumps(figures, ensure_ascii=False) + "\n")
            if hard:
                hard_file.write(json.dumps(texts_of(row, measure), ensure_ascii=False) + "\n")
            if output is not None:
                scores.update(score["outcome"] for score in output["scores"] if score["outcome"] != Outcome.OK)
                missing = [one for one in (output["teacher"], output["student"]) if one["outcome"] != Outcome.OK]
                answers.update(f"{one['who']} {one['outcome']}" for one in missing)
                cut += output["student"]["cut"]
                same += measure.difficulty is not None and not output["scores"]
                unclassified += output["task"] is None
    return rows, {
        "judge": dict(scores),
        "answers": dict(answers),
        "without_task": unclassified,
        "cut": cut,
        "same": same,
    }


def texts_of(row: Mapping[str, Any], one: Measured) -> dict[str, Any]:
    """A hard row as another job reads it."""
    found = {"id": one.id, "instruction": row["input"]["instruction"], "answer": row["output"]["teacher"]["text"]}
    return {**found, **({"task": one.task} if one.task else {}), "difficulty": one.difficulty}


def bars_of(bars: Mapping[float, int], threshold: float) -> Table:
    """The histogram, a bin of one point a line; a mark where the rows are hard."""
    most = max(bars.values(), default=1)
    rows = [
        (f"{low:+g} to {low + 1:+g}", count, "#" * max(1, round(20 * count / most)), "hard" if low >= threshold else "")
        for low, count in bars.items()
    ]
    return Table(("difficulty", "rows", "", "from the threshold on"), tuple(rows), "how hard")


def table_of(tasks: Mapping[str, Task], wanted: Mapping[str, int], total: int) -> Table:
    """The mixture as it is, and as it is wanted."""
    rows: list[tuple[Cell, ...]] = []
    for name, one in tasks.items():
        shown = (f"{one.rows / total:.1%}", one.mean, one.hard, wanted.get(name, 0))
        rows.append((name, one.rows, *shown, repeats_in(one, wanted.get(name))))
    return Table(COLUMNS, tuple(rows), "by task")


def repeats_in(task: Task, wanted: int | None) -> int:
    """Rows that the mix would have once more."""
    return max((wanted or 0) - task.hard, 0)


def as_dict(task: Task, wanted: int | None) -> dict[str, Any]:
    """A task's figures for programs."""
    return {
        "rows": task.rows,
        "mean": task.mean,
        "hard": task.hard,
        "wanted": wanted or 0,
        "repeats": repeats_in(task, wanted),
    }


def notes_of(data: Mapping[str, Any], rows: Sequence[Measured], run: Run) -> tuple[str, ...]:
    """What a person should know beside the page."""
    notes: list[str] = []
    if data["judge"]:
        told = ", ".join(f"{count} {outcome}" for outcome, count in data["judge"].items())
        notes.append(f"replies of the judge without points: {told}; their rows have no difficulty")
    if data["answers"]:
        notes.append("missing answers: " + ", ".join(f"{count} {what}" for what, count in data["answers"].items()))
    if data["without_task"]:
        notes.append(f"{data['without_task']} rows have no task, and are in no mix")
    if data["cut"]:
        notes.append(f"{data['cut']} answers of the student were cut off, and judged so: see --solver-max-tokens")
    if data["same"]:
        notes.append(f"{data['same']} answers of the student are the teacher's: difficulty 0, no judge asked")
    if data["repeats"]:
        notes.append(f"{data['repeats']} of {len(rows)} instructions stood in an earlier row")
    notes.append(f"the hard ones: {run.path / 'export' / HARD}")
    return tuple(notes)
