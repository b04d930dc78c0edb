"""What a run of the expansion amounts to: how many new instructions stay, and why others do not, by task.

`export/expanded.jsonl` has those that stay, with their answers; `dikast tapir run` reads it as it is.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from dikast.graphs.method import Report
from dikast.graphs.tapir.expand.context import Context
from dikast.graphs.tapir.expand.records import DROPS, New
from dikast.graphs.tapir.expand.results import settled
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text

EXPANDED = "expanded.jsonl"
NO_TASK = "none"


def report(run: Run, context: Context) -> Report:
    """Write the file, and count."""
    why, tasks = Counter[str](), defaultdict[str, Counter[str]](Counter[str])
    given = 0
    with (
        replacing(run.path / "export" / EXPANDED) as beside,
        beside.open("w", encoding="utf-8") as file,
    ):
        for row, found in settled(run, context.near):
            given += 1
            mine = tasks[task_of(row)]
            mine["given"] += 1
            for number, (new, dropped) in enumerate(found, start=1):
                mine["new"] += 1
                mine["kept"] += not dropped
                if dropped:
                    why[dropped] += 1
                else:
                    line = line_of(str(row["input"].get("id", "")), number, new)
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    asked = run.manifest.attempts[-1].asked
    kept = sum(one["kept"] for one in tasks.values())
    data: dict[str, Any] = {
        "asked": given if asked is None else asked,
        "new": sum(one["new"] for one in tasks.values()),
        "kept": kept,
        "dropped": dict(why),
        "tasks": {name: dict(one) for name, one in sorted(tasks.items())},
    }
    told = Text(f"{kept} of {data['new']} new instructions are kept, of {data['asked']} given ones")
    reasons = Table(("left out", "instructions"), tuple((DROPS[one], count) for one, count in why.most_common()))
    table = Table(
        ("task", "given", "new", "kept"),
        tuple((name, one["given"], one["new"], one["kept"]) for name, one in sorted(tasks.items())),
        "by task",
    )
    return Report(Page("", (told, reasons, table)), data, (f"those kept: {run.path / 'export' / EXPANDED}",))


def task_of(row: Mapping[str, Any]) -> str:
    """The given instruction's task, by the graph or by the row."""
    named = row["output"]["task"] if row["output"] else row["input"].get("task")
    return named or NO_TASK


def line_of(id_: str, number: int, new: New) -> dict[str, Any]:
    """An instruction as another job reads it."""
    return {
        "id": f"{id_}+{number}",
        "instruction": new["instruction"],
        "answer": new["answer"],
        "task": new["task"],
        "like": id_,
    }
