"""A table or view of an SQLite file, read only, row by row.

SQLite types each cell by itself, whatever the column was declared as, so that a column's kind is found by asking the
file which types occur: integers and reals together are numbers, any other mixture is text, and the owner is told.

A view is a program of whoever made the file: it is stopped where it takes too long, and so is a table that is too large
for memory (`dikast.tables.bounds`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from dikast.errors import DataError
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.duck import pick_table, quoted
from dikast.tables.headers import clean_headers
from dikast.tables.keys import NO_KEYS, Keys, Reference
from dikast.tables.table import CHUNK_ROWS, Column, Kind, Problem, Values
from dikast.tables.values import array_of, kind_of

STEPS = 100_000
"""Instructions of SQLite's machine between two looks at the time: a millisecond."""
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
    keys: Keys = NO_KEYS

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, `rows` rows at a time, in the order of a plain `select`."""
        asked = ", ".join(quoted(self.fields[at]) for at in columns)
        kinds: list[Kind] = [self.columns[at].kind for at in columns]
        budget = Budget(self.source, bounds.DATABASE_SECONDS)
        try:
            with closing(connect(self.source, budget)) as connection:
                cursor = connection.execute(f"select {asked} from {quoted(self.name)}")
                while batch := _batch(cursor, rows, budget):
                    yield [array_of(cells, kind) for cells, kind in zip(zip(*batch, strict=True), kinds, strict=True)]
                    budget.renew()
        except sqlite3.Error as error:
            if budget.is_over:
                raise budget.late() from None
            # Without SQLite's own words, which quote a text that is no UTF-8.
            hint = "is it whole, and its text UTF-8?"
            reason = f"cannot be read as SQLite: {type(error).__name__}"
            raise DataError(reason, path=self.source, hint=hint) from None


def _batch(cursor: sqlite3.Cursor, rows: int, budget: Budget) -> list[tuple[object, ...]]:
    """The next rows, counted one by one, since one cell may be megabytes."""
    batch: list[tuple[object, ...]] = []
    for row in islice(cursor, rows):
        batch.append(row)
        budget.spend(len(row), sum(len(cell) for cell in row if isinstance(cell, (str, bytes))))
    return batch


def open_sqlite(path: Path, table: str | None = None) -> SqliteTable:
    """Read a table's columns, their kinds and the row count.

    Args:
        path: The database file.
        table: Which table or view; may be left out where there is only one.

    Raises:
        DataError: The file is no SQLite file or takes too long, or the table is not told, not there or too large; the
            message lists the tables.
    """
    budget = Budget(path, bounds.DATABASE_SECONDS)
    try:
        with closing(connect(path, budget)) as connection:
            listing = "select name from sqlite_master where type in ('table', 'view') and name not like 'sqlite_%'"
            name = pick_table(path, table, [row[0] for row in connection.execute(listing)])
            told = connection.execute(f"pragma table_info({quoted(name)})").fetchall()
            fields = [row[1] for row in told]
            keys = Keys(
                tuple(row[1] for row in sorted(told, key=lambda row: row[5]) if row[5]), _references(connection, name)
            )
            (rows,) = connection.execute(f"select count(*) from {quoted(name)}").fetchone()
            budget.spend(rows * len(fields))
            types = [_storage(connection, name, field, budget) for field in fields]
    except sqlite3.Error as error:
        if budget.is_over:
            raise budget.late() from None
        raise DataError(f"cannot be read as SQLite: {error}", path=path) from error
    names, problems = clean_headers(fields)
    columns: list[Column] = []
    for column, found in zip(names, types, strict=True):
        kind = kind_of(STORAGE[storage] for storage in found)
        columns.append(Column(column, kind or "text"))
        if kind is None:
            text = f"column {column!r} is text: its cells are {' and '.join(sorted(found))}"
            problems.append(Problem("mixed types", text, column))
    return SqliteTable(name, tuple(columns), int(rows), tuple(problems), path, tuple(fields), keys)


def _references(connection: sqlite3.Connection, table: str) -> tuple[Reference, ...]:
    """The foreign keys of a table, as its file declares them."""
    found: dict[int, Reference] = {}
    for number, _, other, column, target, *_ in connection.execute(f"pragma foreign_key_list({quoted(table)})"):
        known = found.get(number, Reference((), other))
        found[number] = Reference((*known.columns, column), other, (*known.others, *([target] if target else [])))
    return tuple(found[number] for number in sorted(found, reverse=True))  # SQLite lists the last first


def _storage(connection: sqlite3.Connection, table: str, field: str, budget: Budget) -> set[str]:
    budget.renew()
    query = f"select distinct typeof({quoted(field)}) from {quoted(table)}"
    return {row[0] for row in connection.execute(query)} - {"null"}


def connect(path: Path, budget: Budget) -> sqlite3.Connection:
    """A connection that reads, and is stopped when the budget's seconds are up."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.MAX_CELL_BYTES)
    connection.set_progress_handler(lambda: budget.is_over, STEPS)
    for setting in ("trusted_schema = off", "cell_size_check = on", "mmap_size = 0"):
        connection.execute(f"pragma {setting}")
    return connection
