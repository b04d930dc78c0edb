"""Files of questions: GSM8K's as it is, one of the user's own, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.rest_mcts.method import count_calls
from dikast.graphs.rest_mcts.options import Options, notes, read_input, read_questions
from dikast.graphs.rest_mcts.solvers import load_step_solver
from tests.graphs.rest_mcts.scripts import adder, context

GSM8K = {
    "question": "Janet's ducks lay 16 eggs. How much does she make?",
    "answer": "She sells 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = <<9*2=18>>18.\n#### 18",
}


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "q.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def test_gsm8ks_file_as_it_is(tmp_path: Path) -> None:
    [row] = read_questions(written(tmp_path, GSM8K), {})
    assert row == {"id": "1", "question": GSM8K["question"], "answer": "18"}


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text('problem,gold,n\n"1, 2?","1,000",a\nwhat?,,b\n')
    rows = read_questions(tmp_path / "own.csv", {"question": "problem", "answer": "gold", "id": "n"})
    assert rows == [{"id": "a", "question": "1, 2?", "answer": "1,000"}, {"id": "b", "question": "what?"}]


def test_a_row_for_each_search(tmp_path: Path) -> None:
    options = Options(questions=written(tmp_path, GSM8K))
    assert [row.get("search") for row in read_input(options, context())] == [None]
    made = context(searches=("mcts", "greedy"))
    assert [row["search"] for row in read_input(options, made)] == ["mcts", "greedy"]
    calls = count_calls(made, {"question": "q", "search": "greedy"})
    assert (calls["solver"].count, "critic" in calls) == (1, False)
    assert count_calls(made, {"question": "q", "search": "mcts"})["critic"].count > 1


@pytest.mark.parametrize(
    ("row", "said"),
    [({"q": "x"}, "--columns"), ({"question": "  "}, "empty"), ({"question": ["x"]}, "not text")],
)
def test_a_bad_row_is_one_line(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(DataError, match=r"q\.jsonl:1:") as error:
        read_questions(written(tmp_path, row), {})
    assert said in str(error.value)


def test_bad_files_and_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no questions"):
        list(read_input(Options(), context()))
    with pytest.raises(UsageError, match="no column of ours"):
        read_questions(written(tmp_path, GSM8K), {"gold": "answer"})
    with pytest.raises(DataError, match="already stands on"):
        read_questions(written(tmp_path, {"id": "a", **GSM8K}, {"id": "a", **GSM8K}), {})
    with pytest.raises(DataError, match="the file is empty"):
        read_questions(written(tmp_path), {})


def test_what_a_person_should_know_is_told() -> None:
    made = context(solver=load_step_solver(adder.spec))
    told = " ".join(notes(Options(), made, [{"question": "q"}]))
    assert "chat turns" in told
    assert "gold answer" in told
    quiet = context(solver=load_step_solver(f"prefix+{adder.spec}"))
    assert list(notes(Options(), quiet, [{"question": "q", "answer": "1"}])) == []
