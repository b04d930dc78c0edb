"""Execution accuracy by the rules of Spider and BIRD, gold queries that are hostile, and files of their shapes."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import DataError
from dikast.graphs.hidden_tables.options import find_tables_folder, games_of
from dikast.tables import execution, gold_sql
from dikast.tables.correctness import is_ordered
from dikast.tables.execution import Rule, cell_of, has_order, is_same
from dikast.tables.gold_sql import GoldError, run_gold
from dikast.tables.judging import DEFAULT, Judging
from dikast.tables.oracle import TableOracle
from dikast.tables.questions import Query, read_questions
from dikast.tables.report import by_category
from dikast.tables.taxonomy import labels
from tests.tables.databases import BIRD, SPIDER, released


def same(gold: Any, answer: Any, table: Any, rule: Rule, judging: Judging = DEFAULT, *, ordered: bool = False) -> bool:
    return is_same(gold, answer, table, rule, judging, ordered=ordered)


A, B = ("ann", 3), ("bob", 7)


@pytest.mark.parametrize(
    ("gold", "answer", "spider", "bird"),
    [
        ([A, B], [["ann", 3], ["bob", 7]], True, True),
        ([A, B], [["bob", 7], ["ann", 3]], True, True),
        ([A, B], [[3, "ann"], [7, "bob"]], True, False),
        ([A, B], [["ann", 7], ["bob", 3]], False, False),
        ([A, A, B], [["ann", 3], ["bob", 7]], False, True),
        ([A, B], [["ann", 3], ["bob", 7], ["bob", 7]], False, True),
        ([A, B], [["ann"], ["bob"]], False, False),
        ([A], [["ann", 3, 3]], False, False),
        ([("ann",), ("bob",)], ["bob", "ann"], True, True),
        ([("Ann",)], ["ann"], False, False),
        ([(3,)], 3, True, True),
        ([(3,)], [3.0], True, True),
        ([(3,)], "3", True, True),
        ([("3",)], 3, True, True),
        ([("007",)], 7, False, False),
        ([(1,)], True, True, True),
        ([(None,)], [[None]], True, True),
        ([(None,)], None, False, False),
        ([("",)], [[None]], False, False),
        ([], [], True, True),
        ([], None, True, True),
        ([], [1], False, False),
        ([(1,)], [], False, False),
        ([A], ["ann", 3], True, True),
        ([A, B], {"ann": 3, "bob": 7}, True, True),
        ([A, B], [{"n": "ann", "v": 3}, {"n": "bob", "v": 7}], True, True),
        ([(0.1 + 0.2,)], 0.3, True, True),
        ([(0.3,)], 0.30001, False, False),
        ([(2**60 + 1,)], 2**60 + 1, True, True),
        ([(2**60 + 1,)], 2**60, False, False),
        ([(b"x",)], "78", True, True),
        ([(1, 2), (2, 1)], [[2, 1], [1, 2]], True, True),
        ([(1, 1), (2, 2)], [[1, 2], [2, 1]], False, False),
    ],
)
def test_what_is_the_gold_result(gold: Any, answer: Any, spider: bool, bird: bool) -> None:
    assert same(gold, answer, None, "spider") is spider
    assert same(gold, answer, None, "bird") is bird


def test_a_grouped_answer_is_met_with_its_labels() -> None:
    table: Any = {"columns": ["name", "n"], "rows": [["ann", 3], ["bob", 7]]}
    assert same([A, B], [3, 7], table, "spider")
    assert same([(3,), (7,)], [3, 7], table, "spider")
    assert not same([("ann", 7), ("bob", 3)], [3, 7], table, "spider")


@pytest.mark.parametrize("rule", ["spider", "bird"])
def test_order_counts_where_it_is_said(rule: Rule) -> None:
    back = [["bob", 7], ["ann", 3]]
    assert same([A, B], back, None, rule)
    assert not same([A, B], back, None, rule, ordered=True)
    assert same([A, B], back[::-1], None, rule, ordered=True)
    assert not same([A, A, B], back[::-1], None, rule, ordered=True)
    near = [["ann", 3.04], ["bob", 7.0]]
    assert not same([A, B], near, None, rule)
    assert same([A, B], near, None, rule, Judging(abs_tol=0.05))


def test_who_says_whether_order_counts(tmp_path: Path) -> None:
    plain, sorted_ = (Query(text, "spider") for text in ("select a from t", "SELECT a FROM t ORDER\n BY a"))
    assert (has_order(plain.text), has_order(sorted_.text)) == (False, True)
    questions = list(read_questions(released(tmp_path) / "dev.json", "spider"))
    assert [is_ordered(question, DEFAULT) for question in questions] == [False, True, False]
    assert [is_ordered(question, Judging(order="any")) for question in questions] == [False] * 3
    assert [is_ordered(question, Judging(order="same")) for question in questions] == [True] * 3
    [first, *_] = read_questions(tmp_path / "bird.json", "bird")
    assert not is_ordered(first, DEFAULT)


CELLS = st.sampled_from([None, 0, 1, 2.5, "a", "b", "1"])


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), max_size=4)), st.randoms())
def test_the_rules_are_what_trying_everything_finds(gold: list[Any], chance: random.Random) -> None:
    width = len(gold[0]) if gold else 1
    columns = chance.sample(range(width), width)
    given = [[row[at] for at in columns] for row in chance.sample(gold, len(gold))]
    assert same(gold, given, None, "spider") or not gold
    if given and chance.random() < 0.5:
        given[0][0] = "other"
    plain, mine = ([tuple(map(cell_of, row)) for row in rows] for rows in (gold, given))
    orders = [[tuple(row[at] for at in order) for row in mine] for order in itertools.permutations(range(width))]
    key = str
    assert same(gold, given, None, "spider") is any(sorted(plain, key=key) == sorted(one, key=key) for one in orders)
    assert same(gold, given, None, "bird") is (set(plain) == set(mine))


def test_many_rows_that_are_only_near(monkeypatch: pytest.MonkeyPatch) -> None:
    gold = [(n, n + 0.1) for n in range(3000)]
    near = [[n, n + 0.1 + 1e-12] for n in range(3000)]
    assert same(gold, near[::-1], None, "spider")
    assert same(gold, near[::-1], None, "bird")
    assert not same(gold, [*near[1:], [0, 0.2]], None, "spider")
    monkeypatch.setattr(execution, "MOST_PAIRS", 8)
    apart: Any = [[0.9999994, "b"], [1.0000006, "a"], [7.0, "c"]]  # sorted otherwise than the gold rows
    wide = Judging(abs_tol=1e-5)
    assert not same([(1.0000004, "b"), (1.0000002, "a"), (7.000001, "c")], apart, None, "bird", wide)
    monkeypatch.undo()
    assert same([(1.0000004, "b"), (1.0000002, "a"), (7.000001, "c")], apart, None, "bird", wide)


@pytest.mark.parametrize(
    ("query", "works_without"),
    [
        ("attach '{folder}/other.sqlite' as other", True),
        ("insert into people values (9, 'eve', 'x')", True),
        ("delete from people", True),
        ("create table made (a)", True),
        ("pragma user_version = 7", True),
        ("vacuum into '{folder}/copy.sqlite'", True),
        ("select load_extension('evil')", False),
        ("select nope from people", False),
        ("selec 1", False),
        ("select 1; select 2", False),
        ("", False),
    ],
)
def test_a_gold_query_reads_and_nothing_else(tmp_path: Path, query: str, works_without: bool) -> None:
    path = released(tmp_path) / "database" / "shop" / "shop.sqlite"
    told = query.format(folder=tmp_path)
    before = path.read_bytes()
    if query:
        with pytest.raises(GoldError, match=r"shop\.sqlite: the gold query does not run"):
            run_gold(path, told)
    assert path.read_bytes() == before
    assert not (tmp_path / "copy.sqlite").exists()
    assert not (tmp_path / "other.sqlite").exists()
    if works_without:  # an attack counts if it works where nothing stands in its way
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute(told)
        assert path.read_bytes() != before or (tmp_path / "copy.sqlite").exists() or "attach" in told


def test_a_gold_query_has_an_end_and_its_errors_quote_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = released(tmp_path) / "database" / "shop" / "shop.sqlite"
    assert run_gold(path, "select count(*) from people;") == [(3,)]
    monkeypatch.setattr(gold_sql, "MOST_VALUES", 1000)
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select {} from n"
    with pytest.raises(GoldError, match="more than 1,000 values"):
        run_gold(path, endless.format("i"))
    monkeypatch.setattr(gold_sql, "SECONDS", 0.05)
    with pytest.raises(GoldError, match=r"takes too much: 0\.05 seconds"):
        run_gold(path, endless.format("count(*)"))
    monkeypatch.undo()
    with pytest.raises(GoldError) as told:
        run_gold(path, "select json_extract(name, '$') from people where name = 'ann'")
    assert "ann" not in str(told.value)


def test_files_as_released(tmp_path: Path) -> None:
    folder = released(tmp_path)
    [first, second, third] = read_questions(folder / "dev.json", "spider")
    assert (first.id, first.text, first.table) == ("1", "How many people are there?", "shop/shop.sqlite")
    assert [one.query for one in (first, second, third)] == [Query(row["query"], "spider") for row in SPIDER]
    [capital, cities, _] = read_questions(folder / "bird.json", "bird")
    assert (capital.id, capital.text) == ("7", "How many from the capital of Norway?\nEvidence: it is Oslo")
    assert (cities.text, cities.query) == ("Which cities?", Query(BIRD[1]["SQL"], "bird"))
    assert {"database": "shop", "ordered": False, "difficulty": "simple"}.items() <= labels(capital).items()
    assert find_tables_folder(folder / "dev.json") == folder / "database"


def test_a_row_without_its_database_is_told(tmp_path: Path) -> None:
    folder = released(tmp_path)
    for row, told in (
        ({"question": "?"}, r"q\.json: row 1: field 'db_id': missing"),
        ({"question": "?", "db_id": "gone"}, r"question '1': .*no table is called 'gone/gone.sqlite'"),
        ({"question": "?", "db_id": "../.."}, r"is not inside the folder"),
    ):
        (folder / "q.json").write_text(json.dumps([row]), encoding="utf-8")
        with pytest.raises(DataError, match=told):
            games_of(TableOracle(folder / "database", questions=folder / "q.json", shape="spider"))


def rows_of(oracle: TableOracle, id_: str) -> object:
    question = oracle.gold[id_]
    assert question.query is not None
    return oracle._golds.rows(question, question.query, oracle.library.path(question.table))


def test_a_gold_query_that_does_not_run_is_not_judged_and_counted(tmp_path: Path) -> None:
    oracle = TableOracle(released(tmp_path) / "database", questions=tmp_path / "bird.json", shape="bird")
    [*_, broken] = oracle.gold.values()
    assert rows_of(oracle, broken.id) is None
    assert oracle.unanswered(broken.id) is False
    turns = {"7": {"status": "ok", "correct": True}, "9": {"status": "ok", "correct": None}}
    [whole, *_] = by_category(turns, oracle.gold.values(), lambda _: None)
    assert (whole.asked, whole.judged, whole.correct) == (3, 2, 1)


def test_results_of_gold_queries_are_kept_until_the_file_changes(tmp_path: Path) -> None:
    oracle = TableOracle(released(tmp_path) / "database", questions=tmp_path / "dev.json", shape="spider")
    question = oracle.gold["1"]
    assert rows_of(oracle, "1") == [(3,)]
    with sqlite3.connect(oracle.library.path(question.table)) as connection:
        connection.execute("insert into people values (4, 'dan', 'Bern')")
    connection.close()
    assert rows_of(oracle, "1") == [(4,)]
