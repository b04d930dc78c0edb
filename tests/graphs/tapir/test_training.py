"""Measured instructions as training rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dikast.graphs.tapir.context import Context
from dikast.graphs.tapir.training import KINDS, NO_DIFFICULTY, NO_POINTS, NOT_HARD, Form, about, candidates, rows
from dikast.jobs.exports import LeftOut
from dikast.training.rows import problem_of
from dikast.training.splits import digest_of
from tests.graphs.tapir.measured import Made, line

RECORDS = [
    line(1, 4.0),
    line(2, 1.0, None),
    line(3, None, outcome="unparsed"),
    {**line(4, 4.0), "output": None, "outcome": "error"},
    line(5, 0.0, student="seven", scored=False),
]


def made(form: Form, threshold: float = 2) -> tuple[list[dict[str, Any]], Counter[str]]:
    found: list[dict[str, Any]] = []
    left_out = Counter[str]()
    for one in candidates(form, RECORDS, threshold):
        if isinstance(one, LeftOut):
            left_out[one.why] += 1
        else:
            assert one.group == digest_of(one.row["prompt"])
            assert "WORDS" not in str(one.row)
            found.append({**one.row, "id": one.origin.id, "model": one.origin.model})
    return found, left_out


def test_the_hard_ones_are_those_from_the_threshold_on() -> None:
    found, left_out = made("hard")
    assert [(one["id"], one["completion"], one["difficulty"], one["task"]) for one in found] == [
        ("r1", "seven", 4, "Math")
    ]
    assert left_out == {NO_DIFFICULTY.why: 2, NOT_HARD.why: 2}
    assert [one["id"] for one in made("hard", 1)[0]] == ["r1", "r2"]


def test_all_of_them_have_the_teachers_answer() -> None:
    found, left_out = made("sft")
    assert [(one["completion"], one["task"]) for one in found] == [("seven", "Math"), ("seven", ""), ("seven", "Math")]
    assert left_out == {NO_DIFFICULTY.why: 2}


def test_the_teacher_is_preferred_where_it_is_ahead() -> None:
    found, _ = made("preference")
    assert [(one["chosen"], one["rejected"]) for one in found] == [("seven", "eight")]


def test_points_are_values() -> None:
    found, left_out = made("value")
    assert [(one["completion"], one["value"]) for one in found] == [
        *(("seven", 10), ("eight", 6)),
        *(("seven", 10), ("eight", 9)),
    ]
    assert [one["model"] for one in found[:2]] == ["", "student-model"]
    assert left_out == {NO_DIFFICULTY.why: 2, NO_POINTS.why: 1}


@pytest.mark.parametrize("form", KINDS)
def test_an_export_gives_rows_that_can_be_trained_on(form: Form, tmp_path: Path) -> None:
    kept = [one[1] for one in rows(form, Made(tmp_path, RECORDS, threshold=1.0), Context.model_construct())
            if not isinstance(one, LeftOut)]  # fmt: skip
    assert kept
    assert not [row for row in kept if problem_of(row, KINDS[form])]
    assert about(form).title == f"Training rows: {KINDS[form]}"
