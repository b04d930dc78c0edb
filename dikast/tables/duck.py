"""A table or view of a DuckDB file, read only, with everything outside the file switched off.

table = open_duckdb(Path("shop.duckdb"), "sales")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dikast.errors import DataError
from dikast.optional import needs
from dikast.tables import bounds
from dikast.tables.arrow import columns_of, to_values, unreadable
from dikast.tables.bounds import Budget, interrupted
from dikast.tables.keys import NO_KEYS, Keys, Reference
from dikast.tables.table import CHUNK_ROWS, Column, Problem, Values

CLOSED: dict[str, str] = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "memory_limit": "2GB",
    "max_temp_directory_size": "0GB",
    "lock_configuration": "true",
}
"""A view in a foreign file may not read other files, nor fill memory or disk."""


@dataclass(frozen=True, slots=True)
class DuckTable:
    """One table of a DuckDB file."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    problems: tuple[Problem, ...]
    source: Path
    fields: tuple[str, ...]
    """The columns' names inside the file."""
    keys: Keys = NO_KEYS

    def chunks(self, columns: Sequence[int], rows: int = CHUNK_ROWS) -> Iterator[list[Values]]:
        """The columns at these positions, at most `rows` rows at a time, in the order of a plain `select`."""
        asked = ", ".join(quoted(self.fields[at]) for at in columns)
        try:
            with closing(_connect(self.source)) as connection:
                query = f"select {asked} from {quoted(self.name)}"
                with interrupted(connection.interrupt, bounds.CLOCK_SECONDS):
                    batches = iter(connection.sql(query).to_arrow_reader(rows))
                while (batch := _next(connection, batches)) is not None:
                    yield [to_values(batch.column(i), self.columns[at]) for i, at in enumerate(columns)]
        except needs("duckdb").InterruptException:
            raise Budget(self.source, bounds.CLOCK_SECONDS).late() from None
        except needs("duckdb").Error as error:
            raise unreadable(self.source, "duckdb", error, cells=True) from None


def open_duckdb(path: Path, table: str | None = None) -> DuckTable:
    """Read a table's columns and row count.

    Args:
        path: The database file.
        table: Which table or view; may be left out where there is only one.

    Raises:
        DataError: The file is no DuckDB file, or the table is not told or not there; the message lists the tables.
        MissingExtraError: duckdb or pyarrow is not installed.
    """
    duckdb = needs("duckdb")
    try:
        with closing(_connect(path)) as connection:
            known = [
                row[0] for row in connection.execute("select table_name from information_schema.tables").fetchall()
            ]
            name = pick_table(path, table, known)
            with interrupted(connection.interrupt, bounds.CLOCK_SECONDS):
                schema = connection.sql(f"select * from {quoted(name)} limit 0").to_arrow_table().schema
                (rows,) = connection.execute(f"select count(*) from {quoted(name)}").fetchone()
            keys = _keys(connection, name)
    except duckdb.InterruptException:
        raise Budget(path, bounds.CLOCK_SECONDS).late() from None
    except duckdb.Error as error:
        raise unreadable(path, "duckdb", error) from error
    columns, problems = columns_of(schema)
    return DuckTable(name, columns, int(rows), problems, path, tuple(schema.names), keys)


def _keys(connection: Any, table: str) -> Keys:
    """What a table declares."""
    query = (
        "select constraint_type, constraint_column_names, referenced_table, referenced_column_names"
        " from duckdb_constraints() where table_name = ?"
    )
    told = connection.execute(query, [table]).fetchall()
    primary = next((tuple(columns) for kind, columns, _, _ in told if kind == "PRIMARY KEY"), ())
    others = (Reference(tuple(mine), other, tuple(its)) for kind, mine, other, its in told if kind == "FOREIGN KEY")
    return Keys(primary, tuple(others))


def _next(connection: Any, batches: Iterator[Any]) -> Any:
    """The next batch, if it comes in time; `None` after the last."""
    with interrupted(connection.interrupt, bounds.CLOCK_SECONDS):
        return next(batches, None)


class WhichTableError(DataError):
    """Several tables, and none was named.

    Args:
        path: The file.
        known: The tables' names, in the file's order.
    """

    def __init__(self, path: Path, known: Sequence[str]) -> None:
        super().__init__("which table?", path=path, hint=_listed(known))
        self.known = tuple(known)


class NoTableError(DataError):
    """No table of this name."""


def pick_table(path: Path, table: str | None, known: Sequence[str]) -> str:
    """The table that was asked for, or the only one.

    Raises:
        WhichTableError: There is more than one to choose from, or none.
        NoTableError: There is no such table.
    """
    if table is None and len(known) == 1:
        return known[0]
    if table is None:
        raise WhichTableError(path, known)
    if table not in known:
        raise NoTableError(f"no table is called {table!r}", path=path, hint=_listed(known))
    return table


def _listed(known: Sequence[str]) -> str:
    return f"tables: {', '.join(sorted(known)) or 'none'}"


def quoted(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _connect(path: Path) -> Any:
    return needs("duckdb").connect(str(path), read_only=True, config=CLOSED)
