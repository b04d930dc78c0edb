from __future__ import annotations

import sqlite3
from pathlib import Path

from dikast.tables.load import load
from dikast.tables.table import frame, whole_column
from tests.tables.test_load import write


def test_sqlite_types_by_cell(tmp_path: Path):
    table = load(write(tmp_path, "sqlite"))
    assert [column.kind for column in table.columns] == ["text", "integer", "number", "integer", "text"]
    assert [len(counts) for (counts,) in table.chunks([1], 2)] == [2, 1]
    assert frame(table)["day"].tolist()[0] == "2004-03-12"
    assert frame(table).isna().sum().tolist() == [1, 0, 1, 0, 1]


def test_sqlite_columns_of_mixed_types_are_text_and_told(tmp_path: Path):
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.execute('create table "odd ""name" (a integer, b blob)')
    connection.executemany('insert into "odd ""name" values (?, ?)', [(1, b"\x01"), ("x", None), (2.5, None)])
    connection.commit()
    connection.close()
    table = load(path)
    assert whole_column(table, 0).tolist() == ["1", "x", "2.5"]
    assert table.columns[1].kind == "other"
    assert whole_column(table, 1).tolist() == ["01", None, None]
    assert [(problem.code, problem.column) for problem in table.problems] == [("mixed types", "a")]
