"""CSV and TSV files, dirty ones included, to a `MemoryTable`.

    table = read_delimited(Path("sales.csv"))
    for problem in table.problems: print(problem.message)

RFC 4180 with a header line. Rows that are too short are filled with missing cells, cells beyond the header get
columns of their own, empty lines are skipped: each is told, nothing is dropped but trailing columns without name and
cells, which are told too. Broken quoting and undecodable bytes are errors that name the line.

Only a comma between cells says which mark is the decimal one, since a decimal comma would have split the cell; other
files show it by their numbers, or their owner tells (`cells.spelling_of`).

Files may be compressed. Not covered: files over 256 MiB unpacked (a table that large belongs into Parquet).
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dikast.errors import DataError, UsageError
from dikast.tables.cells import spelling_of, tidy, typed_column
from dikast.tables.headers import clean_headers
from dikast.tables.reading import DEFAULT, Reading
from dikast.tables.table import MemoryTable, Problem
from dikast.tables.whole import name_of, read_whole

MAX_CELL = 131_072
"""Characters in one cell: the csv module's own default; a longer one is a quote that was never closed."""
MAX_COLUMNS = 16_384
"""What a workbook can hold (Excel's limit)."""

OTHER_DELIMITERS = ";\t|"
NO_DELIMITERS = '"\r\n'

Row = tuple[int, list[str]]
"""Line on which the row ends, and its cells."""


def read_delimited(
    path: Path,
    *,
    delimiter: str = ",",
    reading: Reading = DEFAULT,
    escape: str | None = None,
) -> MemoryTable:
    r"""Read a file of delimited text.

    Args:
        path: The file.
        delimiter: One character.
        reading: The owner's options; a byte order mark overrides its encoding.
        escape: Character that escapes quotes instead of doubling them: `"\\"` for WikiTableQuestions' own CSV files.

    Raises:
        DataError: The file is empty, too large, not text in this encoding, its quoting is broken, or it has no such
            header row.
        UsageError: The delimiter is not one character, or a quote or line end.
    """
    if len(delimiter) != 1 or delimiter in NO_DELIMITERS:
        hint = "a tab is written $'\\t' in a shell; files that end in .tsv have it anyway"
        raise UsageError(
            f"{path}: a delimiter is one character, no quote and no line end, not {delimiter!r:.20}", hint=hint
        )
    rows = list(_rows(path, _text(path, reading.encoding, reading.skip_rows), delimiter, escape))
    rows = [(line + reading.skip_rows, cells) for line, cells in rows]
    full = [row for row in rows if row[1]]
    if not full:
        raise DataError("the file is empty", path=path, hint="a table needs a header line")
    header, body, problems = pick_header(path, full, reading)
    full = full[max(0, reading.header - 1) :]
    width = max(len(cells) for _, cells in full)
    if width > MAX_COLUMNS:
        line = next(line for line, cells in full if len(cells) == width)
        raise DataError(f"{width} columns, more than {MAX_COLUMNS}", path=path, line=line, hint="check the delimiter")
    columns = zip_longest(*(cells for _, cells in body), fillvalue="") if body else ()
    cells = [list(column) for column in columns] or [[]]
    cells += [[""] * len(body) for _ in range(width - len(cells))]
    raw = header + [""] * (width - len(header))
    used = _used_width(raw, cells)
    names, cleaned = clean_headers(raw[:used])
    problems += cleaned + _report_blank_columns(width - used) + _report_ragged_rows(rows, body, len(header), names)
    table = typed_columns(names, cells[:used], reading, english=delimiter == ",")
    return replace(table, name=name_of(path), problems=(*problems, *table.problems), source=path)


