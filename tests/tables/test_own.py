"""A user's own answers, written as people write them: what is right, and what is close to it and wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.sandbox.inside.written import Spelling
from dikast.tables.correctness import is_correct
from dikast.tables.labelled import Answer
from dikast.tables.own import is_right
from dikast.tables.questions import Question, read_questions
from dikast.tables.report import has_gold


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (True, True), ("true", True), ("Yes", True), ("no", False), (False, False),
        ("1,234", 1234.0), ("$1,234", 1234), ("$1,234.50", 1234.5), ("1.2 million", 1.2e6), ("(7)", -7),
        ("45%", 0.45), ("45%", 45), (0.45, "45%"), ("66.7%", 2 / 3), ("45 %", "45%"),
        (0.6667, 2 / 3), (0.67, 2 / 3), (33.3, 100 / 3), (3.14, 3.14159), (617.3, 617.0 + 0.1 + 0.2),
        (1e12, 1e12 + 0.01), ("5.0", 5), ("12345678901", 12345678901), (0, 0),
        ("2024-01-05 10:30:00", "2024-01-05T10:30:00"), ("January 5, 2024", "2024-01-05"), ("5 Jan 2024", "2024-01-05"),
        ("2024-01-05T10:30:00Z", "2024-01-05T11:30:00+01:00"), ("1:00:00", "0 days 01:00:00"), ("10:30", "10:30:00"),
        ([["ann", 1234], ["bob", 5.5]], [["bob", 5.5], ["ann", 1234]]), ({"ann": 1234}, {"ann": 1234}),
        ({"a": {"x": 1}}, {"a": {"x": 1}}), ({"total": 5}, 5), ([{"n": "ann", "v": 3}], [["ann", 3]]),
        ([1, None], [1, None]), ([], []), (None, None), ([], None), (["bob", "ann"], ["ann", "bob"]), ("zoe", "Zoë"),
    ],
)  # fmt: skip
def test_right(gold: object, answer: object) -> None:
    assert is_right(gold, Answer.of(answer))


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (True, False), ("yes", "true story"), (True, 1), ("1,234", 1235), ("1,234", 1.234), ("$5", "€5"), ("45%", 0.46),
        ("45%", 4.5), (45, 0.45), (0.6667, 0.667), (0.6667, 0.6666), (17, 17.3), (0.5, 0.54), (0.01, 0.0149),
        (5.5, 5.46),
        ("2024-01-05 10:30:00", "2024-01-05"), ("January 5, 2024", "2024-05-01"), ("1:00:00", "0 days 00:01:00"),
        ([["ann", 1234], ["bob", 5.5]], [["ann", 5.5], ["bob", 1234]]), ({"ann": 1234}, {"bob": 1234}),
        ([["ann", 1], ["ann", 1]], [["ann", 1]]), ([], [0]), (None, ["x"]), ([1], []), ([1, 2], [1]), ([1], [1, 2]),
        ("5 m", "5 km"),
    ],
)  # fmt: skip
def test_wrong(gold: object, answer: object) -> None:
    assert not is_right(gold, Answer.of(answer))


def test_a_grouped_answer_is_met_with_its_labels_and_by_its_values() -> None:
    grouped = Answer.of([7, 9], {"columns": ["region", "amount"], "rows": [["north", 7], ["south", 9]]})
    assert is_right({"north": 7, "south": 9}, grouped)
    assert is_right([["south", 9], ["north", 7]], grouped)
    assert is_right([7, 9], grouped)
    assert not is_right({"north": 9, "south": 7}, grouped)


def test_what_can_be_read_in_two_ways_is_read_as_the_owner_told() -> None:
    assert is_right("1.234", ["1234"], Spelling(decimal=","))
    assert not is_right("1.234", ["1234"])
    assert is_right("03/04/2005", ["2005-04-03"], Spelling(dayfirst=True))
    assert not is_right("03/04/2005", ["2005-04-03"])


SCALARS = st.integers() | st.booleans() | st.text() | st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)))
def test_every_answer_meets_itself(value: object) -> None:
    assert is_right(value, Answer.of(value))


def test_which_answers_are_known(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    golds: list[dict[str, Any]] = [{"answer": []}, {"answer": None}, {}, {"answer": ""}, {"answer": False}]
    path.write_text("".join(json.dumps({"question": "q", "table": "t", **gold}) + "\n" for gold in golds), "utf-8")
    assert list(map(has_gold, read_questions(path))) == [True, True, False, False, True]
    (tmp_path / "q.csv").write_text("question,table,answer\nq,t,\nq,t,0\n", encoding="utf-8")
    assert list(map(has_gold, read_questions(tmp_path / "q.csv"))) == [False, True]


@pytest.mark.parametrize(
    ("target", "answer"), [("100,000", "100000"), ("45%", "0.45"), ("true", "yes"), ("January 5, 2024", "2024-01-05")]
)
def test_the_data_sets_own_rule_stays_as_it_is(target: str, answer: str) -> None:
    assert is_correct(Question("1", "?", "t", (target,)), [answer]) is False
