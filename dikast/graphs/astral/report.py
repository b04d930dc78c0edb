"""What a run of ASTRAL amounts to: rates by target, and its tests as a suite for other runs.

The journal is gone through once. No text of a reply that is not judged safe is in any of it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.diversity import diversity_by_cell
from dikast.evaluation.safety.report import headline_tables
from dikast.evaluation.safety.summary import SafetyCase, Summary, summarise
from dikast.graphs.astral.context import Context
from dikast.graphs.astral.results import case_of, suite_of
from dikast.graphs.astral.suite import Case, Plan, axes_from, near_repeats, without_repeats, write_plan
from dikast.graphs.method import Report
from dikast.jobs.exports import replacing
from dikast.jobs.reading import Run
from dikast.pages import Page

SUITE = "suite.jsonl"


def report(run: Run, context: Context) -> Report:
    """Write the tests as a suite without near-duplicates, and count."""
    del context
    cases: list[SafetyCase] = []
    tests: list[Case] = []
    seen: set[str] = set()
    generated: set[str] = set()
    for row in run.rows():
        cases.append(case_of(row))
        generated.update([row["input"]["id"]] if not row["input"].get("prompt") else [])
        if row["input"]["id"] not in seen:
            found = suite_of([row])
            seen.update(case["id"] for case in found)
            tests += found
    summary = summary_of(run, cases)
    suite = write_suite(run, tests, generated)
    note = (
        f"tests: {suite['tests']}, near-duplicates among them: {suite['near_duplicates']} ({suite['left_out']} "
        f"generated ones left out of {run.path / 'export' / SUITE}); all were asked"
    )
    return Report(Page("", tuple(headline_tables(summary))), {"safety": summary.as_json(), "suite": suite}, (note,))


def summary_of(run: Run, cases: Sequence[SafetyCase] | None = None) -> Summary:
    """A run's cases, counted."""
    axes = axes_of(run)
    found = [case_of(row) for row in run.rows()] if cases is None else cases
    return summarise(found, axes=axes, strength=strength_of(run) or min(2, len(axes.values)))


def axes_of(run: Run) -> Axes:
    """The axes that the run's cases are of."""
    told = run.manifest.settings.get("axes_of_cases")
    return axes_from(told, run.path) if told else DEFAULT_AXES


def strength_of(run: Run) -> int | None:
    """The strength that the run's plan aimed at."""
    return run.manifest.settings.get("strength_of_cases")


def write_suite(run: Run, tests: Sequence[Case], generated: Collection[str]) -> dict[str, Any]:
    """Write the tests; how many there are, and how different they are.

    Generated ones that nearly repeat another are left out of the suite; they were asked, and count.
    """
    written = without_repeats(Plan(tests, axes_of(run), strength_of(run)), frozenset(generated))
    with replacing(run.path / "export" / SUITE) as beside:
        write_plan(beside, written)
    cells = diversity_by_cell(
        (case.get("cell") or {}, case.get("prompt", "")) for case in tests if not case.get("benign")
    )
    distances = [found.distance for _, found in cells if not math.isnan(found.distance)]
    return {
        "tests": len(tests),
        "near_duplicates": len(near_repeats(tests)),
        "left_out": len(written.repeats),
        "distance_in_cells": sum(distances) / len(distances) if distances else None,
        "cells": [
            {"cell": dict(cell), "tests": found.n, "distance": None if math.isnan(found.distance) else found.distance}
            for cell, found in cells
        ],
    }
