"""The files and flags of `dikast tapir run`: what becomes a row, who takes part, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.method import Given
from dikast.graphs.tapir.context import TASKS, Context
from dikast.graphs.tapir.method import count_calls
from dikast.graphs.tapir.options import Options, make_fields, mix_of, notes, read_input
from dikast.training.mixture import DISTILQWEN2
from tests.graphs.tapir.cast import Cast

NOBODY = Context.model_construct(teacher=None, tasks=TASKS)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path, columns: str | None = None, context: Context = NOBODY) -> list[dict[str, Any]]:
    return [dict(row) for row in read_input(Options(instructions=path, columns=columns), context)]


def test_a_row_by_our_names_or_by_the_files(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"q": "Add.", "input": "2, 2", "out": "4", "kind": "Math", "note": "n"})
    [row] = read(path, "instruction=q,answer=out,task=kind")
    assert row == {"id": "1", "instruction": "Add.\n\n2, 2", "answer": "4", "task": "Math", "note": "n"}


def test_the_instances_of_self_instruct_are_rows(tmp_path: Path) -> None:
    two = [{"input": "", "output": "a"}, {"input": "i", "output": "b"}]
    path = write(tmp_path / "x.jsonl", {"id": "t", "instruction": "Do.", "instances": two, "name": "n"},
                 {"id": "u", "instruction": "Do it.", "instances": two[:1]})  # fmt: skip
    assert read(path) == [
        {"id": "t/1", "instruction": "Do.", "answer": "a", "name": "n"},
        {"id": "t/2", "instruction": "Do.\n\ni", "answer": "b", "name": "n"},
        {"id": "u", "instruction": "Do it.", "answer": "a"},
    ]


def test_a_broken_row_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    good = {"id": "a", "instruction": "Do.", "answer": "x"}
    for bad, told in (
        ({"id": "b", "answer": "x"}, "instruction"),
        ({**good, "id": "b", "instruction": " "}, "is empty"),
        (good, "already stands on line 1"),
        ({"id": "b", "instruction": "Do.", "instances": 3}, "instances"),
    ):
        path = write(tmp_path / "x.jsonl", good, bad)
        with pytest.raises(DataError, match=told) as error:
            read(path)
        assert error.value.line == 2
    with pytest.raises(UsageError, match="no column of ours is called 'question'"):
        read(path, "question=q")
    with pytest.raises(UsageError, match="nothing to measure"):
        list(read_input(Options(), NOBODY))


def test_a_row_without_an_answer_needs_a_teacher(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", {"instruction": "Do.", "answer": " "})
    with pytest.raises(DataError, match="row '1' has no answer"):
        read(path)
    assert read(path, context=Cast().context()) == [{"id": "1", "instruction": "Do."}]


def test_the_judges_model_names_tasks_unless_another_does() -> None:
    def made(**fields: Any) -> Any:
        return make_fields(Options(), Given(fields=fields, model=lambda: "server:any"))

    assert made() == {"classifier": "server:any"}
    assert made(judge="free+server:j") == {"classifier": "server:j"}
    assert made(judge="server:j", classifier="server:c") == {}


def test_the_mix_is_the_one_that_ships_or_the_users_own() -> None:
    assert mix_of(None, TASKS) == pytest.approx(dict(DISTILQWEN2))
    assert mix_of(None, ("cook", "sew")) == {"cook": 1, "sew": 1}
    assert mix_of((3, 1), ("cook", "sew")) == {"cook": 3, "sew": 1}
    for weights in ((1.0,), (0.0, 0.0), (-1.0, 1.0)):
        with pytest.raises(UsageError):
            mix_of(weights, ("cook", "sew"))
    with pytest.raises(UsageError, match="2 weights for 32 tasks"):
        make_fields(Options(weights=(1, 1)), Given(fields={}))


def test_tasks_that_no_mix_has_are_told() -> None:
    rows = [{"task": "Cooking"}, {"task": "Math"}, {}]
    [note] = notes(Options(), NOBODY, rows)
    assert "1 tasks" in note
    assert "Cooking" in note
    assert list(notes(Options(), NOBODY, rows[1:])) == []


def test_calls_are_counted_before_they_are_made() -> None:
    context = Cast().context()
    full = count_calls(context, {"instruction": "Do.", "answer": "x", "task": "Math"})
    assert {role: calls.count for role, calls in full.items()} == {"solver": 1, "judge": 2}
    bare = count_calls(context, {"instruction": "Do."})
    assert {role: calls.count for role, calls in bare.items()} == {
        "solver": 1,
        "judge": 2,
        "classifier": 1,
        "teacher": 1,
    }
    assert "classifier" not in count_calls(Cast().context(classifier=None), {"instruction": "Do."})
