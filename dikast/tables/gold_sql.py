"""The rows that a gold query gives, run by SQLite as the official evaluations of Spider and BIRD run it.

    rows = run_gold(Path("database/shop/shop.sqlite"), "select count(*) from orders")      # [(3,)]

The query is somebody's text, and so is the file: both are read only, no other file is attached, nothing is set, no
extension is loaded, and time, the number of values and the length of each are bounded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from dikast.errors import DataError
from dikast.tables import bounds
from dikast.tables.bounds import Budget
from dikast.tables.sqlite import connect

SECONDS = 30.0
"""Of processor time; BIRD's evaluation gives a query thirty by the clock."""
MOST_VALUES = 2_000_000
ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
REFUSED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})

Cell = str | int | float | bytes | None
Rows = Sequence[Sequence[Cell]]


class GoldError(DataError):
    """A gold query that gives no result."""


def run_gold(path: Path, query: str) -> Rows:
    """Run a query.

    Raises:
        GoldError: It is none, does something else than read, takes too long or gives too much. Without SQLite's words,
            which may quote a cell.
    """
    budget = Budget(path, SECONDS)
    found: list[tuple[Cell, ...]] = []
    values = 0
    try:
        with closing(connect(path, budget)) as connection:
            connection.text_factory = _text
            connection.set_authorizer(_allowed)
            for row in connection.execute(query.strip().rstrip(";")):
                values += len(row)
                if values > MOST_VALUES:
                    raise GoldError(f"the gold query gives more than {MOST_VALUES:,} values", path=path)
                budget.spend(0, sum(len(cell) for cell in row if isinstance(cell, (str, bytes))))
                found.append(row)
    except GoldError:
        raise
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError, DataError) as error:
        late = budget.is_over or isinstance(error, DataError)
        why = (
            f"takes too much: {budget.seconds:g} seconds, {bounds.MAX_BYTES >> 20} MiB"
            if late
            else type(error).__name__
        )
        raise GoldError(f"the gold query does not run: {why}", path=path) from None
    return found


def _text(data: bytes) -> str:
    """Text as the official evaluation reads it: without bytes that are no UTF-8."""
    return data.decode(errors="ignore")


def _allowed(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """What SQLite asks about each step of a query before it runs: reading alone is allowed."""
    del first
    if action == sqlite3.SQLITE_FUNCTION and (second or "").casefold() in REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY
