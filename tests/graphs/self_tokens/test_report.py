"""What a run of BASH and RAC amounts to, and how a row is told."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.report import FIGURE, binned, report
from dikast.graphs.self_tokens.story import story
from dikast.jobs import Run
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import OUTCOMES
from dikast.pages import Table, markdown
from dikast.stats import wilson


def bash(p: float, own: list[int], ended: int = 0) -> dict[str, Any]:
    ids = [9 if one else 5 for one in own]
    drawn = sum(own) + ended
    return {
        "input_ids": ids,
        "labels": [5] * len(own),
        "own": own,
        "p": p,
        "drawn": drawn,
        "ended": ended,
        "calls": drawn,
    }


def row(epoch: int = 0, outcome: str = "ok", **output: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"read": None, "bash": None, "draft": None, "gap": [], "beyond": 0, **output}
    return {"input": {"reference": "five", "epoch": epoch}, "output": whole, "outcome": outcome}


class Made(Run):
    """A run whose rows are given."""

    def __init__(self, path: Path, rows: list[dict[str, Any]]) -> None:
        attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(rows))
        super().__init__(path, Manifest(graph="self_tokens", samples=1, fingerprint={}, attempts=[attempt]))
        object.__setattr__(self, "made", rows)

    def rows(self, outcomes: Collection[str] = OUTCOMES) -> Iterator[dict[str, Any]]:
        del outcomes
        return iter(vars(self)["made"])


CONTEXT = Context.model_construct()


def test_the_rate_stands_beside_p_with_its_interval(tmp_path: Path) -> None:
    rows = [
        row(0, bash=bash(0.25, [0, 0, 1, 0])),
        row(0, bash=bash(0.25, [0, 1, 0, 0], ended=1)),
        row(1, bash=bash(0.9, [0] * 40)),
        row(1, outcome="timeout", bash=bash(0.9, [1] * 40)),
    ]
    told = report(Made(tmp_path, rows), CONTEXT)
    first, second = told.data["epochs"]["0"], told.data["epochs"]["1"]
    assert (first["tokens"], first["drawn"], first["ended"], first["differ"], first["rate"]) == (8, 3, 1, 2, 3 / 8)
    assert first["interval"] == list(wilson(3, 8))
    assert (first["within"], second["within"]) == (True, False)
    assert (told.data["rows"], told.data["failed"]) == (4, 1)
    [table] = [one for one in told.page.parts if isinstance(one, Table)]
    assert "p outside" in str(table.rows[1])
    assert "p outside" not in str(table.rows[0])


def test_the_gap_is_told_by_place_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = [{"place": place, "forced": 1.0, "free": 1.0 + place} for place in range(20)]
    told = report(Made(tmp_path, [row(gap=points, beyond=2), row(gap=points[:10])]), CONTEXT)
    assert told.data["gap"]["beyond"] == 2
    assert told.data["gap"]["all"]["tokens"] == 30
    assert told.data["gap"]["all"]["gap"] == pytest.approx((sum(range(20)) + sum(range(10))) / 30)
    assert [one["places"] for one in told.data["gap"]["bins"]][:2] == ["1 - 3", "4 - 6"]
    assert sum(one["tokens"] for one in told.data["gap"]["bins"]) == 30
    drawn = (tmp_path / "export" / FIGURE).read_text()
    assert "free-running" in drawn
    assert "teacher-forced" in drawn
    assert any("beyond the end" in note for note in told.notes)


def test_few_places_have_a_line_each() -> None:
    assert [one["places"] for one in binned({0: [(1.0, 1.0)], 3: [(1.0, 2.0)]})] == ["1", "4"]


def test_answers_are_counted(tmp_path: Path) -> None:
    drafts = [{"right": right, "text": "Five" if right else "four"} for right in (True, False, False, True)]
    told = report(Made(tmp_path, [row(draft=one) for one in drafts]), CONTEXT)
    assert told.data["answers"] == {
        **{"asked": 4, "right": 2, "interval": list(wilson(2, 4))},
        "nearness": 0.25,  # half of METEOR's best for a text of one word, in half of the answers
    }
    assert "0.250 near" in markdown(told.page)
    assert "epochs" not in told.data
    assert "gap" not in told.data


def test_a_row_is_told_with_the_tokens_that_were_replaced() -> None:
    draft = {"right": False, "text": "four", "outcome": "ok", "reason": ""}
    points = [{"place": 1, "forced": 0.5, "free": 2.0}]
    page = story(row(bash=bash(0.5, [0, 1, 0, 1]), draft=draft, gap=points))
    assert page.title == "2 of 4 context tokens are the model's own; its answer is not the reference"
    tables = [one for one in page.parts if isinstance(one, Table)]
    assert tables[0].rows == ((2, 5, 9), (4, 5, 9))
    assert tables[1].rows == ((2, "0.500", "2.000"),)
    assert story(row()).title == "nothing was made"
