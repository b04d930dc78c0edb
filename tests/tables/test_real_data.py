"""The shared question sets: what must hold of every question in them."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dikast.tables.answers import denotation_correct, items
from dikast.tables.correctness import is_correct
from dikast.tables.load import load
from dikast.tables.questions import Question, Shape, Sql, read_questions
from dikast.tables.schema import ColumnSchema, describe
from dikast.tables.sql_results import judge_sequences, same_result
from dikast.tables.table import MemoryTable, frame, whole_column
from dikast.tables.taxonomy import labels


@pytest.fixture(scope="session")
def tables(shared_data: Path) -> Path:
    return shared_data / "tables"


@pytest.fixture(scope="session")
def solver() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "wikisql.py"
    spec = importlib.util.spec_from_file_location("wikisql", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def questions(tables: Path, name: str, shape: Shape) -> list[Question]:
    found = list(read_questions(tables / shape / f"{name}.jsonl", shape))
    assert len(found) > 100
    return found


@cache
def table(path: Path):
    return load(path)


def test_wikitablequestions_gold_against_gold(tables: Path):
    for name in ("test", "dev"):
        for question in questions(tables, name, "wtq"):
            assert denotation_correct(question.target, question.target, question.canonical), question.id
            if question.canonical:
                assert denotation_correct(question.target, question.canonical, question.canonical), question.id


def test_wikitablequestions_gold_of_another_question_is_wrong(tables: Path):
    """A judge that takes everything for right would pass the test above."""
    found = questions(tables, "test", "wtq")
    pairs = list(pairwise(found))
    crossed = sum(denotation_correct(one.target, other.target, one.canonical) for one, other in pairs)
    assert crossed < len(found) / 20


@pytest.mark.parametrize("shape", ["wtq", "wikisql", "sqa"])
def test_the_oracles_rule_takes_gold_for_right_and_another_questions_gold_for_wrong(tables: Path, shape: Shape):
    found = questions(tables, "test", shape)
    assert all(is_correct(question, question.target) for question in found)
    crossed = sum(is_correct(one, other.target) is True for one, other in pairwise(found))
    assert crossed < len(found) / 10


def test_answer_types_are_those_of_the_release(tables: Path):
    lines = (tables / "wtq" / "test.jsonl").read_text().splitlines()
    release = Counter(json.loads(line)["target_type"].replace("string", "text") for line in lines)
    assert Counter(labels(question)["answer_type"] for question in questions(tables, "test", "wtq")) == release


def test_sqa_coordinates_hold_their_answers(tables: Path):
    found = questions(tables, "test", "sqa")
    gold: dict[str, dict[int, frozenset[tuple[int, int]]]] = {}
    for question in found:
        assert question.coordinates is not None
        gold.setdefault(question.sequence, {})[question.position] = question.coordinates
        held = table(tables / "sqa" / "tables" / f"{question.table}.csv")
        assert all(row < held.rows and column < len(held.columns) for row, column in question.coordinates)
    right = judge_sequences(gold, gold)
    assert (right.questions, right.questions_correct) == (len(found), len(found))
    assert right.sequences == right.sequences_correct == len(gold)


@pytest.mark.parametrize("name", ["wtq", "sqa", "tabfact", "wikisql"])
def test_every_table_loads_whole(tables: Path, name: str):
    for path in sorted((tables / name / "tables").glob("*.csv")):
        loaded = table(path)
        assert isinstance(loaded, MemoryTable)
        assert len({column.name for column in loaded.columns}) == len(loaded.columns)
        assert all(len(whole_column(loaded, at)) == loaded.rows for at in range(len(loaded.columns)))


def run(program: str, path: Path) -> Sequence[str]:
    """Run one of our own compiled programs; nobody else's text comes here."""
    names: dict[str, Any] = {"df": frame(table(path))}
    exec(program, names)
    answer = json.dumps(names["answer"], default=lambda value: value.item())
    return items(json.loads(answer, parse_constant=lambda _: None))


def test_wikisql_programs_give_the_gold_results(tables: Path, solver: ModuleType):
    wrong: list[tuple[str, str]] = []
    for question in questions(tables, "test", "wikisql"):
        path = tables / "wikisql" / "tables" / f"{question.table}.csv"
        program = solver.compile_program(question.sql, describe(table(path)).columns)
        if not same_result(question.target, run(program, path)):
            wrong.append((question.id, program))
    assert wrong == []


def test_programs_are_made_from_the_schema_alone(solver: ModuleType):
    columns = [ColumnSchema("Team's", "text"), ColumnSchema("Rank", "text"), ColumnSchema("Points", "integer")]
    sql = Sql(2, "MAX", ((0, "=", "A\u00a0B"), (1, ">", 5), (2, "=", "1,234")))
    assert solver.compile_program(sql, columns).splitlines() == [
        "import pandas as pd",
        "rows = df",
        "rows = rows[rows[\"Team's\"].str.lower() == 'a b']",
        r"numeric = df['Rank'].dropna().str.fullmatch('[+-]?(\\d[\\d,]*(\\.\\d+)?|\\.\\d+)').all()",
        'rows = rows[pd.to_numeric(rows[\'Rank\'].str.replace(",", ""), errors="coerce") > 5'
        " if numeric else rows['Rank'].str.lower() > '5']",
        "rows = rows[rows['Points'] == 1234]",
        "answer = rows['Points'].max()",
    ]
