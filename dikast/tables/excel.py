"""One sheet of an Excel workbook to a `MemoryTable`: the stored values, typed as the workbook types them.

The first row is the header. A column that mixes types becomes text; merged cells, formulas without a stored value and
error cells (`#DIV/0!`) are told, since each reads as something else than what a person sees.
"""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.optional import needs
from dikast.tables.duck import pick_table
from dikast.tables.headers import clean_headers
from dikast.tables.table import Column, Kind, MemoryTable, Problem, Values
from dikast.tables.values import MAX_INTEGER, array_of, kind_of


def read_excel(path: Path, sheet: str | None = None) -> MemoryTable:
    """Read a sheet.

    Args:
        path: An .xlsx or .xlsm file.
        sheet: Its name; may be left out where there is only one.

    Raises:
        DataError: The file is no workbook, the sheet is empty, not told or not there; the message lists the sheets.
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = needs("openpyxl")
    try:
        book = openpyxl.load_workbook(path, data_only=True)
        formulas = openpyxl.load_workbook(path)
    except (zipfile.BadZipFile, KeyError, ValueError, openpyxl.utils.exceptions.InvalidFileException) as error:
        # A ValueError is about a cell, and quotes it.
        reason = type(error).__name__ if isinstance(error, ValueError) else error
        raise DataError(f"cannot be read as an Excel workbook: {reason}", path=path) from None
    name = pick_table(path, sheet, [page.title for page in book.worksheets])
    grid = [list(row) for row in book[name].iter_rows()]
    if not grid or all(cell.value is None for row in grid for cell in row):
        raise DataError(f"sheet {name!r} is empty", path=path, hint="a table needs a header row")
    names, problems = clean_headers([cell.value for cell in grid[0]])
    problems += _told(book[name], formulas[name], grid)
    columns: list[Column] = []
    values: list[Values] = []
    for position, column in enumerate(names):
        cells = [_blank(row[position].value) for row in grid[1:]]
        kind = _kind(cells)
        columns.append(Column(column, kind or "text"))
        values.append(array_of(cells, kind or "text"))
        if kind is None:
            problems.append(
                Problem("mixed types", f"column {column!r} is text: its cells are of several types", column)
            )
    return MemoryTable(path.stem if sheet is None else name, tuple(columns), tuple(values), tuple(problems), path)


def _blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _kind(cells: list[Any]) -> Kind | None:
    """Excel has no dates without a time of day: a column of midnights is a column of dates."""
    present = [cell for cell in cells if cell is not None]
    kind = kind_of(map(type, present))
    if kind == "integer" and any(abs(cell) > MAX_INTEGER for cell in present):
        return "number"
    if kind == "datetime" and all(cell == datetime.datetime.combine(cell, datetime.time()) for cell in present):
        return "date"
    return kind


def _told(sheet: Any, formulas: Any, grid: list[list[Any]]) -> list[Problem]:
    problems: list[Problem] = []
    merged = len(sheet.merged_cells.ranges)
    if merged:
        text = f"{merged} merged areas: only the first cell of each has its value"
        problems.append(Problem("merged cells", text, count=merged))
    errors = [cell.row for row in grid for cell in row if cell.data_type == "e"]
    if errors:
        text = f"{len(errors)} error cells are read as text"
        problems.append(Problem("error cells", text, count=len(errors), line=errors[0]))
    lost = [cell.row for row in grid for cell in row if cell.value is None and _is_formula(formulas, cell)]
    if lost:
        text = f"{len(lost)} formulas have no stored value and read as missing: open and save the file in a spreadsheet"
        problems.append(Problem("formulas", text, count=len(lost), line=lost[0]))
    return problems


def _is_formula(formulas: Any, cell: Any) -> bool:
    return formulas.cell(cell.row, cell.column).data_type == "f"
