"""CSV and TSV files, dirty ones included, to a `MemoryTable`.

    table = read_delimited(Path("sales.csv"))
    for problem in table.problems: print(problem.message)

RFC 4180 with a header line. Rows that are too short are filled with missing cells, cells beyond the header get
columns of their own, empty lines are skipped: each is told, nothing is dropped. Broken quoting and undecodable bytes
are errors that name the line.

Not covered: files without a header, files over 256 MiB (a table that large belongs into Parquet).
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from itertools import zip_longest
from pathlib import Path

from dikast.errors import DataError, UsageError
from dikast.tables.cells import typed_column
from dikast.tables.headers import clean_headers
from dikast.tables.table import MemoryTable, Problem

MAX_BYTES = 256 * 2**20
"""Text cells as Python objects take about ten times their size in memory."""

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
    encoding: str = "utf-8",
    escape: str | None = None,
    thousands: str = ",",
    missing: Collection[str] = (),
) -> MemoryTable:
    r"""Read a file of delimited text.

    Args:
        path: The file; its first line is the header.
        delimiter: One character.
        encoding: A byte order mark overrides it.
        escape: Character that escapes quotes instead of doubling them: `"\\"` for WikiTableQuestions' own CSV files.
        thousands: Separator allowed between groups of three digits; empty for none.
        missing: Spellings of a missing cell besides the empty one, such as `"N/A"`.

    Raises:
        DataError: The file is empty, too large, not text in this encoding, or its quoting is broken.
        UsageError: The delimiter is not one character, or a quote or line end.
    """
    if len(delimiter) != 1 or delimiter in NO_DELIMITERS:
        hint = "a tab is written $'\\t' in a shell; files that end in .tsv have it anyway"
        raise UsageError(
            f"{path}: a delimiter is one character, no quote and no line end, not {delimiter!r:.20}", hint=hint
        )
    rows = list(_rows(path, _text(path, encoding), delimiter, escape))
    full = [row for row in rows if row[1]]
    if not full:
        raise DataError("the file is empty", path=path, hint="a table needs a header line")
    (_, header), body = full[0], full[1:]
    width = max(len(cells) for _, cells in full)
    if width > MAX_COLUMNS:
        line = next(line for line, cells in full if len(cells) == width)
        raise DataError(f"{width} columns, more than {MAX_COLUMNS}", path=path, line=line, hint="check the delimiter")
    names, problems = clean_headers(header + [""] * (width - len(header)))
    problems += _told(rows, body, len(header), names)
    columns = zip_longest(*(cells for _, cells in body), fillvalue="") if body else ()
    cells = [list(column) for column in columns] or [[]]
    cells += [[""] * len(body) for _ in range(width - len(cells))]
    spellings = frozenset(missing)
    typed = [typed_column(*pair, thousands=thousands, missing=spellings) for pair in zip(names, cells, strict=True)]
    for _, _, found in typed:
        problems += found
    values = tuple(array for _, array, _ in typed)
    return MemoryTable(path.stem, tuple(column for column, _, _ in typed), values, tuple(problems), path)


def _text(path: Path, encoding: str) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"larger than {MAX_BYTES >> 20} MiB", path=path, hint="convert it to Parquet")
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif data.startswith(codecs.BOM_UTF8):
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
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
        hint = "quotes inside a quoted cell are doubled; is the delimiter right?"
        raise DataError(f"broken CSV: {error}", path=path, line=reader.line_num, hint=hint) from error


def _told(rows: list[Row], body: list[Row], width: int, names: list[str]) -> list[Problem]:
    problems: list[Problem] = []
    short = [line for line, cells in body if len(cells) < width]
    if short:
        text = f"{len(short)} rows have fewer cells than the header; the rest of the row is missing cells"
        problems.append(Problem("ragged rows", text, count=len(short), line=short[0]))
    long = [line for line, cells in body if len(cells) > width]
    if long:
        text = f"{len(long)} rows have more cells than the header; the cells are in {', '.join(names[width:])}"
        problems.append(Problem("ragged rows", text, count=len(long), line=long[0]))
    blank = [line for line, cells in rows if not cells]
    if blank:
        problems.append(Problem("empty lines", f"{len(blank)} empty lines", count=len(blank), line=blank[0]))
    other = next((mark for mark in OTHER_DELIMITERS if width == 1 and mark in names[0]), None)
    if other:
        problems.append(Problem("one column", f"the header is one column with {other!r} in it: is that the delimiter?"))
    return problems
