"""`load(path)`: a table from CSV, TSV, JSON, JSON lines, Parquet, Arrow, Excel, OpenDocument, SQLite or DuckDB.

    table = load("sales.csv", missing=["N/A", "-"])
    table = load("shop.sqlite", table="sales")

The format is the one that the file's name says, or the one that is told; the content is never sniffed. CSV, TSV, JSON
and JSON lines may be compressed, as `.gz` or `.zst`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Literal, get_args

from dikast.errors import DataError, UsageError
from dikast.files import COMPRESSIONS, suffix_of
from dikast.tables.cells import as_given
from dikast.tables.reading import Reading
from dikast.tables.table import Column, Kind, MemoryTable, Table, Values, whole_column
from dikast.tables.values import as_text

Format = Literal["csv", "tsv", "json", "jsonl", "parquet", "arrow", "excel", "ods", "sqlite", "duckdb"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".ods": "ods",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".duckdb": "duckdb",
}
PACKED = ("csv", "tsv", "json", "jsonl")
"""Formats that are read compressed."""
ENDINGS = (
    *SUFFIXES,
    *(f"{suffix}{packed}" for suffix, format in SUFFIXES.items() if format in PACKED for packed in COMPRESSIONS),
)
"""Every ending that a table's file may have."""


def format_of(path: Path) -> Format | None:
    """What a file is by its name; `None` for what is none of these."""
    return SUFFIXES.get(suffix_of(path))


def load(
    path: str | Path,
    *,
    format: Format | None = None,
    table: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    escape: str | None = None,
    thousands: str | None = None,
    missing: Collection[str] = (),
    decimal: str | None = None,
    dayfirst: bool | None = None,
    types: Mapping[str, Kind] | None = None,
    header: int = 1,
    skip_rows: int = 0,
) -> Table:
    """Open a file as a table; read `problems` of what comes back.

    Parquet, Arrow, SQLite and DuckDB files are described from their metadata and read in chunks later; the others are
    read now.

    Args:
        path: The file.
        format: What it is, where its name does not say.
        table: Which table of a database, or which sheet of a workbook, where there are several.
        delimiter: For CSV; a comma, or a tab for TSV.
        encoding: For CSV and TSV.
        escape: For CSV: what escapes a quote instead of doubling it.
        thousands: The separator between groups of three digits; empty for none. A comma where cells are separated by
            commas, or where the file's numbers have decimal points; else what may be a separator leaves a column text.
        missing: For CSV and TSV: spellings of a missing cell, such as `"N/A"`, besides the empty one.
        decimal: `"."` or `","`; with a comma, points stand between thousands.
        dayfirst: For CSV and TSV: whether 1/2/2004 is in February; such columns are text where it is not told.
        types: Column -> text, integer, number, boolean, date or datetime; cells that are not of it are missing.
        header: For CSV, TSV, Excel and OpenDocument: the row that names the columns, from 1; 0 if there is none.
        skip_rows: For CSV, TSV, Excel and OpenDocument: lines or rows at the top to leave out.

    Raises:
        DataError: The file is not there or not what it should be.
        UsageError: The format is not known, or an option's value is not one.
        MissingExtraError: The format needs a package of the extra `data`.
    """
    reading = Reading(
        delimiter=delimiter,
        encoding=encoding,
        missing=tuple(missing),
        decimal=decimal,
        thousands=thousands,
        dayfirst=dayfirst,
        types=types or {},
        header=header,
        skip_rows=skip_rows,
    )
    return open_table(Path(path), reading, format=format, table=table, escape=escape)


def open_table(
    file: Path,
    reading: Reading,
    *,
    format: Format | None = None,
    table: str | None = None,
    escape: str | None = None,
) -> Table:
    """Open a file as a table; see `load`, whose options `reading` holds."""
    kind = format or format_of(file)
    if kind is None or kind not in get_args(Format):
        raise UsageError(
            f"{file}: which format is {format or file.suffix!r}?", hint=f"one of {', '.join(get_args(Format))}"
        )
    if not file.is_file():
        raise DataError("no such file", path=file)
    if kind not in PACKED and file.suffix.lower() in COMPRESSIONS:
        raise DataError(f"{kind} is not read compressed", path=file, hint="unpack it")
    if kind in ("json", "jsonl"):
        from dikast.tables.records import read_records

        return retyped(read_records(file, kind), reading)
    if kind in ("csv", "tsv"):
        from dikast.tables.delimited import read_delimited

        mark = reading.delimiter or ("," if kind == "csv" else "\t")
        return read_delimited(file, delimiter=mark, reading=reading, escape=escape)
    return retyped(_openers(reading)[kind](file, table), reading)


def retyped(table: Table, reading: Reading) -> Table:
    """The table with those columns in the types that its owner gave them; itself if there are none."""
    asked: dict[int, Kind] = {
        at: reading.types[column.name] for at, column in enumerate(table.columns) if column.name in reading.types
    }
    if not asked:
        return table
    columns, values, problems = list(table.columns), list[Values](), list(table.problems)
    for at, column in enumerate(table.columns):
        cells = whole_column(table, at)
        if at in asked and asked[at] != column.kind:
            text = [None if cell is None or cell != cell else as_text(cell) for cell in cells.astype(object).tolist()]
            cells, told = as_given(column.name, text, asked[at], reading.spelling)
            columns[at] = Column(column.name, asked[at])
            problems += told
        values.append(cells)
    return MemoryTable(table.name, tuple(columns), tuple(values), tuple(problems), table.source, reading.spelling)


def _openers(reading: Reading) -> dict[Format, Callable[[Path, str | None], Table]]:
    from dikast.tables.arrow import open_arrow
    from dikast.tables.duck import open_duckdb
    from dikast.tables.excel import read_excel
    from dikast.tables.opendocument import read_ods
    from dikast.tables.sqlite import open_sqlite

    return {
        "parquet": lambda path, _: open_arrow(path, "parquet"),
        "arrow": lambda path, _: open_arrow(path, "arrow"),
        "excel": lambda path, sheet: read_excel(path, sheet, reading),
        "ods": lambda path, sheet: read_ods(path, sheet, reading),
        "sqlite": open_sqlite,
        "duckdb": open_duckdb,
    }
