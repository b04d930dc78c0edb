"""What a run of RevisEval amounts to: a file of verdicts or scores for other tools, and how often each was given.

The journal is gone through once, a row at a time; whoever ends a run, the files are the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any

from dikast.errors import DataError
from dikast.evaluation.interchange.columns import verdicts_as_rows
from dikast.graphs.method import Report, Values, measure_named
from dikast.graphs.reviseval.context import Context
from dikast.graphs.reviseval.results import JudgedRun, id_of, labels_of, scores_of, verdicts_of, winners_of
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import Page, Table, Text
from dikast.records import Outcome

VERDICTS, SCORES = "verdicts.jsonl", "scores.jsonl"
NONE = "none"
"""How a table calls a row without a verdict."""


def report(run: Run, context: Context) -> Report:
    """Write `verdicts.jsonl` or `scores.jsonl`, and count."""
    del context
    rows = iter(run.rows())
    first = next(rows, None)
    single = first is not None and "response" in first["input"]
    counts: Counter[str] = Counter()
    seen: set[str] = set()
    failed = 0
    with (
        replacing(run.path / "export" / (SCORES if single else VERDICTS)) as beside,
        beside.open("w", encoding="utf-8") as file,
    ):
        for row in chain([first] if first is not None else [], rows):
            if (id_ := id_of(row)) in seen:
                raise DataError(f"two rows are called {id_!r}", path=run.path, field="id", hint="give each its own id")
            seen.add(id_)
            line, said = describe_row(row, single)
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            counts[said] += 1
            failed += Outcome(row["outcome"]).failed
    scored, asked = len(seen) - failed, run.manifest.attempts[-1].asked
    told = Text(f"{scored} scored of {len(seen) if asked is None else asked} asked")
    table = Table(("verdict", "rows"), tuple(sorted(counts.items())))
    return Report(Page("", (told, table)), {"verdicts": dict(counts), "asked": asked, "scored": scored})


def measures(name: str) -> Values:
    """`agreement`: whether the verdict is people's, in the column `gold`; a row without a verdict disagrees.

    Raises:
        UsageError: It is another name.
    """
    return measure_named(name, {"agreement": agreement_of})


def agreement_of(run: Run, context: Any) -> Mapping[str, float]:
    """Key of a row -> 1 or 0; without rows that failed, or that have no label.

    Raises:
        DataError: No row has a label, or one has a label that is no verdict.
    """
    del context
    judged = JudgedRun(run.path.name, list(run.rows()), {})
    labels, winners = labels_of(judged), winners_of(judged)
    return {
        row["key"]: float(winners[id_] == labels[id_])
        for row in judged.rows
        if (id_ := id_of(row)) in labels and not Outcome(row["outcome"]).failed
    }


def describe_row(row: Mapping[str, Any], single: bool) -> tuple[Mapping[str, object], str]:
    """A row's line of the verdicts or scores file, and the verdict to count it under."""
    one = JudgedRun("", [row], {})
    if single:
        ((id_, score),) = scores_of(one).items()
        return {"id": id_, "score": score}, NONE if score is None else f"{score:g}"
    (line,) = verdicts_as_rows(verdicts_of(one))
    (winner,) = winners_of(one).values()
    return line, str(winner or NONE)
