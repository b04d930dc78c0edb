"""One sheet of an Excel workbook to a `MemoryTable`: the stored values, typed as the workbook types them.

The first row is the header, or the one that the owner tells. A column that mixes types becomes text; merged cells,
formulas without a stored value and error cells (`#DIV/0!`) are told, since each reads as something else than what a
person sees. Rows and columns at the end that hold nothing but formats and spaces are left out, and told.

Cells are read as they come, so that a stray one in a far corner costs a row and not the rectangle up to it; the limits
are in `dikast.tables.bounds`.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.optional import needs
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.delimited import pick_header
from dikast.tables.duck import pick_table
from dikast.tables.headers import clean_headers
from dikast.tables.reading import DEFAULT, Reading
from dikast.tables.table import MAX_INTEGER, Column, Kind, MemoryTable, Problem, Values
from dikast.tables.values import array_of, kind_of

PIECE = 1 << 20


class EmptySheetError(DataError):
    """A sheet that holds nothing."""


@dataclass
class Grid:
    """The cells of a sheet that hold something.

    Args:
        rows: Row, from 1, -> its values up to the last that holds something.
        seen: Rows and columns that the file mentions.
        errors: Rows of error cells, one an error.
        formulas: Rows of formulas without a stored value, one a formula.
    """

    rows: dict[int, list[Any]] = field(default_factory=dict[int, list[Any]])
    seen: tuple[int, int] = (0, 0)
    errors: list[int] = field(default_factory=list[int])
    formulas: list[int] = field(default_factory=list[int])

    @property
    def height(self) -> int:
        """The last row that holds something."""
        return max(self.rows, default=0)

    @property
    def width(self) -> int:
        """The last column that holds something."""
        return max(map(len, self.rows.values()), default=0)


def read_excel(path: Path, sheet: str | None = None, reading: Reading = DEFAULT) -> MemoryTable:
    """Read a sheet.

    Args:
        path: An .xlsx or .xlsm file.
        sheet: Its name; may be left out where there is only one.
        reading: The owner's options: `header` and `skip_rows`.

    Raises:
        DataError: The file is no workbook, the sheet is empty, not told, not there or too large; the message lists the
            sheets.
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = needs("openpyxl")
    try:
        check_size(path)
        name, grid, merged = _read(path, sheet)
    except (zipfile.BadZipFile, KeyError, ValueError, openpyxl.utils.exceptions.InvalidFileException) as error:
        # A ValueError is about a cell, and quotes it.
        reason = type(error).__name__ if isinstance(error, ValueError) else error
        raise DataError(f"cannot be read as an Excel workbook: {reason}", path=path) from None
    return table_of(path, name, sheet, grid, _report_left_out(grid, merged), reading)


def table_of(
    path: Path, name: str, sheet: str | None, grid: Grid, told: list[Problem], reading: Reading
) -> MemoryTable:
    """A sheet's cells as a table.

    Args:
        path: The workbook.
        name: The sheet's name.
        sheet: The name that was asked for; without one the table is called like the file.
        grid: Its cells.
        told: What its owner should know of it.
        reading: The owner's options: `header` and `skip_rows`.

    Raises:
        DataError: The sheet is empty, too large, or has no such header row.
    """
    if not grid.rows:
        raise EmptySheetError(f"sheet {name!r} is empty", path=path, hint="a table needs a header row")
    width, budget = grid.width, Budget(path, bounds.SHEET_SECONDS)
    budget.spend(grid.height * width)
    padded = [(at, _padded(grid.rows.get(at, []), width)) for at in range(reading.skip_rows + 1, grid.height + 1)]
    if not padded:
        raise DataError(f"there is no row {reading.skip_rows + 1}", path=path, hint=f"sheet {name!r} has {grid.height}")
    header, body, problems = pick_header(path, padded, reading)
    names, cleaned = clean_headers(header)
    problems += cleaned + told
    return typed_table(path.stem if sheet is None else name, names, [cells for _, cells in body], problems, path)


def check_size(path: Path) -> None:
    """Refuse a zip that says that it unpacks to more than is read.

    Raises:
        DataError: It does.
    """
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > bounds.MAX_BYTES:
        raise DataError(f"unpacks to {size >> 20} MiB, more than {bounds.MAX_BYTES >> 20}", path=path, hint=bounds.HINT)


