"""The files of `dikast tables run`: which table stands where, and what becomes a game. Nothing here runs a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.hidden_tables.context import Context
from dikast.graphs.hidden_tables.options import (
    Options,
    Reading,
    find_tables_folder,
    games_of,
    make_fields,
    notes,
    oracle_of,
    read_games,
)
from dikast.graphs.method import Given
from dikast.sandbox import Tier
from dikast.tables.judging import Judging
from dikast.tables.oracle import TableOracle

ONE = {"id": "one", "question": "how many?", "table": "points", "answer": "2"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "points.csv").write_text("name,points\nann,3\nbob,7\n", encoding="utf-8")
    return tmp_path


def questions(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def opened(path: Path, **more: Any) -> TableOracle:
    oracle = make_fields(Options(questions=path, **more), Given({}))["oracle"]
    assert isinstance(oracle, TableOracle)
    return oracle


def test_without_questions_nothing_is_played() -> None:
    with pytest.raises(UsageError, match=r"no questions \(give --questions FILE\)"):
        make_fields(Options(), Given({}))


def test_tables_are_looked_for_beside_the_questions(folder: Path) -> None:
    path = folder / "questions.jsonl"
    assert find_tables_folder(path) == folder / "tables"
    (folder / "tables").rename(folder / "others")
    assert find_tables_folder(path) == folder


def test_a_place_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(DataError, match="none: no such file or folder"):
        Reading().open_oracle(folder / "none")


def test_tables_are_read_as_it_is_said_and_else_as_ever(folder: Path) -> None:
    path = questions(folder, ONE)
    plain, told = opened(path), opened(path, delimiter=";", dayfirst=True, tier="none", program_seconds=2.0)
    assert "delimiter" not in plain.spec
    assert "dayfirst" not in plain.spec
    assert "delimiter=%3B" in told.spec or "delimiter=;" in told.spec
    assert "dayfirst" in told.spec
    assert (told.policy.wall_s, told.policy.tier) == (2.0, Tier.NONE)
    assert plain.policy.tier is None


def test_a_game_is_a_question_without_its_answer(folder: Path) -> None:
    oracle = opened(questions(folder, ONE, {**ONE, "id": "two"}))
    row = {"id": "one", "table": "points", "question": "how many?"}
    assert games_of(oracle) == [row, {**row, "id": "two"}]
    context = Context.model_construct(oracle=oracle)
    assert read_games(Options(), context) == games_of(oracle)


def test_questions_of_one_sequence_are_one_game_in_their_order(folder: Path) -> None:
    header = "id\tannotator\tposition\tquestion\ttable_file\tanswer_coordinates\tanswer_text\n"
    lines = "s\t0\t1\tof these?\tpoints.csv\t['(0, 0)']\t['ann']\n" + "s\t0\t0\twho?\tpoints.csv\t['(0, 0)']\t['ann']\n"
    path = folder / "sqa.tsv"
    path.write_text(header + lines, encoding="utf-8")
    [game] = games_of(opened(path, shape="sqa", tables=folder / "tables"))
    assert (game["question"], [one["question"] for one in game["follow_ups"]]) == ("who?", ["of these?"])


def test_a_question_whose_table_is_not_there_is_told_before_anything_runs(folder: Path) -> None:
    oracle = opened(questions(folder, ONE, {**ONE, "id": "lost", "table": "nowhere"}))
    with pytest.raises(DataError, match="question 'lost': ") as raised:
        games_of(oracle)
    assert "nowhere" in str(raised.value)


def test_where_nothing_can_be_judged_it_is_said(folder: Path) -> None:
    open_ = {name: value for name, value in ONE.items() if name != "answer"}
    for rows, said in (([open_], True), ([open_, {**ONE, "id": "two"}], False)):
        context = Context.model_construct(oracle=opened(questions(folder, *rows)))
        assert any("no question has an answer" in note for note in notes(Options(), context, [])) is said


def test_an_oracle_without_files_cannot_be_listed() -> None:
    with pytest.raises(UsageError, match="the oracle holds no files"):
        oracle_of(Context.model_construct(oracle=object()))


def test_how_to_judge_and_how_long_answers_may_be_are_options(folder: Path) -> None:
    path = questions(folder, ONE)
    told = opened(path, rel_tol=0.01, order="same", max_values=2_000)
    assert (told.judging, told.policy.answer_items) == (Judging(rel_tol=0.01, order="same"), 2_000)
    assert (opened(path).judging, opened(path).policy.answer_items) == (Judging(), 1_000)
