"""`load(path)`: a table from CSV, TSV, Parquet, Arrow, Excel, SQLite or DuckDB.

    table = load("sales.csv", missing=["N/A", "-"])
    table = load("shop.sqlite", table="sales")

The format is the one that the file's name says, or the one that is told; the content is never sniffed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, get_args

from dikast.errors import DataError, UsageError
from dikast.tables.table import Table

Format = Literal["csv", "tsv", "parquet", "arrow", "excel", "sqlite", "duckdb"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".duckdb": "duckdb",
}


def load(
    path: str | Path,
    *,
    format: Format | None = None,
    table: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    escape: str | None = None,
    thousands: str = ",",
    missing: Collection[str] = (),
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
        thousands: For CSV and TSV: the separator between groups of three digits; empty for none.
        missing: For CSV and TSV: spellings of a missing cell, such as `"N/A"`, besides the empty one.

    Raises:
        DataError: The file is not there or not what it should be.
        UsageError: The format is not known.
        MissingExtraError: The format needs a package of the extra `data`.
    """
    file = Path(path)
    kind = format or SUFFIXES.get(file.suffix.lower())
    if kind is None or kind not in get_args(Format):
        raise UsageError(
            f"{file}: which format is {format or file.suffix!r}?", hint=f"one of {', '.join(get_args(Format))}"
        )
    if not file.is_file():
        raise DataError("no such file", path=file)
    if kind in ("csv", "tsv"):
        from dikast.tables.delimited import read_delimited

        mark = delimiter or ("," if kind == "csv" else "\t")
        return read_delimited(
            file, delimiter=mark, encoding=encoding, escape=escape, thousands=thousands, missing=missing
        )
    return _openers()[kind](file, table)


def _openers() -> dict[Format, Callable[[Path, str | None], Table]]:
    from dikast.tables.arrow import open_arrow
    from dikast.tables.duck import open_duckdb
    from dikast.tables.excel import read_excel
    from dikast.tables.sqlite import open_sqlite

    return {
        "parquet": lambda path, _: open_arrow(path, "parquet"),
        "arrow": lambda path, _: open_arrow(path, "arrow"),
        "excel": read_excel,
        "sqlite": open_sqlite,
        "duckdb": open_duckdb,
    }