def typed_columns(names: list[str], cells: list[list[str]], reading: Reading, *, english: bool) -> MemoryTable:
    """Columns of text cells as what they are.

    Args:
        names: The columns' names.
        cells: A list a column.
        reading: The owner's options.
        english: Whether the file is one that has decimal points for certain.
    """
    told = reading.spelling
    if english and not told.marks_given:
        told = replace(told, decimal=".", thousands=",")
    spelling = spelling_of((tidy(cell) for column in cells for cell in column), told)
    missing = frozenset(reading.missing)
    typed = [
        typed_column(name, column, missing=missing, spelling=spelling, given=reading.types.get(name))
        for name, column in zip(names, cells, strict=True)
    ]
    columns, values, problems = zip(*typed, strict=True)
    return MemoryTable("", columns, values, tuple(problem for found in problems for problem in found), None, spelling)


def pick_header(path: Path, rows: list[Row], reading: Reading) -> tuple[list[Any], list[Row], list[Problem]]:
    """The row that names the columns, those below it, and that those above it are left out.

    Raises:
        DataError: There is no such row.
    """
    at = reading.header - 1
    if at < 0:
        return [""] * len(rows[0][1]), rows, []
    if at >= len(rows):
        raise DataError(f"there is no row {reading.header}", path=path, hint=f"header: it has {len(rows)} rows")
    problems = [Problem("rows above the header", f"{at} rows above the header are left out", count=at)] if at else []
    return rows[at][1], rows[at + 1 :], problems


def _used_width(header: list[str], cells: list[list[str]]) -> int:
    """Columns without those at the end that have neither name nor cells: lines that end in delimiters."""
    width = len(header)
    while width > 1 and not tidy(header[width - 1]) and not any(map(tidy, cells[width - 1])):
        width -= 1
    return width


def _report_blank_columns(columns: int) -> list[Problem]:
    text = f"{columns} columns at the end have neither name nor cells and are left out"
    return [Problem("blank columns", text, count=columns)] if columns else []


def _text(path: Path, encoding: str, skip: int) -> str:
    data = read_whole(path)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
        return "".join(text.splitlines(keepends=True)[skip:]) if skip else text
    except LookupError as error:
        raise DataError(f"no encoding is called {encoding!r}", path=path) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "save it as UTF-8, or name its encoding, such as cp1252"
        raise DataError(f"not {encoding}", path=path, line=line, hint=hint) from error


def _rows(path: Path, text: str, delimiter: str, escape: str | None) -> Iterator[Row]:
    csv.field_size_limit(MAX_CELL)  # the process's, which other readers set to theirs
    file = io.StringIO(text, newline="")
    reader = csv.reader(file, delimiter=delimiter, escapechar=escape, doublequote=escape is None, strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        hint, what = "quotes inside a quoted cell are doubled; is the delimiter right?", f"broken CSV: {error}"
        if "field larger than" in str(error):
            hint = "is a quote never closed?"
            what = f"a cell has more than {MAX_CELL:,} characters"
        raise DataError(what, path=path, line=reader.line_num, hint=hint) from error


def _report_ragged_rows(rows: list[Row], body: list[Row], width: int, names: list[str]) -> list[Problem]:
    problems: list[Problem] = []
    short = [line for line, cells in body if len(cells) < width]
    if short:
        text = f"{len(short)} rows have fewer cells than the header; the rest of the row is missing cells"
        problems.append(Problem("ragged rows", text, count=len(short), line=short[0]))
    long = [line for line, cells in body if len(cells) > width]
    if long and names[width:]:
        text = f"{len(long)} rows have more cells than the header; the cells are in {', '.join(names[width:])}"
        problems.append(Problem("ragged rows", text, count=len(long), line=long[0]))
    blank = [line for line, cells in rows if not cells]
    if blank:
        problems.append(Problem("empty lines", f"{len(blank)} empty lines", count=len(blank), line=blank[0]))
    other = next((mark for mark in OTHER_DELIMITERS if width == 1 and mark in names[0]), None)
    if other:
        problems.append(Problem("one column", f"the header is one column with {other!r} in it: is that the delimiter?"))
    return problems
