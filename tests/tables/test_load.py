"""Parquet, Arrow, DuckDB, SQLite and Excel: one table, the same whichever file it comes from."""

from __future__ import annotations

import datetime
import sqlite3
import traceback
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from dikast.errors import DataError
from dikast.optional import needs
from dikast.tables.load import Format, load
from dikast.tables.table import Table, digest, frame

pa: Any = needs("pyarrow")
parquet: Any = needs("pyarrow.parquet")
duckdb: Any = needs("duckdb")
openpyxl: Any = needs("openpyxl")

DAY = datetime.date(2004, 3, 12)
HEADER = ["name", "count", "share", "open", "day"]
ROWS: list[list[object]] = [
    ["Zoë", 1, 0.5, True, DAY],
    ["1,234", 2, 2.0, False, DAY + datetime.timedelta(1)],
    [None, 3, None, True, None],
]
SQLITE_ROWS = [[row[0], row[1], row[2], int(bool(row[3])), row[4] and str(row[4])] for row in ROWS]


def arrow() -> Any:
    types = [pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32()]
    columns = [pa.array(cells, kind) for cells, kind in zip(zip(*ROWS, strict=True), types, strict=True)]
    return pa.table(columns, names=HEADER)


def write(folder: Path, format: Format) -> Path:
    path = folder / f"sales.{format}"
    if format == "parquet":
        parquet.write_table(arrow(), path, row_group_size=2)
    elif format == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, arrow().schema) as writer:
            writer.write_table(arrow(), max_chunksize=2)
    elif format == "duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.register("source", arrow())
            connection.sql("create table sales as select * from source")
    elif format == "sqlite":
        connection = sqlite3.connect(path)
        connection.execute("create table sales (name text, count, share, open, day)")
        connection.executemany("insert into sales values (?, ?, ?, ?, ?)", SQLITE_ROWS)
        connection.commit()
        connection.close()
    else:
        path = folder / "sales.xlsx"
        book = openpyxl.Workbook()
        for row in [HEADER, *ROWS]:
            book.active.append(row)
        book.save(path)
    return path


@pytest.mark.parametrize("format", ["parquet", "arrow", "duckdb", "excel"])
@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_typed_files_agree(tmp_path: Path, format: Format, rows: int):
    table = load(write(tmp_path, format))
    assert (table.name, table.rows, table.problems) == ("sales", 3, ())
    assert [column.name for column in table.columns] == HEADER
    assert [column.kind for column in table.columns] == ["text", "integer", "number", "boolean", "date"]
    chunks = list(table.chunks([4, 1], rows))
    assert all(0 < len(days) == len(counts) <= rows for days, counts in chunks)
    assert np.concatenate([counts for _, counts in chunks]).tolist() == [1, 2, 3]
    shown = frame(table)
    assert shown["name"].tolist()[:2] == ["Zoë", "1,234"]
    assert shown["day"].dt.strftime("%Y-%m-%d").tolist()[:2] == ["2004-03-12", "2004-03-13"]
    assert shown.isna().sum().tolist() == [1, 0, 1, 0, 1]
    assert shown["open"].tolist() == [True, False, True]


def test_a_cell_that_cannot_be_read_is_in_no_message(tmp_path: Path):
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (a text)")
    connection.execute("insert into t values (cast(x'736563726574ff' as text))")
    connection.commit()
    connection.close()
    duck = tmp_path / "t.duckdb"
    opened = needs("duckdb").connect(str(duck))
    opened.execute("create table held as select 'secretann' as a")
    opened.execute("create view t as select cast(a as integer) as a from held")
    opened.close()
    for table in (load(path), load(duck, table="t")):
        with pytest.raises(DataError, match="cannot be read") as told:
            list(table.chunks([0]))
        assert "secret" not in "".join(traceback.format_exception(told.value))


def test_a_column_that_misses_cells_in_one_chunk_only(tmp_path: Path):
    big = 2**60 + 1
    for values in ([1, None, 3], [big, None, 3], [big, 2, 3]):
        path = tmp_path / "t.arrow"
        source = pa.table({"n": pa.array(values, pa.int64())})
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, source.schema) as writer:
            writer.write_table(source, max_chunksize=1)
        parquet.write_table(source, tmp_path / "t.parquet")
        for table in (load(path), load(tmp_path / "t.parquet")):
            column = cast(Any, frame(table))["n"]
            assert column.isna().tolist() == [value is None for value in values]
            assert [int(value) for value in column.dropna().tolist()] == [
                value for value in values if value is not None
            ]


@pytest.mark.parametrize("format", ["parquet", "arrow", "duckdb", "sqlite", "excel"])
def test_files_that_are_something_else(tmp_path: Path, format: Format):
    path = tmp_path / "t"
    path.write_bytes(b"neither this nor that" * 100)
    with pytest.raises(DataError, match=str(path)):
        load(path, format=format)


@pytest.mark.parametrize("format", ["sqlite", "duckdb"])
def test_which_table_of_a_database(tmp_path: Path, format: Format):
    path = write(tmp_path, format)
    connection = sqlite3.connect(path) if format == "sqlite" else duckdb.connect(str(path))
    connection.execute("create table other (x integer)")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match=r"which table\? \(tables: other, sales\)"):
        load(path)
    with pytest.raises(DataError, match="no table is called 'sale'"):
        load(path, table="sale")
    other = load(path, table="other")
    assert (other.name, other.rows, frame(other).shape) == ("other", 0, (0, 1))


def test_damage_behind_the_head_is_told_when_it_is_read(tmp_path: Path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"n": list(range(10_000))}), path)
    data = bytearray(path.read_bytes())
    data[100:20_000] = bytes(len(data[100:20_000]))
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"t\.parquet: cannot be read as parquet"):
        frame(load(path))
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.execute("create table t (a text)")
    connection.execute("insert into t values (cast(x'ff41' as text))")
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match=r"t\.db: cannot be read as SQLite"):
        frame(load(path))


def test_digest_follows_the_content(tmp_path: Path):
    one, two = tmp_path / "a.csv", tmp_path / "b.csv"
    one.write_text("a\n1\n")
    two.write_text("a\n1\n")
    tables: list[Table] = [load(one), load(two)]
    assert digest(tables[0]) == digest(tables[1])
    two.write_text("a\n2\n")
    assert digest(load(one)) != digest(load(two))
