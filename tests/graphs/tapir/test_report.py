"""What a run of TAPIR leaves behind: figures by task, the histogram, the files of the hard rows, its story."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dikast.graphs.tapir.context import Context
from dikast.graphs.tapir.report import report
from dikast.graphs.tapir.story import story
from dikast.pages import Table, markdown
from dikast.training.mixture import DISTILQWEN2, counts
from tests.graphs.tapir.measured import Made, line

ROWS = [
    line(1, 4.0),
    line(2, 2.0, "Law"),
    line(3, 1.5, "Law"),
    line(4, None, "Law", outcome="unparsed"),
    line(5, -1.0, None, outcome="unparsed"),
    line(6, 0.0, "Law", scored=False, instruction="NAME  prime 3."),
    line(7, 6.0, "Law"),
]
CONTEXT = Context.model_construct()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]


def test_the_figures_are_those_of_the_rows(tmp_path: Path) -> None:
    made = report(Made(tmp_path, ROWS), CONTEXT)
    data = made.data
    assert (data["asked"], data["scored"], data["hard"], data["threshold"]) == (7, 6, 3, 2)
    assert data["histogram"] == {"-1": 1, "0": 1, "1": 1, "2": 1, "4": 1, "6": 1}
    law = data["tasks"]["Law"]
    assert (law["rows"], law["hard"], law["mean"]) == (5, 2, 9.5 / 4)
    assert data["tasks"]["none"]["rows"] == 1
    assert (data["judge"], data["without_task"], data["same"], data["repeats"]) == ({"unparsed": 2}, 1, 1, 1)
    mix = {task: DISTILQWEN2[task] for task in ("Math", "Law")}
    assert {task: data["tasks"][task]["wanted"] for task in mix} == counts(mix, 3) == {"Math": 3, "Law": 0}
    assert data["tasks"]["Math"]["repeats"] == 2
    assert [one for one in made.notes if "2 unparsed" in one]
    table = next(part for part in made.page.parts if isinstance(part, Table) and part.title == "by task")
    assert table.rows[0][0] == "Law"


def test_threshold_and_weights_are_those_of_the_last_command(tmp_path: Path) -> None:
    context = Context.model_construct(tasks=("Law", "Math"))
    data = report(Made(tmp_path, ROWS, threshold=1.0, weights="3,1"), context).data
    assert (data["hard"], data["threshold"]) == (4, 1)
    assert (data["tasks"]["Law"]["wanted"], data["tasks"]["Math"]["wanted"]) == (3, 1)


def test_the_files_have_every_figure_and_the_hard_rows_texts(tmp_path: Path) -> None:
    report(Made(tmp_path, ROWS), CONTEXT)
    assert [one["difficulty"] for one in lines(tmp_path / "export" / "difficulties.jsonl")] == [
        *(4, 2, 1.5, None, -1, 0, 6),
    ]
    hard = lines(tmp_path / "export" / "hard.jsonl")
    assert [one["id"] for one in hard] == ["r1", "r2", "r7"]
    assert hard[0] == {"id": "r1", "instruction": "Name prime 1.", "answer": "seven", "task": "Math", "difficulty": 4.0}


def test_rows_that_failed_and_runs_of_nothing_are_told(tmp_path: Path) -> None:
    lost = {**line(1, None), "output": None, "outcome": "error"}
    data = report(Made(tmp_path, [lost]), CONTEXT).data
    assert (data["scored"], data["hard"], data["histogram"]) == (0, 0, {})
    assert lines(tmp_path / "export" / "hard.jsonl") == []
    assert report(Made(tmp_path, []), CONTEXT).data["tasks"] == {}


def test_a_story_tells_answers_points_and_what_is_missing() -> None:
    told = markdown(story(line(1, 4.0)))
    assert "difficulty: +4; task: Math" in told
    assert "seven" in told
    assert "eight" in told
    assert told.count("WORDS") == 2
    assert "difficulty: none; task: none" in markdown(story(line(1, None, None)))
