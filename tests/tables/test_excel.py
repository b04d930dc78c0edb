from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.tables.load import load
from dikast.tables.table import whole_column
from tests.tables.test_load import openpyxl


def test_excel_tells_what_a_reader_would_not_see(tmp_path: Path):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in [["a", "b", "c"], [1, "x", "=1+1"], ["two", "y", None], [3, "#DIV/0!", None]]:
        sheet.append(row)
    sheet["B4"].data_type = "e"
    sheet.merge_cells("A2:A3")
    path = tmp_path / "t.xlsx"
    book.save(path)
    told = {problem.code: problem.line for problem in load(path).problems}
    assert told == {"merged cells": None, "formulas": 2, "error cells": 4}


def test_excel_sheets(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([1, "x"])
    book.active.append(["two", datetime.datetime(2004, 3, 12, 10)])
    book.create_sheet("empty")
    path = tmp_path / "t.xlsx"
    book.save(path)
    with pytest.raises(DataError, match=r"which table\? \(tables: Sheet, empty\)"):
        load(path)
    with pytest.raises(DataError, match="sheet 'empty' is empty"):
        load(path, table="empty")
    table = load(path, table="Sheet")
    assert [column.kind for column in table.columns] == ["text", "text"]
    assert whole_column(table, 0).tolist() == ["1", "two"]
    assert [problem.code for problem in table.problems] == ["mixed types", "mixed types"]


def test_excel_integers_beyond_64_bits_are_numbers(tmp_path: Path):
    book = openpyxl.Workbook()
    for cell in ["n", 10**20, 1]:
        book.active.append([cell])
    path = tmp_path / "t.xlsx"
    book.save(path)
    assert whole_column(load(path), 0).tolist() == [1e20, 1.0]
