"""Where a judge and people part, against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.graphs.reviseval.differing import SHOWN, by_group, contradictions, differing, flips, groups_as_json
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
    table, means = by_group([JudgedRun("mine", ROWS, {})], "gold", "strict")
    assert isinstance(table, Table)
    assert isinstance(means, Table)
    assert table.title == "How often right, by category"
    assert [line[:4] for line in table.rows] == [
        ("mine", "(none)", 1, 0),
        ("mine", "code", 2, 1),
        ("mine", "math", 2, 0),
    ]
    assert [str(line[4]).split()[0] for line in table.rows] == ["0.000", "0.500", "0.500"]
    # The second order has no verdict in these rows.
    assert [str(line[5]).split()[0] for line in table.rows] == ["0.000", "0.000", "0.000"]
    assert means.rows == (("mine", 3, "over pairs", 0.4), ("mine", 3, "over groups", pytest.approx(1 / 3)))


def test_a_column_of_groups_can_be_named() -> None:
    rows = [pair(n, "1", "1" if n < 3 else "2", category="x", level=str(n % 2)) for n in range(5)]
    run = JudgedRun("mine", rows, {})
    [found] = groups_as_json([run], "gold", "strict", "level")
    assert [(one["group"], one["n"], one["right"]) for one in found["groups"]] == [
        ("0", 3, pytest.approx(2 / 3)),
        ("1", 2, 0.5),
    ]
    with pytest.raises(UsageError, match="no pair has the column 'lvel'") as refused:
        list(by_group([run], "gold", "strict", "lvel"))
    assert "level" in refused.value.hint


def test_rewardbenchs_subsets_are_gathered_into_sections() -> None:
    rows = [
        pair(1, "1", "1", subset="hep-go"),
        pair(2, "1", "2", subset="math-prm"),
        pair(3, "2", "2", subset="donotanswer"),
    ]
    _, means, note = by_group([JudgedRun("mine", rows, {})], "gold", "strict")
    assert isinstance(means, Table)
    assert isinstance(note, Text)
    told = {line[2]: line[3] for line in means.rows}
    assert told["section Reasoning"] == pytest.approx(164 / (164 + 984))
    assert told["over 2 of RewardBench's 4 sections"] == pytest.approx((1 + 164 / (164 + 984)) / 2)


def test_without_groups_there_is_no_table() -> None:
    assert list(by_group([JudgedRun("mine", [pair(1, "1", "1")], {})], "gold", "strict")) == []


@pytest.mark.parametrize(("ties", "expected"), [("strict", ["p2", "p5", "p3"]), ("leave-out", ["p2", "p3"])])
def test_the_pairs_on_which_they_differ(ties: Any, expected: list[str]) -> None:
    """The largest difference first: a win for the other one, a win for a tie, no verdict at all."""
    (table,) = differing([JudgedRun("mine", ROWS, {})], "gold", ties)
    assert isinstance(table, Table)
    assert [line[1] for line in table.rows] == expected
    assert table.rows[-1][2:4] == ("2", "-")
    assert [line[6] for line in table.rows] == [1.0, 0.5, None][: len(expected)] if ties == "strict" else [1.0, None]
    assert table.rows[0][7] == "Question 2?"


def test_a_probability_says_how_far_apart_they_are() -> None:
    rows = [pair(n, "2", "1") for n in (1, 2, 3)]
    for row, preference in zip(rows, (0.4, 0.1, 0.3), strict=True):
        row["output"]["votes"] = [{"judge": 0, "preference": preference}]
    assert flips(JudgedRun("mine", rows, {}), "gold", "strict") == {"p2": 0.9, "p3": 0.7, "p1": 0.6}


def test_the_pairs_on_which_the_orders_disagree() -> None:
    said = [("1", "1"), ("1", "tie"), ("1", "2"), ("2", None)]
    rows = [pair(n, None, "") for n in range(len(said))]
    for row, (ab, ba) in zip(rows, said, strict=True):
        row["output"] |= {"ab": ab, "ba": ba}
    rows.append(pair(9, "1", "1"))
    run = JudgedRun("mine", rows, {})
    assert contradictions(run) == {"p2": 1.0, "p1": 0.5}
    (table,) = differing([run], "gold", "strict")
    assert isinstance(table, Table)
    assert (table.title, table.rows[0][1:3]) == (
        "Where the two orders differ",
        ("p2", "-"),
    )


def test_a_long_list_says_what_it_leaves_out() -> None:
    many = [pair(n, "2", "1") for n in range(1, SHOWN + 8)]
    table, note = differing([JudgedRun("mine", many, {})], "gold", "strict")
    assert isinstance(table, Table)
    assert isinstance(note, Text)
    assert (len(table.rows), "and 7 more" in note.text) == (SHOWN, True)
