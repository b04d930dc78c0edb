"""The file of questions, as rows of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.self_tokens.context import Context
from dikast.graphs.self_tokens.method import count_calls, method
from dikast.graphs.self_tokens.options import Options, notes, read_rows
from tests.graphs.self_tokens.words import Words

CONTEXT = Context(solver=Words())


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_row_a_question_and_epoch(tmp_path: Path) -> None:
    path = written(tmp_path / "q.jsonl", {"q": "2 + 2?", "a": 4, "topic": "sums"}, {"q": "Why?", "a": "Because."})
    options = Options(questions=path, columns="prompt=q,reference=a")
    context = Context(solver=Words(), epochs=2)
    rows = list(read_rows(options, context))
    assert [(one["id"], one["question"], one["epoch"]) for one in rows] == [
        ("1/1", "1", 0),
        ("1/2", "1", 1),
        ("2/1", "2", 0),
        ("2/2", "2", 1),
    ]
    assert rows[0] == {
        "prompt": "2 + 2?", "reference": "4", "topic": "sums", "id": "1/1", "question": "1", "epoch": 0
    }  # fmt: skip
    assert [one["id"] for one in read_rows(options, CONTEXT)] == ["1", "2"]
    assert method.rows_of_one is not None
    assert method.rows_of_one(context) == 2


@pytest.mark.parametrize(
    ("rows", "field", "told"),
    [
        ([{"prompt": "a", "reference": " "}], "reference", "is empty"),
        ([{"prompt": "", "reference": "b"}], "prompt", "is empty"),
        ([{"prompt": "a"}], "reference", "missing"),
        ([{"prompt": "a", "reference": "b", "id": "x"}] * 2, "id", "'x' already stands on line 1"),
    ],
)
def test_a_broken_row_is_told_with_its_line(tmp_path: Path, rows: list[dict[str, Any]], field: str, told: str) -> None:
    path = written(tmp_path / "q.jsonl", *rows)
    with pytest.raises(DataError, match=told) as caught:
        list(read_rows(Options(questions=path), CONTEXT))
    assert (caught.value.path, caught.value.line, caught.value.field) == (path, len(rows), field)


def test_without_a_file_the_flag_is_named() -> None:
    with pytest.raises(UsageError, match="no questions") as caught:
        list(read_rows(Options(), CONTEXT))
    assert "--questions" in caught.value.hint


def test_calls_are_those_at_most() -> None:
    row = {"prompt": "2 + 2?", "reference": "x" * 40}
    assert count_calls(CONTEXT, row)["solver"].count == 1 + 11 + 1
    assert count_calls(Context(solver=Words(), p=0.0), row)["solver"].count == 2
    assert count_calls(Context(solver=Words(), bash=False), row)["solver"].count == 1
    assert count_calls(Context(solver=Words(), gap=4), row)["solver"].count == 1 + 11 + 1 + 4


def test_the_price_of_parallel_draws_is_told() -> None:
    assert "each token" in next(iter(notes(Options(), CONTEXT, ())))
    assert not list(notes(Options(), Context(solver=Words(), draws="sequential"), ()))
