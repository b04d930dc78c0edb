"""What a run of SummHay amounts to: its scores, and topic files with its summaries in the authors' schema."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dikast.files import write_json
from dikast.graphs.method import Report
from dikast.graphs.summhay.context import Context
from dikast.graphs.summhay.haystack import FULL, NO, PARTIAL, SUMMARY_PREFIX, Haystack, as_json
from dikast.graphs.summhay.page import data_of, page_of
from dikast.graphs.summhay.systems import system_of_run
from dikast.jobs.reading import Run
from dikast.pages import without_figures
from dikast.records import Outcome
from dikast.waiting import complete

LABELS = {0.0: NO, 0.5: PARTIAL, 1.0: FULL}
NONE = "NA"


def report(run: Run, context: Context) -> Report:
    """Score the run, and write a topic file a haystack into its export folder: `topic_ID.json`."""
    rows: defaultdict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in run.rows():
        if row["output"] is not None and not Outcome(row["outcome"]).failed:
            kept = {name: row["output"][name] for name in ("bullets", "verdicts")}
            rows[row["input"]["topic_id"]][row["input"]["subtopic_id"]] = kept
    name = system_name(context)
    for source in context.haystacks:
        haystack = complete(source.open())
        target = run.path / "export" / f"topic_{file_name(haystack.topic_id)}.json"
        target.parent.mkdir(exist_ok=True)
        write_json(target, with_summaries(haystack, name, rows[haystack.topic_id]))
    system = system_of_run(run, name)
    return Report(without_figures(page_of([system], "")), data_of([system])[0], missing_notes(rows))


def missing_notes(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """What the topic files leave out."""
    verdicts = [one for topic in rows.values() for row in topic.values() for one in row["verdicts"]]
    missing = sum(one["coverage"] is None for one in verdicts)
    return (f"{missing} of {len(verdicts)} verdicts are missing, and left out of the topic files",) if missing else ()


def system_name(context: Context) -> str:
    """Retriever and model, as the authors name systems: `bm25_smollm2-135m`."""
    return f"{short(context.retriever.spec)}_{short(context.solver.spec)}"


def short(spec: str) -> str:
    """A spec without what the authors' program takes for a separator, nor places: `server:http://..#M` is `M`."""
    last = re.split(r"[#/]", spec)[-1]
    name = last.partition("?")[0]
    return name.removeprefix("openvino:").removeprefix("scripted:").replace("_", "-") or "system"


def file_name(id_: str) -> str:
    """An id as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", id_)[:80]


def with_summaries(haystack: Haystack, system: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The haystack as JSON with one more system's summaries and labels; unparsed verdicts are left out."""
    found = as_json(haystack)
    for subtopic in found["subtopics"]:
        row = rows.get(subtopic["subtopic_id"])
        if row is not None:
            key = SUMMARY_PREFIX + system
            subtopic.setdefault("summaries", {})[key] = row["bullets"]
            subtopic.setdefault("eval_summaries", {})[key] = labels_of(subtopic, row)
    return found


def labels_of(subtopic: Mapping[str, Any], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The verdicts of a row as the authors' labels; a summary without bullets covers nothing."""
    if not row["bullets"]:
        uncovered = {"coverage": NO, "bullet_id": NONE}
        return [{"insight_id": one["insight_id"], **uncovered} for one in subtopic["insights"]]
    return [
        {
            "insight_id": one["insight_id"],
            "coverage": LABELS[one["coverage"]],
            "bullet_id": one["bullet"] if one["coverage"] else NONE,
        }
        for one in row["verdicts"]
        if one["coverage"] is not None
    ]
