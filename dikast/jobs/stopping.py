"""Why and how a job stops before its rows are done: drain (finish what is in flight) or abort (cancel it).

The first Ctrl-C or SIGTERM drains, the second aborts. Signals are taken only where Python allows it, in the main
thread; elsewhere a job stops for its other reasons only.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM)
INTERRUPTED = "interrupted"


class Stop:
    """Whether a job starts no further rows, and why.

    Args:
        wake: Called when it changes, on the event loop.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.why = ""
        self.error: Exception | None = None
        self.aborting = False
        self._interrupts = 0

    @property
    def stopping(self) -> bool:
        """Whether no further row may start."""
        return bool(self.why)

    def drain(self, why: str, error: Exception | None = None) -> None:
        """Start no further row; the first reason counts.

        Args:
            why: For the manifest and the summary.
            error: What the job raises after it has drained.
        """
        if not self.why:
            self.why, self.error = why, error
        self._wake()

    def abort(self, why: str, error: Exception | None = None) -> None:
        """As `drain`, and cancel what is in flight. A reason of its own replaces the one that it is draining for."""
        if error is not None:
            self.why, self.error = why, error
        self.aborting = True
        self.drain(why)

    def came_too_late(self) -> None:
        """Nothing was left to stop: the job is done all the same."""
        if self.error is None:
            self.why = ""

    def interrupt(self) -> None:
        """What a signal does: drain, the second time abort."""
        self._interrupts += 1
        if self._interrupts == 1:
            self.drain(INTERRUPTED)
        else:
            self.abort(INTERRUPTED)


@contextmanager
def signals(handle: Callable[[], None]) -> Generator[None]:
    """Have `handle` called on the event loop for each SIGINT and SIGTERM inside the block; restore what was there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
