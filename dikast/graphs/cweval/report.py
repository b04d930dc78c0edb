"""What a run of CWEval amounts to: its scores, and its samples as files that other programs read.

| file | what |
| --- | --- |
| `export/samples.jsonl` | `task_id`, `solution`, `sample`: HumanEval's form, which `dikast cweval score` takes |
| `export/res_all.json` | the results in the shape of upstream's program |
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from dikast.files import write_json
from dikast.graphs.cweval.measured import Measured, measured_of_run, results_of
from dikast.graphs.cweval.page import data_of, page_of
from dikast.graphs.cweval.records import SampleResult
from dikast.graphs.cweval.static import Compared, compare, scan
from dikast.graphs.method import Report, Values, measure_named
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import without_figures

SAMPLES, RESULTS = "samples.jsonl", "res_all.json"


def report(run: Run, context: Any) -> Report:
    """Score the run, and write its files into its export folder."""
    del context
    measured = measured_of_run(run)
    write_samples(run)
    write_json(run.path / "export" / RESULTS, as_upstream(measured.last))
    missing = measured.report.whole.missing
    again = f"do failed rows again: dikast runs retry {run.path}"
    note = f"{missing} of {measured.report.whole.asked} samples have no result, and count as failures; {again}"
    return Report(without_figures(page_of([measured], "")), data_of(measured), (note,) if missing else ())


def measures(name: str) -> Values:
    """`functional`, `secure`, `func_secure`: whether a sample is.

    Raises:
        UsageError: It is another name.
    """
    return measure_named(name, {one: partial(results_named, one) for one in ("functional", "secure", "func_secure")})


def results_named(name: str, run: Run, context: Any) -> Mapping[str, float]:
    """Key of a row -> 1 or 0, after the last round; without rows that have no result."""
    del context
    pairs = ((row["key"], results_of(row)) for row in run.rows())
    return {key: float(getattr(pair[1], name)) for key, pair in pairs if pair is not None}


def write_samples(run: Run) -> None:
    """Write a line a sample that has code, row by row."""
    with replacing(run.path / "export" / SAMPLES) as beside, beside.open("w", encoding="utf-8") as file:
        for row in run.rows():
            if row["output"] is not None and row["output"]["rounds"]:
                line = {"task_id": row["input"]["task_id"], "solution": row["output"]["code"]}
                file.write(json.dumps({**line, "sample": row["input"]["sample"]}) + "\n")


def as_upstream(results: Iterable[SampleResult]) -> dict[str, Any]:
    """Test file -> truth values of its samples, in order."""
    by_task: defaultdict[str, list[SampleResult]] = defaultdict(list)
    for one in sorted(results, key=lambda one: (one.task_id, one.sample)):
        by_task[one.task_id].append(one)
    names = ("functional", "secure", "func_secure")
    return {
        f"{'/'.join(task_id.split('.'))}_test.py": {name: [getattr(one, name) for one in found] for name in names}
        for task_id, found in by_task.items()
    }


def scanned_of(measured: Measured) -> Compared:
    """How far a static scanner agrees with what was measured, on Python samples that work.

    Raises:
        MissingExtraError: The scanner is not installed.
    """
    languages = {task.task_id: task.language for task in measured.tasks}
    works = [one for one in measured.last if one.functional and languages[one.task_id] == "py"]
    codes = {f"{one.task_id}/{one.sample}": measured.codes[one.task_id, one.sample] for one in works}
    secure: Mapping[str, bool] = {f"{one.task_id}/{one.sample}": one.secure for one in works}
    return compare(scan(codes), secure)
