"""What tables have let out, to whom: bits by table and user across games, in a file or in memory.

    ledger = Ledger(Path("bits.sqlite"))
    ledger.charge("/data/sales.csv", "ann", 4.0, budget=64.0)     # True, and written down
    ledger.spent("/data/sales.csv")                               # 4.0

A budget is a table's, whoever asked: those who ask share a Solver, which hears it all. The users are there to be looked
up. Several processes may share a file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from threading import Lock

from dikast.errors import DataError

WAIT_S = 30.0
"""For another process that is writing."""
_MAKE = "CREATE TABLE IF NOT EXISTS bits (place TEXT, user TEXT, bits REAL, PRIMARY KEY (place, user))"
_ADD = "INSERT INTO bits VALUES (?, ?, ?) ON CONFLICT (place, user) DO UPDATE SET bits = bits + excluded.bits"
_SPENT = "SELECT coalesce(sum(bits), 0) FROM bits WHERE place = ?"
_TOLERANCE = 1e-9  # sums of logarithms


class Ledger:
    """Bits by table and user.

    Args:
        path: An SQLite file, made if it is not there; without one, memory.

    Raises:
        DataError: The file cannot be opened or is something else.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._lock = Lock()
        try:
            self._file = sqlite3.connect(path or ":memory:", WAIT_S, isolation_level=None, check_same_thread=False)
            self._file.execute(_MAKE)
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def charge(self, table: str | Collection[str], user: str, bits: float, budget: float | None) -> bool:
        """Add bits to what a table has let out, unless that goes beyond the budget; whether they were added.

        Of several tables that are asked about together each has let out all of them, or none has.

        Raises:
            DataError: The file cannot be written.
        """
        tables = [table] if isinstance(table, str) else list(table)
        with self._lock, closing(self._file.cursor()) as cursor:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                spent = max(cursor.execute(_SPENT, (one,)).fetchone()[0] for one in tables)
                within = budget is None or spent + bits <= budget + _TOLERANCE
                if within:
                    cursor.executemany(_ADD, [(one, user, bits) for one in tables])
                cursor.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._broken(error) from error
        return within

    def spent(self, table: str) -> float:
        """What a table has let out, to all."""
        with self._lock:
            return self._file.execute(_SPENT, (table,)).fetchone()[0]

    def rows(self) -> list[tuple[str, str, float]]:
        """Table, user and bits, of all."""
        with self._lock:
            return self._file.execute("SELECT place, user, bits FROM bits ORDER BY place, user").fetchall()

    def _broken(self, error: sqlite3.Error) -> DataError:
        return DataError(f"no ledger can be kept here: {error}", path=self.path, hint="name another file")
