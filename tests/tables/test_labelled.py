from __future__ import annotations

import json

import pytest

from dikast.tables.labelled import Answer, labelled


@pytest.mark.parametrize(
    ("answer", "columns", "rows"),
    [
        ({"north": 7, "south": 7}, [], [["north", "7"], ["south", "7"]]),
        ({"sum": {"north": 7, "south": None}}, [], [["sum", "north", "7"], ["sum", "south", ""]]),
        ([{"at": "north", "n": 7.0}, {"at": "south", "n": 1.5}], ["at", "n"], [["north", "7"], ["south", "1.5"]]),
        ([["north", 7], ["south", True]], [], [["north", "7"], ["south", "yes"]]),
        ({"names": ["ann", "bob"], "empty": {}}, [], [["names", "ann, bob"], ["empty", ""]]),
        ({"columns": 3, "rows": [1, 2]}, [], [["columns", "3"], ["rows", "1, 2"]]),
    ],
)  # fmt: skip
def test_tables_of_json(answer: object, columns: list[str], rows: list[list[str]]) -> None:
    assert labelled(answer) == {"columns": columns, "rows": rows}


@pytest.mark.parametrize("answer", [7, "x", None, [], {}, [1, 2], [["a"], 1], [{"a": 1}, {"b": 2}]])
def test_values_and_lists_of_values_are_none(answer: object) -> None:
    assert labelled(answer) is None


def test_an_answer_is_its_items_and_survives_json() -> None:
    answer = Answer.of([7, 7], {"columns": ["region", "n"], "rows": [["north", 7], ["south", 7]]})
    assert answer == ["7", "7"]
    assert answer.table == {"columns": ["region", "n"], "rows": [["north", "7"], ["south", "7"]]}
    assert json.loads(json.dumps(answer)) == ["7", "7"]