def _read(path: Path, sheet: str | None) -> tuple[str, Grid, int]:
    """The sheet's name, its cells, and how many merged areas it has."""
    with _opened(path, data_only=False) as book:
        name = pick_table(path, sheet, [page.title for page in book.worksheets])
        formulas = {
            (at, column)
            for at, row in _rows(book[name], Budget(path, bounds.SHEET_SECONDS))
            for column, cell in enumerate(row)
            if cell.data_type == "f"
        }
        merged = _merged_areas(path, book[name]._worksheet_path)
    with _opened(path, data_only=True) as book:
        return name, _grid(book[name], Budget(path, bounds.SHEET_SECONDS), formulas), merged


@contextmanager
def _opened(path: Path, *, data_only: bool) -> Generator[Any]:
    book = needs("openpyxl").load_workbook(path, read_only=True, data_only=data_only)
    try:
        yield book
    finally:
        book.close()


def _rows(page: Any, budget: Budget) -> Iterator[tuple[int, Any]]:
    """The rows that the file mentions, each up to its last mentioned cell."""
    page.reset_dimensions()  # the file's own word, which may be wrong by any amount
    for at, row in enumerate(page.iter_rows(), start=1):
        if at > bounds.MAX_ROWS:
            raise DataError(f"more than {bounds.MAX_ROWS:,} rows", path=budget.path, hint=bounds.HINT)
        if row:  # openpyxl counts through those that are not there, a million of them in a second
            budget.spend(len(row))
            yield at, row


def _grid(page: Any, budget: Budget, formulas: set[tuple[int, int]]) -> Grid:
    grid = Grid()
    for at, row in _rows(page, budget):
        grid.seen = (at, max(grid.seen[1], len(row)))
        values = [_blank(cell.value) for cell in row]
        lost = [column for column, value in enumerate(values) if value is None and (at, column) in formulas]
        grid.formulas += [at] * len(lost)
        grid.errors += [at] * sum(cell.data_type == "e" for cell in row)
        held = [column for column, value in enumerate(values) if value is not None] + lost
        if held:
            grid.rows[at] = values[: max(held) + 1]
    return grid


def _merged_areas(path: Path, member: str) -> int:
    """How many areas a sheet merges; openpyxl counts them only where it holds the whole sheet."""
    count, rest, mark = 0, b"", b"mergeCell ref"
    with zipfile.ZipFile(path) as archive, archive.open(member) as file:
        while piece := file.read(PIECE):
            text = rest + piece
            count += text.count(mark)
            rest = text[-len(mark) + 1 :]
    return count


def _padded(values: list[Any], width: int) -> list[Any]:
    return values + [None] * (width - len(values))


def typed_table(
    name: str, names: Sequence[str], body: Sequence[Sequence[Any]], problems: list[Problem], path: Path
) -> MemoryTable:
    """Rows of cells that have types of their own as a table, whose columns have one kind or are text."""
    columns: list[Column] = []
    values: list[Values] = []
    for position, column in enumerate(names):
        cells = [row[position] for row in body]
        kind = _kind(cells)
        columns.append(Column(column, kind or "text"))
        values.append(array_of(cells, kind or "text"))
        if kind is None:
            problems.append(
                Problem("mixed types", f"column {column!r} is text: its cells are of several types", column)
            )
    return MemoryTable(name, tuple(columns), tuple(values), tuple(problems), path)


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


def _report_left_out(grid: Grid, merged: int) -> list[Problem]:
    problems: list[Problem] = []
    rows, columns = grid.seen[0] - grid.height, grid.seen[1] - grid.width
    if rows > 0:
        text = f"{rows} rows at the end hold nothing but formats or spaces and are left out"
        problems.append(Problem("blank rows", text, count=rows, line=grid.height + 1))
    if columns > 0:
        text = f"{columns} columns at the end hold nothing but formats or spaces and are left out"
        problems.append(Problem("blank columns", text, count=columns))
    if merged:
        text = f"{merged} merged areas: only the first cell of each has its value"
        problems.append(Problem("merged cells", text, count=merged))
    if grid.errors:
        text = f"{len(grid.errors)} error cells are read as text"
        problems.append(Problem("error cells", text, count=len(grid.errors), line=grid.errors[0]))
    if grid.formulas:
        text = (
            f"{len(grid.formulas)} formulas have no stored value and read as missing: open and save the file in a"
            " spreadsheet"
        )
        problems.append(Problem("formulas", text, count=len(grid.formulas), line=grid.formulas[0]))
    return problems
