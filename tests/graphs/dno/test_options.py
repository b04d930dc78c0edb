"""Files of prompts: the columns that are known, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.dno.method import method
from dikast.graphs.dno.options import Options, read_input
from tests.graphs.dno.scripts import Writer, by_text, context


def read(tmp_path: Path, rows: list[Any] | str, columns: str | None = None, *, taught: bool = False) -> list[Any]:
    path = tmp_path / ("prompts.csv" if isinstance(rows, str) else "prompts.jsonl")
    path.write_text(rows if isinstance(rows, str) else "".join(f"{json.dumps(row)}\n" for row in rows))
    made = context(["a"], by_text({}), teacher=Writer() if taught else None)
    return list(read_input(Options(prompts=path, columns=columns), made))


TALK = [{"role": "user", "content": "2 + 2?"}]


@pytest.mark.parametrize(("row", "prompt", "gold"), [
    ({"prompt": "2 + 2?", "gold": "4"}, "2 + 2?", "4"),
    ({"prompt": TALK, "gold": "4"}, TALK, "4"),
    ({"messages": [*TALK, {"role": "assistant", "content": "4", "weight": 1}]}, TALK, "4"),
    ({"messages": [*TALK, {"role": "assistant", "content": "5"}], "gold": "4"}, TALK, "4"),
    ({"messages": TALK, "gold": "4"}, TALK, "4"),
    ({"instruction": "Add.", "input": "2 + 2", "output": "4"}, "Add.\n\n2 + 2", "4"),
    ({"instruction": "2 + 2?", "input": "", "output": "4"}, "2 + 2?", "4"),
    ({"instruction": "Add.", "instances": [{"input": "2 + 2", "output": "4"}]}, "Add.\n\n2 + 2", "4"),
])  # fmt: skip
def test_the_columns_that_are_known(tmp_path: Path, row: Any, prompt: Any, gold: str) -> None:
    assert read(tmp_path, [row]) == [{"id": "1", "prompt": prompt, "gold": gold}]


def test_columns_of_the_users_own(tmp_path: Path) -> None:
    rows = read(tmp_path, "q,a,n\n2 + 2?,4,x\n", "prompt=q,gold=a,id=n")
    assert rows == [{"id": "x", "prompt": "2 + 2?", "gold": "4"}]
    with pytest.raises(UsageError, match="'answer'"):
        read(tmp_path, "q,a\n2 + 2?,4\n", "prompt=q,answer=a")


def test_instances_are_rows_of_their_own(tmp_path: Path) -> None:
    instances = [{"input": "1", "output": "2"}, {"input": "2", "output": "3"}]
    rows = read(tmp_path, [{"id": "s", "instruction": "Add 1.", "instances": instances}])
    assert [(row["id"], row["gold"]) for row in rows] == [("s/0", "2"), ("s/1", "3")]


@pytest.mark.parametrize(("rows", "message"), [
    ([{"prompt": "2 + 2?"}], r"prompts.jsonl:1.*gold"),
    ([{"prompt": "2 + 2?", "gold": " "}], r"prompts.jsonl:1.*gold"),
    ([{"instruction": "2 + 2?", "output": ""}], r"prompts.jsonl:1.*output"),
    ([{"prompt": " ", "gold": "4"}], r"prompts.jsonl:1.*prompt"),
    ([{"prompt": [{"role": "assistant", "content": "x"}], "gold": "4"}], r"prompts.jsonl:1.*prompt"),
    ([{"messages": "no", "gold": "4"}], r"prompts.jsonl:1.*messages"),
    ([{"question": "2 + 2?", "gold": "4"}], r"prompts.jsonl:1.*prompt"),
    ([{"prompt": "a", "gold": "4", "id": 1}, {"prompt": "b", "gold": "4", "id": "1"}], r"prompts.jsonl:2.*already"),
])  # fmt: skip
def test_a_broken_row_is_told_with_its_place(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, rows)


def test_a_teacher_writes_what_is_missing_and_is_told_to(tmp_path: Path) -> None:
    rows = read(tmp_path, [{"prompt": "a"}, {"prompt": "b", "gold": "x"}], taught=True)
    assert [row.get("gold") for row in rows] == [None, "x"]
    assert method.notes is not None
    made = context(["a"], by_text({}), teacher=Writer())
    assert list(method.notes(Options(), made, rows)) == ["1 rows bring no gold answer: the teacher writes it"]
    assert list(method.notes(Options(), context(["a"], by_text({})), rows)) == []


def test_no_file_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no prompts"):
        read_input(Options(), context(["a"], by_text({})))
    with pytest.raises(DataError, match="no prompt"):
        read(tmp_path, "prompt,gold\n")


def test_calls_are_counted() -> None:
    assert method.calls is not None
    plain = context(["a"] * 5, by_text({}))
    counts = {role: calls.count for role, calls in method.calls(plain, {"prompt": "a", "gold": "b"}).items()}
    assert counts == {"solver": 5, "judge": 1}
    taught = context(["a"] * 3, by_text({}), teacher=Writer())
    counts = {role: calls.count for role, calls in method.calls(taught, {"prompt": TALK}).items()}
    assert counts == {"solver": 3, "teacher": 1, "judge": 1}
