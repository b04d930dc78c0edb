"""What a run amounts to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import ModelTimeout
from dikast.graphs.dno.report import report
from dikast.graphs.dno.story import story
from dikast.jobs.manifest import Attempt, Manifest
from dikast.pages import markdown
from dikast.records import Outcome
from tests.graphs.dno.scripts import ROW, Scorer, by_text, context, record
from tests.graphs.dno.test_training import LOOP, Listed

GOLD = ROW.get("gold", "")


def reported(tmp_path: Path, lines: list[dict[str, Any]], **knobs: Any) -> dict[str, Any]:
    attempt = Attempt(started="2026-01-01T00:00:00+00:00", asked=len(lines))
    run = Listed(tmp_path, Manifest(graph="dno", samples=1, fingerprint={}, attempts=[attempt]))
    object.__setattr__(run, "lines", lines)
    found = report(run, context([], by_text({}), **knobs))
    assert "pairs by kind" in markdown(found.page)
    return dict(found.data)


async def test_counts_win_rate_lengths_and_loops(tmp_path: Path) -> None:
    lines = [
        await record(context(["aa", "aa"], by_text({GOLD: 5, "aa": 6}))),
        await record(context(["b", "cccc"], by_text({GOLD: 6, "b": 6, "cccc": 1}))),
        await record(context([LOOP], by_text({GOLD: 6, LOOP: 0}))),
        await record(context(["a"], Scorer(lambda _: Outcome.UNPARSED))),
        await record(context(["a", ModelTimeout("late")], by_text({GOLD: 6, "a": 0}))),
    ]
    data = reported(tmp_path, lines, iteration=3)
    assert (data["iteration"], data["rows"], data["failed"], data["unscored"]) == (3, 5, 1, 1)
    assert data["pairs"] == {"teacher>student": 2, "student>teacher": 1, "student>student": 1}
    assert data["win_rate"]["value"] == pytest.approx((1 + 0.25 + 0) / 3)
    assert 0 <= data["win_rate"]["low"] < data["win_rate"]["value"] < data["win_rate"]["high"] <= 1
    assert data["scores"]["student"] == {"0": 1, "1": 1, "5": 0, "6": 3}
    assert data["scores"]["teacher"] == {"0": 0, "1": 0, "5": 1, "6": 2}
    mine = 2 + 2 + 1 + 4 + len(LOOP) + 1
    assert data["length_ratio"] == pytest.approx(mine / 6 / len(GOLD))
    assert (data["loops"], data["repeats"], data["lost"]) == ({"student": 1, "teacher": 0}, 1, {})
    chosen, rejected = len(GOLD) * 2 + 2 + 1, 4 + len(LOOP) + len(GOLD) + 4
    assert data["chosen_to_rejected"] == pytest.approx(chosen / rejected)


async def test_residual_scores_are_told_with_their_slope(tmp_path: Path) -> None:
    long = "x" * 50
    lines = [
        await record(context([long, "b"], by_text({GOLD: 3, long: 6, "b": 2})), {**ROW, "prompt": f"P{n}"})
        for n in range(3)
    ]
    raw, residual = reported(tmp_path, lines), reported(tmp_path, lines, scores="residual")
    assert (raw["length_slope"], raw["pairs"]["student>teacher"]) == (None, 3)
    assert residual["length_slope"] > 0.05
    assert residual["pairs"] == {"teacher>student": 0, "student>teacher": 0, "student>student": 0}


async def test_nothing_at_all_is_told_as_such(tmp_path: Path) -> None:
    data = reported(tmp_path, [])
    assert (data["rows"], data["win_rate"], data["length_ratio"]) == (0, None, None)


async def test_the_story_of_a_row() -> None:
    line = await record(context(["b", "b", LOOP], by_text({GOLD: 6, "b": 2, LOOP: 1})))
    page = story(line)
    told = [getattr(part, "text", "") for part in page.parts]
    assert page.title == "pairs: 2 teacher>student"
    assert told[0] == "gold answer: 6 points"
    assert "answer 2: 2 points, says the same as answer 1" in told
    assert "answer 3: 1 points, repeats itself" in told
    assert "There were not two" in str(story(await record(context([GOLD], by_text({})))))
