"""The journal's writer: finished rows in batches, written and flushed in a thread, off the event loop.

Whatever piles up while one batch is on its way to the disk is the next batch. A crash of the machine loses at most
what finished in the last `BATCH_SECONDS` or so; those rows are done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from dikast.errors import DataError
from dikast.jobs.files import LineFile

BATCH_SECONDS = 0.1
"""Between two flushes: an fsync takes 1 to 10 ms on a disk, so that flushing costs little, and little is lost."""
MOST_PENDING_BYTES = 8 << 20
"""No further row starts while more than this waits for the disk; memory holds about three times as much."""


class Writer:
    """Appends lines to two files in batches.

    Args:
        rows: The journal.
        errors: Tracebacks; a row's traceback is on the disk before its line is.
        wrote: Called on the event loop after each batch.
        failed: Called once, on the event loop, when the disk takes no more.
    """

    def __init__(
        self, rows: LineFile, errors: LineFile, wrote: Callable[[], None], failed: Callable[[DataError], None]
    ) -> None:
        self._rows, self._errors, self._wrote, self._failed = rows, errors, wrote, failed
        self._pending: list[bytes] = []
        self._traces: list[bytes] = []
        self._pending_bytes = 0
        self._something = asyncio.Event()
        self._closing = asyncio.Event()
        self._broken = False
        self._task = asyncio.create_task(self._write_batches())

    @property
    def behind(self) -> bool:
        """Whether so much waits that no row should be added."""
        return self._pending_bytes > MOST_PENDING_BYTES and not self._broken

    def add(self, line: bytes, trace: bytes = b"") -> None:
        """Hand over a row's line and, if there is one, its traceback's."""
        self._pending.append(line)
        self._pending_bytes += len(line)
        if trace:
            self._traces.append(trace)
        self._something.set()

    async def close(self) -> None:
        """Write what is left."""
        self._closing.set()
        self._something.set()
        await self._task

    async def _write_batches(self) -> None:
        while not (self._closing.is_set() and not self._pending) and not self._broken:
            await self._something.wait()
            self._something.clear()
            await self._write_batch()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), BATCH_SECONDS)

    async def _write_batch(self) -> None:
        lines, traces = b"".join(self._pending), b"".join(self._traces)
        self._pending, self._traces, self._pending_bytes = [], [], 0
        try:
            await asyncio.to_thread(self._append, lines, traces)
        except DataError as error:
            self._broken = True
            self._failed(error)
        self._wrote()

    def _append(self, lines: bytes, traces: bytes) -> None:
        self._errors.append(traces)
        self._rows.append(lines)
