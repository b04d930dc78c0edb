"""Tolerance and order that a user tells, long answers, and that nothing changes where nothing is told."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError, UsageError
from dikast.sandbox.inside.written import PLAIN
from dikast.tables import own
from dikast.tables.answers import denotation_correct, distinct, read
from dikast.tables.correctness import is_correct
from dikast.tables.item import Item
from dikast.tables.judging import DEFAULT, Judging, ordered
from dikast.tables.labelled import Answer
from dikast.tables.oracle import POLICY, TableOracle, load_table_oracle, policy_of
from dikast.tables.own import is_right, same_item
from dikast.tables.questions import Gold, Question


@pytest.mark.parametrize(
    ("judging", "gold", "answer", "right"),
    [
        (DEFAULT, 0.67, 2 / 3, True),
        (Judging(abs_tol=0), 0.67, 2 / 3, False),
        (Judging(abs_tol=0.01), 0.67, 2 / 3, True),
        (Judging(abs_tol=0.001), 0.67, 2 / 3, False),
        (Judging(rel_tol=0.01), 1000, 1009, True),
        (Judging(rel_tol=0.01), 1000, 1011, False),
        (DEFAULT, 1000, 1009, False),
        (Judging(rel_tol=0.01), "$1,000", "1009", True),
        (Judging(rel_tol=0.01), "$1,000", "€1,000", False),
        (Judging(rel_tol=0.01), "45%", 0.4501, True),
        (Judging(rel_tol=0.01), "2024-01-05", "January 5, 2024", True),
        (Judging(rel_tol=0.01), "ann", "Ann", True),
        (Judging(rel_tol=0.01), ["ann", 100], [100.5, "ann"], True),
        (Judging(rel_tol=0.01), [["ann", 100], ["bob", 7]], [["bob", 7.01], ["ann", 100.5]], True),
        (Judging(rel_tol=0.01), [["ann", 100], ["bob", 7]], [["bob", 7.2], ["ann", 100.5]], False),
    ],
)
def test_a_tolerance_takes_the_place_of_rounding(judging: Judging, gold: object, answer: object, right: bool) -> None:
    assert is_right(gold, Answer.of(answer), judging=judging) is right


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["b", "a"], False),
        (["a", "b"], ["a", "a", "b"], False),
        ([["a", 1], ["b", 2]], [["a", 1], ["b", 2]], True),
        ([["a", 1], ["b", 2]], [["b", 2], ["a", 1]], False),
        ([[0.67], [1]], [[2 / 3], [1]], True),
        ([], [], True),
    ],
)
def test_order_counts_where_it_was_told(gold: object, answer: object, right: bool) -> None:
    assert is_right(gold, Answer.of(answer), ordered=True) is right
    assert is_right(gold, Answer.of(answer)) or len(Answer.of(answer)) == 3


def test_the_question_says_whether_order_counts(tmp_path: Path) -> None:
    said = {word: Question("1", "?", "t", gold=Gold(["a", "b"]), extra={"ordered": word}) for word in ("yes", "no", "")}
    plain = Question("1", "?", "t", gold=Gold(["a", "b"]))
    by_question, always = Judging(order="question"), Judging(order="same")
    assert [is_correct(said[word], ["b", "a"], PLAIN, by_question) for word in said] == [False, True, True]
    assert is_correct(plain, ["b", "a"], PLAIN, by_question)
    assert not is_correct(plain, ["b", "a"], PLAIN, always)
    assert is_correct(said["yes"], ["b", "a"])
    assert [ordered(value) for value in (True, "No", 1, None, "perhaps", 2)] == [True, False, True, False, None, None]


def oracle(folder: Path, judging: Judging = DEFAULT, **fields: object) -> TableOracle:
    (folder / "t.csv").write_text("a\n1\n", encoding="utf-8")
    row = {"id": "1", "question": "?", "table": "t", "answer": 1, **fields}
    (folder / "q.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    return TableOracle(folder, questions=folder / "q.jsonl", judging=judging, policy=policy_of(5_000))


def test_the_rules_are_part_of_what_a_run_is(tmp_path: Path) -> None:
    told = oracle(tmp_path, Judging(0.01, 0.5, "same"))
    again = load_table_oracle(told.spec)
    assert (again.judging, again.policy.answer_items, again.policy.answer_bytes) == (told.judging, 5_000, 320_000)
    assert told.fingerprint() == again.fingerprint()
    assert told.fingerprint()["judging"] == {"rel_tol": 0.01, "abs_tol": 0.5, "order": "same"}
    assert "judging" not in oracle(tmp_path).fingerprint()
    assert policy_of(POLICY.answer_items) == POLICY


def test_a_question_that_says_neither_is_told(tmp_path: Path) -> None:
    assert oracle(tmp_path, ordered=7).gold
    with pytest.raises(DataError, match=r"q.jsonl: field 'ordered': neither yes nor no \(question '1'\)"):
        _ = oracle(tmp_path, Judging(order="question"), ordered=7).gold


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"rel_tol": 1.0}, "rel_tol=1.0 is no share"),
        ({"abs_tol": -1.0}, "abs_tol=-1.0 is no difference"),
        ({"abs_tol": float("nan")}, "abs_tol=nan is no difference"),
        ({"order": "up"}, "order='up' is unknown"),
    ],
)
def test_rules_that_are_none_are_refused(bad: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Judging(**bad)
    with pytest.raises(UsageError, match="judging: could not convert"):
        Judging.of({"rel_tol": "much"})


def test_a_data_set_keeps_its_own_rule(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rel_tol: questions of the shape wtq are judged by its own rule"):
        TableOracle(tmp_path, shape="wtq", judging=Judging(rel_tol=0.1))


def test_of_long_answers_few_pairs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Item] = []

    def counted(gold: Item, answer: Item, judging: Judging = DEFAULT) -> bool:
        compared.append(gold)
        return same_item(gold, answer, judging)

    monkeypatch.setattr(own, "same_item", counted)
    numbers = [n + 0.333333 for n in range(1_000)]
    mixed = random.Random(0).sample(numbers, len(numbers))
    assert is_right(numbers, Answer.of([n + 2e-7 for n in mixed]))
    assert is_right(numbers, Answer.of([n + 3e-6 for n in mixed]), judging=Judging(abs_tol=1e-5))
    assert not is_right(numbers, Answer.of([*mixed[1:], 7.0]))
    places = list(range(500))
    rows = [[f"name {n % 7}", n + 0.3333] for n in places]
    assert is_right(rows, Answer.of([[f"name {n % 7}", n + 0.33333] for n in reversed(places)]))
    assert not is_right(rows, Answer.of([[f"name {n % 7}", n + 0.3433] for n in places]))
    assert len(compared) < 10_000


def test_rows_that_all_look_alike_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MOST_SCANNED", 100)
    rows = [["yes", "0.67"]] * 50
    assert not is_right(rows, Answer.of([["true", 2 / 3]] * 50))
    assert is_right(rows, Answer.of(rows))


TEXTS = st.lists(
    st.sampled_from(["1", "1.0", "1.0000001", "2", "$2", "€2", "45%", "0.45", "45", "yes", "true", "no", "0.67"])
    | st.sampled_from(["0.6667", "0.66666667", "2024-01-05", "January 5, 2024", "1:00:00", "3600", "a", "Á"])
    | st.floats(-3, 3).map(str),
    max_size=5,
)


@given(TEXTS, TEXTS, st.sampled_from([DEFAULT, Judging(rel_tol=0.01), Judging(abs_tol=0.3)]))
def test_looking_up_finds_what_comparing_each_with_each_finds(gold: list[str], given: list[str], how: Judging) -> None:
    golds, items = ([Item.of(text, PLAIN) for text in texts] for texts in (gold, given))
    each = all(any(same_item(one, other, how) for other in items) for one in golds)
    each = each and all(any(same_item(one, other, how) for one in golds) for other in items)
    each = each and len(distinct(list(map(read, gold)))) == len(distinct(list(map(read, given))))
    assert own.same_items(gold, given, PLAIN, how) is (each or (how == DEFAULT and denotation_correct(gold, given)))
    values = [distinct(list(map(read, texts))) for texts in (gold, given)]
    pairs = len(values[0]) == len(values[1]) and all(any(w.matches(g) for g in values[1]) for w in values[0])
    assert denotation_correct(gold, given) is pairs
