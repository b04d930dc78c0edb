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
from types import FrameType
from typing import Any

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
        self.error: BaseException | None = None
        self.aborting = False
        self._interrupts = 0

    @property
    def stopping(self) -> bool:
        """Whether no further row may start."""
        return bool(self.why)

    def drain(self, why: str, error: BaseException | None = None) -> None:
        """Start no further row; the first reason counts.

        Args:
            why: For the manifest and the summary.
            error: What the job raises after it has drained.
        """
        if not self.why:
            self.why, self.error = why, error
        self._wake()

    def abort(self, why: str, error: BaseException | None = None) -> None:
        """As `drain`, and cancel what is in flight. A reason of its own replaces the one that it is draining for."""
        if error is not None:
            self.why, self.error = why, error
        self.aborting = True
        self.drain(why)

    def came_too_late(self) -> None:
        """Nothing was left to stop: the job is done all the same."""
        if self.error is None:
            self.why = ""

    def interrupt(self, error: BaseException | None = None) -> None:
        """What a signal does: drain, the second time abort.

        Args:
            error: What the application's own handler raised: the job raises it after it has stopped.
        """
        self._interrupts += 1
        if self._interrupts == 1:
            self.drain(INTERRUPTED, error)
        else:
            self.abort(INTERRUPTED, error)


Hear = Callable[[BaseException | None], None]
"""What is called for a signal, with what the application's own handler raised, if it did."""


class _Listening:
    """The jobs of this process that hear its signals, and what heard them before.

    One handler stands for all of them, so that jobs on one loop may end in any order. It is Python's own kind, not the
    event loop's, of which there is only one a signal: an application's `loop.add_signal_handler` keeps working.
    """

    def __init__(self) -> None:
        self._heard: list[Hear] = []
        self._before: dict[int, Any] = {}

    def start(self, heard: Hear) -> None:
        """Have this called for each signal."""
        self._heard.append(heard)
        for number in SIGNALS:
            before = signal.getsignal(number)
            # None: code outside Python handles it, and Python could not give it back.
            if before is not None and before != self._handle:
                self._before[number] = before
                signal.signal(number, self._handle)
                signal.siginterrupt(number, False)

    def end(self, heard: Hear) -> None:
        """Call it no more; after the last one, give back what was there."""
        self._heard.remove(heard)
        if self._heard:
            return
        for number, before in self._before.items():
            if signal.getsignal(number) == self._handle:  # else somebody has taken it over meanwhile: leave it to them
                signal.signal(number, before)
                signal.siginterrupt(number, False)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        raised = self._pass_on(number, frame)
        for heard in list(self._heard):
            heard(raised)

    def _pass_on(self, number: int, frame: FrameType | None) -> BaseException | None:
        """Call what was there before; what it raises while jobs run is raised when they have drained."""
        before = self._before.get(number)
        if not callable(before) or (self._heard and ends_programs(before)):
            return None
        try:
            before(number, frame)
        except BaseException as error:
            if not self._heard:
                raise
            return error
        return None


_LISTENING = _Listening()


def ends_programs(handler: Callable[..., object]) -> bool:
    """Whether a handler is Python's or asyncio's own for Ctrl-C: draining takes its place."""
    owner = getattr(getattr(handler, "func", None), "__self__", None)
    return handler is signal.default_int_handler or isinstance(owner, asyncio.Runner)


@contextmanager
def signals(handle: Hear) -> Generator[None]:
    """Have `handle` called on the event loop for each SIGINT and SIGTERM inside the block; give back what was there.

    Handlers that an application has set are called as well; what they raise (`SystemExit`, say) is given to `handle`. A
    signal that is handled by code outside Python is left to it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()

    def heard(raised: BaseException | None) -> None:
        loop.call_soon_threadsafe(handle, raised)

    _LISTENING.start(heard)
    try:
        yield
    finally:
        _LISTENING.end(heard)
