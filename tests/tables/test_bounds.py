"""Workbooks and databases are read within bounds (readxl #69): no test here looks at a clock."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.optional import needs
from dikast.tables import bounds
from dikast.tables.load import load
from dikast.tables.table import frame

openpyxl: Any = needs("openpyxl")
duckdb: Any = needs("duckdb")

ENDLESS = "with recursive t(n) as (select 1 union all select n + 1 from t) select n from t"
SALES = [("region", "amount"), ("north", 3), ("south", 7)]


def workbook(path: Path, rows: list[Any] = SALES) -> tuple[Any, Any]:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book, book.active


@pytest.mark.parametrize(("row", "column"), [(50, 1), (100_000, 30), (1_048_576, 16_384), (2, 40)])
@pytest.mark.parametrize("stray", ["space", "bold"])
def test_what_is_blank_at_the_end_is_left_out_and_told(tmp_path: Path, row: int, column: int, stray: str) -> None:
    book, sheet = workbook(tmp_path)
    if stray == "space":
        sheet.cell(row=row, column=column).value = " "
    else:
        sheet.cell(row=row, column=column).font = openpyxl.styles.Font(bold=True)
    book.save(tmp_path / "t.xlsx")
    table = load(tmp_path / "t.xlsx")
    assert frame(table).to_numpy().tolist() == [["north", 3], ["south", 7]]
    told = {problem.code: problem.count for problem in table.problems}
    wanted = {"blank rows": row - 3 if row > 3 else 0, "blank columns": column - 2 if column > 2 else 0}
    assert told == {code: count for code, count in wanted.items() if count}


def test_blank_rows_between_others_stay(tmp_path: Path) -> None:
    book, _ = workbook(tmp_path, [*SALES, (None, None), ("east", None)])
    book.save(tmp_path / "t.xlsx")
    table = load(tmp_path / "t.xlsx")
    assert (table.rows, frame(table)["region"].tolist()[3], table.problems) == (4, "east", ())


def test_a_formula_without_a_value_at_the_end_is_no_blank(tmp_path: Path) -> None:
    book, _ = workbook(tmp_path, [*SALES, (None, "=SUM(B2:B3)")])
    book.save(tmp_path / "t.xlsx")
    table = load(tmp_path / "t.xlsx")
    assert table.rows == 3
    assert [(problem.code, problem.line) for problem in table.problems] == [("formulas", 4)]


def test_a_sheets_header_may_be_told(tmp_path: Path) -> None:
    book, _ = workbook(tmp_path, [("Sales report", None), (None, None), *SALES])
    book.save(tmp_path / "t.xlsx")
    told: list[dict[str, Any]] = [{"skip_rows": 2}, {"header": 3}]
    for options in told:
        table = load(tmp_path / "t.xlsx", **options)
        assert [column.name for column in table.columns] == ["region", "amount"]
        assert [column.kind for column in table.columns] == ["text", "integer"]
    assert [column.name for column in load(tmp_path / "t.xlsx", skip_rows=3, header=0).columns] == [
        "column_1",
        "column_2",
    ]
    with pytest.raises(DataError, match="there is no row 10"):
        load(tmp_path / "t.xlsx", skip_rows=9)


def test_types_that_were_given_reach_every_format(tmp_path: Path) -> None:
    book, _ = workbook(tmp_path, [("p", "id"), ("45%", 1), ("5 %", 22)])
    book.save(tmp_path / "t.xlsx")
    table = load(tmp_path / "t.xlsx", types={"p": "number", "id": "text"})
    assert frame(table).to_numpy().tolist() == [[45.0, "1"], [5.0, "22"]]
    connection = sqlite3.connect(tmp_path / "t.db")
    connection.execute("create table t (day text, n integer)")
    connection.execute("insert into t values ('03/04/2005', 1), (null, 2)")
    connection.commit()
    connection.close()
    found: Any = frame(load(tmp_path / "t.db", types={"day": "date"}, dayfirst=True))
    days = found["day"]
    assert days.dt.strftime("%Y-%m-%d").tolist()[0] == "2005-04-03"
    assert days.isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_CELLS", 5), ("MAX_ROWS", 2), ("MAX_BYTES", 100), ("SHEET_SECONDS", 0.0)]
)
def test_a_workbook_beyond_a_limit_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: float
) -> None:
    book, _ = workbook(tmp_path)
    book.save(tmp_path / "t.xlsx")
    monkeypatch.setattr(bounds, limit, value)
    with pytest.raises(DataError, match=r"t\.xlsx: (more than|unpacks to|takes more than)"):
        load(tmp_path / "t.xlsx")


def test_a_zip_that_unpacks_to_gigabytes_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, _ = workbook(tmp_path)
    book.save(tmp_path / "t.xlsx")
    monkeypatch.setattr(bounds, "MAX_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "t.xlsx", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", bytes(2 << 20))

    def unpack(*_: object) -> None:
        pytest.fail("unpacked")

    monkeypatch.setattr("dikast.tables.excel._read", unpack)
    with pytest.raises(DataError, match="unpacks to 2 MiB"):
        load(tmp_path / "t.xlsx")


def sqlite(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


@pytest.mark.parametrize("format", ["sqlite", "duckdb"])
def test_a_view_without_end_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.setattr(bounds, "DATABASE_SECONDS", 0.05)
    monkeypatch.setattr(bounds, "CLOCK_SECONDS", 0.05)
    path = tmp_path / f"t.{format}"
    if format == "sqlite":
        sqlite(path, f"create view v as {ENDLESS}")
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(f"create view v as {ENDLESS}")
    with pytest.raises(DataError, match=r"takes more than 0\.05 seconds to read"):
        load(path)


def test_a_views_rows_may_be_endless_work_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = f"(select max(n) from ({ENDLESS}) where n > a)"
    table = load(sqlite(tmp_path / "t.db", "create table t (a)", "insert into t values (1)"))
    sqlite(tmp_path / "t.db", "alter table t rename to u", f"create view t as select {endless} a from u")
    monkeypatch.setattr(bounds, "DATABASE_SECONDS", 0.05)
    with pytest.raises(DataError, match="takes more than"):
        list(table.chunks([0]))


def test_a_database_beyond_a_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sqlite(
        tmp_path / "t.db", "create table t (a text, b)", "insert into t values (hex(zeroblob(999)), 1), ('', 2)"
    )
    table = load(path)
    monkeypatch.setattr(bounds, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="MiB of text"):
        list(table.chunks([0]))
    monkeypatch.setattr(bounds, "MAX_CELLS", 3)
    with pytest.raises(DataError, match="more than 3 cells"):
        load(path)


def test_one_cell_of_gigabytes_is_not_made(tmp_path: Path) -> None:
    path = sqlite(tmp_path / "t.db", "create view v as select zeroblob(500000000) as a")
    with pytest.raises(DataError, match="cannot be read as SQLite"):
        list(load(path).chunks([0]))
