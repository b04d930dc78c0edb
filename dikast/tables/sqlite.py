"""A table or view of an SQLite file, read only, row by row.

SQLite types each cell by itself, whatever the column was declared as, so that a column's kind is found by asking the
file which types occur: integers and reals together are numbers, any other mixture is text, and the owner is told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dikast.errors import DataError
from dikast.tables.duck import pick_table, quoted
from dikast.tables.headers import clean_headers
from dikast.tables.table import CHUNK_ROWS, Column, Kind, Problem, Values
from dikast.tables.values import array_of, kind_of

STORAGE: dict[str, type] = {"integer": int, "real": float, "text": str, "blob": bytes}
"""SQLite's storage classes (sqlite.org/datatype3.html) but null."""


@dataclass(frozen=True, slots=True)
class SqliteTable:
    """One table of an SQLite file."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    problems: tuple[Problem, ...]
    source: Path
    fields: tuple[str, ...]
    """The columns' names inside the file."""

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, `rows` rows at a time, in the order of a plain `select`."""
        asked = ", ".join(quoted(self.fields[at]) for at in columns)
        kinds: list[Kind] = [self.columns[at].kind for at in columns]
        try:
            with closing(_connect(self.source)) as connection:
                cursor = connection.execute(f"select {asked} from {quoted(self.name)}")
                while batch := cursor.fetchmany(rows):
                    yield [array_of(cells, kind) for cells, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
        except sqlite3.Error as error:
            # Without SQLite's own words, which quote a text that is no UTF-8.
            hint = "is it whole, and its text UTF-8?"
            reason = f"cannot be read as SQLite: {type(error).__name__}"
            raise DataError(reason, path=self.source, hint=hint) from None


def open_sqlite(path: Path, table: str | None = None) -> SqliteTable:
    """Read a table's columns, their kinds and the row count.

    Args:
        path: The database file.
        table: Which table or view; may be left out where there is only one.

    Raises:
        DataError: The file is no SQLite file, or the table is not told or not there; the message lists the tables.
    """
    try:
        with closing(_connect(path)) as connection:
            listing = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'"
            name = pick_table(path, table, [row[0] for row in connection.execute(listing)])
            fields = [row[1] for row in connection.execute(f"pragma table_info({quoted(name)})")]
            (rows,) = connection.execute(f"select count(*) from {quoted(name)}").fetchone()
            types = [_storage(connection, name, field) for field in fields]
    except sqlite3.Error as error:
        raise DataError(f"cannot be read as SQLite: {error}", path=path) from error
    names, problems = clean_headers(fields)
    columns: list[Column] = []
    for column, found in zip(names, types, strict=True):
        kind = kind_of(STORAGE[storage] for storage in found)
        columns.append(Column(column, kind or "text"))
        if kind is None:
            text = f"column {column!r} is text: its cells are {' and '.join(sorted(found))}"
            problems.append(Problem("mixed types", text, column))
    return SqliteTable(name, tuple(columns), int(rows), tuple(problems), path, tuple(fields))


def _storage(connection: sqlite3.Connection, table: str, field: str) -> set[str]:
    query = f"select distinct typeof({quoted(field)}) from {quoted(table)}"
    return {row[0] for row in connection.execute(query)} - {"null"}


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.execute("pragma trusted_schema = off")
    return connection
