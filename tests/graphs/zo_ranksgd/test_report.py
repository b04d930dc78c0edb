"""What a person is told of an outcome: what to use, and how little it may mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from dikast.graphs import zo_ranksgd
from dikast.graphs.zo_ranksgd.report import flags_of, notes_of, report
from dikast.graphs.zo_ranksgd.story import story
from dikast.pages import Table, markdown
from tests.graphs.zo_ranksgd import bowl
from tests.graphs.zo_ranksgd.bowl import HELD, ROWS, tuning

HELD_BETTER = {"rows": 4, "difference": 0.1, "low": 0.05, "high": 0.2, "p": 0.01}


def data(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {"reason": "", "chosen": 3, "value": 0.5, "held": HELD_BETTER, "goal": "highest"}
    return {**base, "outcomes": {"ok": 8}, "tried": 8, "said": {}, **changes}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"held": {**HELD_BETTER, "low": -0.1}}, ["the interval holds 0"]),
        ({"held": {**HELD_BETTER, "low": -0.2, "high": -0.1}}, ["on held rows the new settings are worse"]),
        ({"held": HELD_BETTER, "goal": "lowest"}, ["on held rows the new settings are worse"]),
        ({"held": None}, ["expect less elsewhere"]),
        ({"chosen": 1, "held": None}, ["nothing that was tried ranked higher"]),
        ({"reason": "why"}, ["it ended early: why"]),
        ({"outcomes": {"ok": 5, "refused": 2, "failed": 1}}, ["3 of 8 settings were refused or failed"]),
        ({"said": {"asked": 9, "unread": 4}}, ["4 of 9 comparisons could not be read"]),
    ],
)
def test_what_the_figures_may_not_mean_is_noted(changes: dict[str, Any], said: list[str]) -> None:
    notes = notes_of(data(**changes))
    assert len(notes) == len(said)
    for note, part in zip(notes, said, strict=True):
        assert part in note


def test_settings_are_told_as_flags() -> None:
    assert flags_of({"max_terms": 8, "way": "a b"}) == "--max-terms 8 --way 'a b'"


async def test_a_job_is_reported_and_told(tmp_path: Path) -> None:
    context = tuning(tmp_path)
    given = {"id": "tuning", "rows": ROWS, "held": HELD, "budget": 6}
    summary = await jobs.run(zo_ranksgd.graph, [given], context, tmp_path)
    assert summary.exit_code == 0
    run = jobs.Run.open(tmp_path)
    (row,) = run.rows()
    told = report(run, context)
    assert told.data["settings"] == row["output"]["settings"]
    assert told.data["held"]["compared"] == 4
    tables = [part for part in told.page.parts if isinstance(part, Table)]
    assert [table.title for table in tables][:2] == ["knobs", "held rows, 95 % interval"]
    best = tables[2].rows[0]
    assert best[0] == told.data["chosen"]
    assert "question 1: probe" in markdown(story(row))
    again = zo_ranksgd.Context.model_validate(run.manifest.context)
    assert isinstance(again.base, bowl.Context)
