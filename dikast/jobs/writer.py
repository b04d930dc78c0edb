"""The journal's writer: a finished row is handed to the kernel at once, and flushed to the disk soon after.

What the kernel has survives the death of this process, so that a killed job asks again at most what was in flight. Only
a crash of the machine needs the flush: it loses at most what finished in the last `BATCH_SECONDS` or so, and those rows
are done again. Flushing has a thread of its own: the event loop's are busy wherever a graph's nodes are ordinary
functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from dikast.errors import DataError
from dikast.jobs.files import LineFile

BATCH_SECONDS = 0.1
"""Between two flushes: an fsync takes 1 to 10 ms on a disk, so that flushing costs little, and little is lost."""


class Writer:
    """Appends lines to two files.

    Args:
        rows: The journal.
        errors: Tracebacks; a row's traceback is written before its line is.
        failed: Called once, on the event loop, when the disk takes no more.
    """

    def __init__(self, rows: LineFile, errors: LineFile, failed: Callable[[DataError], None]) -> None:
        self._rows, self._errors, self._failed = rows, errors, failed
        self._something = asyncio.Event()
        self._closing = asyncio.Event()
        self._broken = False
        self._thread = ThreadPoolExecutor(1, "dikast-journal")
        self._task = asyncio.create_task(self._flush_batches())

    def add(self, line: bytes, trace: bytes = b"") -> None:
        """Write a row's line and, if there is one, its traceback's."""
        if self._broken:
            return
        try:
            self._errors.write(trace)
            self._rows.write(line)
        except DataError as error:
            self._break(error)
        self._something.set()

    async def close(self) -> None:
        """Flush what is left."""
        self._closing.set()
        self._something.set()
        try:
            await self._task
        finally:
            self._thread.shutdown(wait=False)

    async def _flush_batches(self) -> None:
        closing = False
        while not (closing or self._broken):
            await self._something.wait()
            closing = self._closing.is_set()
            self._something.clear()
            await self._flush()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), BATCH_SECONDS)

    async def _flush(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._sync)
        except DataError as error:
            self._break(error)

    def _sync(self) -> None:
        self._errors.sync()
        self._rows.sync()

    def _break(self, error: DataError) -> None:
        if not self._broken:
            self._broken = True
            self._failed(error)
