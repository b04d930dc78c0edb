"""Steps with labels in the shapes of others: made-up rows of each, read and written."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError, UsageError
from dikast.training.rows import problem_of
from dikast.training.steps import FORMS, MARK, Form, Stepped, read_steps, told_in

ONE = Stepped("What is 2 + 3, times 2?", ("2 + 3 = 5", "5 * 2 = 11. The answer is: 11"), (True, False))
SHEPHERD = {
    "input": f"What is 2 + 3, times 2? Step 1: 2 + 3 = 5 {MARK}\nStep 2: 5 * 2 = 11. The answer is: 11 {MARK}",
    "label": "What is 2 + 3, times 2? Step 1: 2 + 3 = 5 +\nStep 2: 5 * 2 = 11. The answer is: 11 -",
    "task": "GSM8K",
}
PRM800K: dict[str, Any] = {
    "labeler": "someone",
    "is_initial_screening_question": False,
    "question": {"problem": "What is 2 + 3, times 2?", "ground_truth_answer": "10"},
    "label": {
        "steps": [
            {
                "completions": [
                    {"text": "2 + 3 = 5", "rating": 1, "flagged": False},
                    {"text": "2 * 3 = 6", "rating": -1, "flagged": False},
                    {"text": "Let us begin.", "rating": 0, "flagged": False},
                    {"text": "unread", "rating": None, "flagged": False},
                    {"text": "broken", "rating": 1, "flagged": True},
                ],
                "human_completion": None,
                "chosen_completion": 0,
            },
            {"completions": [], "human_completion": {"text": "Times 2.", "source": "human"}, "chosen_completion": None},
            {
                "completions": [{"text": "5 * 2 = 11", "rating": -1, "flagged": None}],
                "human_completion": None,
                "chosen_completion": None,
            },
        ],
        "total_time": 1000,
        "finish_reason": "found_error",
    },
}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "steps.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_trls_rows(tmp_path: Path) -> None:
    row = {"prompt": ONE.prompt, "completions": list(ONE.completions), "labels": [1, False]}
    assert list(read_steps(written(tmp_path, row), "trl")) == [ONE]
    assert problem_of(ONE.as_row(), "stepwise") is None


def test_math_shepherds_rows(tmp_path: Path) -> None:
    assert list(read_steps(written(tmp_path, SHEPHERD), "math_shepherd")) == [ONE]
    assert told_in("math_shepherd", ONE, task="GSM8K") == SHEPHERD


def test_prm800ks_rows(tmp_path: Path) -> None:
    left_out = Counter[str]()
    path = written(tmp_path, PRM800K)
    found = [(one.completions, one.labels) for one in read_steps(path, "prm800k", left_out=left_out)]
    assert found == [
        (("2 + 3 = 5",), (True,)),
        (("2 * 3 = 6",), (False,)),
        (("Let us begin.",), (True,)),
        (("2 + 3 = 5", "Times 2."), (True, True)),
        (("2 + 3 = 5", "Times 2.", "5 * 2 = 11"), (True, True, False)),
    ]
    assert left_out == {"nobody rated the completion": 1, "flagged as broken by the rater": 1}
    strict = list(read_steps(path, "prm800k", neutral=False))
    assert [one.labels for one in strict][2] == (False,)


@pytest.mark.parametrize("form", FORMS)
@given(steps=st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}( = \d{1,3})?", fullmatch=True), st.booleans()), min_size=1))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, form: Form, steps: list[tuple[str, bool]]
) -> None:
    one = Stepped("q?", tuple(text for text, _ in steps), tuple(label for _, label in steps))
    found = list(read_steps(written(tmp_path_factory.getbasetemp(), told_in(form, one)), form))
    assert found[-1] == one
    assert len(found) == (len(steps) if form == "prm800k" else 1)


@pytest.mark.parametrize(
    ("form", "row", "field"),
    [
        ("trl", {"prompt": "q", "completions": ["a"], "labels": [0.5]}, "labels"),
        ("trl", {"prompt": "q", "completions": ["a", "b"], "labels": [True]}, "labels"),
        ("trl", {"prompt": "q", "completions": [], "labels": []}, "labels"),
        ("math_shepherd", {**SHEPHERD, "input": "no steps"}, "input"),
        ("math_shepherd", {**SHEPHERD, "input": SHEPHERD["input"] + " more"}, "input"),
        ("math_shepherd", {**SHEPHERD, "label": SHEPHERD["label"].replace("+\n", "?\n")}, "label"),
        ("math_shepherd", {**SHEPHERD, "label": "another question"}, "label"),
        ("prm800k", {"question": {}, "label": {"steps": []}}, "problem"),
        ("prm800k", {"question": {"problem": "q"}, "label": {}}, "steps"),
    ],
)
def test_what_is_not_of_the_shape_is_told_with_line_and_field(tmp_path: Path, form: Form, row: Any, field: str) -> None:
    with pytest.raises(DataError) as error:
        list(read_steps(written(tmp_path, row), form))
    assert "steps.jsonl:1:" in str(error.value)
    assert field in str(error.value)


def test_a_mark_within_a_step_and_an_unknown_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="marks the end of steps"):
        told_in("math_shepherd", Stepped("q", (f"a {MARK}",), (True,)))
    unknown: Any = "mine"
    with pytest.raises(UsageError, match="no shape of steps"):
        list(read_steps(written(tmp_path, {}), unknown))
