from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from dikast.tables.arrow import arrow_table
from dikast.tables.load import Format, load
from dikast.tables.table import frame
from tests.tables.test_load import pa, parquet, write


def test_arrow_types(tmp_path: Path):
    columns = {
        "word": pa.array(["a", "b"]).dictionary_encode(),
        "large": pa.array(["a", None], pa.large_string()),
        "money": pa.array([1, 2], pa.decimal128(9, 2)),
        "unsigned": pa.array([2**64 - 1, 0], pa.uint64()),
        "at": pa.array([0, 1], pa.timestamp("ms", "Europe/Paris")),
        "list": pa.array([[1], None]),
        "time": pa.array([datetime.time(10), None]),
        "nothing": pa.nulls(2),
    }
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table(columns), path)
    table = load(path)
    wanted = ["text", "text", "number", "integer", "datetime", "other", "other", "text"]
    assert [column.kind for column in table.columns] == wanted
    shown = frame(table)
    assert shown["unsigned"].tolist() == [2**64 - 1, 0]
    assert shown["money"].tolist() == [1.0, 2.0]
    assert shown["word"].tolist() == ["a", "b"]
    assert shown["list"].tolist()[0] == "[1]"
    assert shown["time"].tolist()[0] == "10:00:00"
    assert [problem.code for problem in table.problems] == ["other type", "other type"]


def test_repeated_headers_in_parquet(tmp_path: Path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table([pa.array([0.5]), pa.array([1]), pa.array(["x"])], names=["b", "a", "a"]), path)
    table = load(path)
    assert [column.name for column in table.columns] == ["b", "a", "a (2)"]
    assert frame(table).iloc[0].tolist() == [0.5, 1, "x"]
    assert arrow_table(table).column_names == ["b", "a", "a (2)"]


@pytest.mark.parametrize("format", ["parquet", "arrow", "duckdb", "sqlite", "excel"])
def test_as_arrow_under_a_schemas_names(tmp_path: Path, format: Format):
    table = arrow_table(load(write(tmp_path, format)), ["c1", "c2", "c3", "c4", "c5"])
    assert table.column_names == ["c1", "c2", "c3", "c4", "c5"]
    assert table["c2"].to_pylist() == [1, 2, 3]
