"""Where a judge and people part, against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.graphs.reviseval.differing import SHOWN, by_group, differing
from dikast.graphs.reviseval.results import JudgedRun
from dikast.pages import Table, Text


def pair(n: int, winner: str | None, gold: str, **given: str) -> dict[str, Any]:
    asked = {"id": f"p{n}", "instruction": f"Question {n}?", "response_1": "a", "response_2": "b", "gold": gold}
    nobody: list[Any] = []
    output = {"winner": winner, "ab": winner, "ba": None, "votes": nobody, "judgements": nobody}
    return {"row": n, "input": {**asked, **given}, "output": output, "outcome": "ok"}


ROWS = [
    pair(1, "1", "1", category="math"),
    pair(2, "2", "1", category="math"),
    pair(3, None, "2", category="code"),
    pair(4, "2", "2", category="code"),
    pair(5, "1", "tie"),
]


def test_each_group_has_its_share() -> None:
    (table,) = by_group([JudgedRun("mine", ROWS, {})], "gold", "strict")
    assert table.title == "How often right, by category"
    assert [line[:4] for line in table.rows] == [
        ("mine", "(none)", 1, 0),
        ("mine", "code", 2, 1),
        ("mine", "math", 2, 0),
    ]
    assert [str(line[4]).split()[0] for line in table.rows] == ["0.000", "0.500", "0.500"]


def test_without_groups_there_is_no_table() -> None:
    assert list(by_group([JudgedRun("mine", [pair(1, "1", "1")], {})], "gold", "strict")) == []


@pytest.mark.parametrize(("ties", "expected"), [("strict", ["p2", "p3", "p5"]), ("leave-out", ["p2", "p3"])])
def test_the_pairs_on_which_they_differ(ties: Any, expected: list[str]) -> None:
    (table,) = differing([JudgedRun("mine", ROWS, {})], "gold", ties)
    assert isinstance(table, Table)
    assert [line[1] for line in table.rows] == expected
    assert table.rows[1][2:4] == ("2", "-")
    assert table.rows[0][6] == "Question 2?"


def test_a_long_list_says_what_it_leaves_out() -> None:
    many = [pair(n, "2", "1") for n in range(1, SHOWN + 8)]
    table, note = differing([JudgedRun("mine", many, {})], "gold", "strict")
    assert isinstance(table, Table)
    assert isinstance(note, Text)
    assert (len(table.rows), "and 7 more" in note.text) == (SHOWN, True)
