"""What reading a foreign workbook or database may cost: cells, bytes, seconds; beyond it the file is refused.

A small file can ask for much: one cell in a sheet's last corner, a view without end, a zip that unpacks to gigabytes.
Seconds are of the reading thread's processor, so that a busy machine refuses no file that an idle one reads; DuckDB,
which has threads of its own, is stopped by the clock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from dikast.errors import DataError

MAX_CELLS = 50_000_000
"""As Python objects 3 to 5 GB; a sheet of Excel's million rows and 47 columns."""
MAX_BYTES = 1 << 30
"""Of text, or of a workbook unpacked."""
MAX_CELL_BYTES = 16 << 20
MAX_ROWS = 1_048_576
"""A sheet's (Excel's limit)."""
SHEET_SECONDS = 600.0
"""A sheet of ten million cells takes two to three minutes."""
DATABASE_SECONDS = 10.0
"""For one query, or one batch of rows: SQLite looks through a column of ten million rows in one to two."""
CLOCK_SECONDS = 30.0
"""The same for DuckDB, by the clock, on a machine that does other things too."""
HINT = "export it to Parquet"


class Budget:
    """What is left for one file.

    Args:
        path: The file, for messages.
        seconds: Of processor time.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self.path, self.seconds = path, seconds
        self.cells = self.bytes = 0
        self.renew()

    def renew(self) -> None:
        """Let the seconds begin again."""
        self._until = time.thread_time() + self.seconds

    @property
    def is_over(self) -> bool:
        """Whether the seconds are up."""
        return time.thread_time() >= self._until

    def spend(self, cells: int, size: int = 0) -> None:
        """Count what was read.

        Raises:
            DataError: It was too much.
        """
        self.cells += cells
        self.bytes += size
        if self.cells > MAX_CELLS:
            raise DataError(f"more than {MAX_CELLS:,} cells", path=self.path, hint=HINT)
        if self.bytes > MAX_BYTES:
            raise DataError(f"more than {MAX_BYTES >> 20} MiB of text", path=self.path, hint=HINT)
        if self.is_over:
            raise self.late()

    def late(self) -> DataError:
        """The error for a file that takes too long."""
        return DataError(f"takes more than {self.seconds:g} seconds to read", path=self.path, hint=HINT)


@contextmanager
def interrupted(interrupt: Callable[[], None], seconds: float) -> Generator[None]:
    """Call `interrupt` from another thread if what is inside takes longer."""
    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
