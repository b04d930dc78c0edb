"""A person at the terminal: asked on stderr, answering on stdin, a line each.

    terminal = Terminal(say)
    terminal.say("which?")
    line = await terminal.line()

A question waits on the event loop, so that Ctrl-C is not held up by it; what a job does with the interrupt is its own
matter (`notice` leaves an open question when the job is told to stop).
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from dikast.errors import UsageError

if TYPE_CHECKING:
    from dikast.jobs.job import Progress

CHUNK = 4096


class Terminal:
    """Asks on stderr, reads lines from stdin; a question can be interrupted while it waits.

    Args:
        say: Prints a line for people, control characters shown.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._asking = False
        self._buffer = b""

    def notice(self, now: Progress) -> None:
        """Leave an open question when the job is told to stop: it cannot be drained, so it is cancelled.

        A second interrupt is what cancels rows in flight.
        """
        if now.stopping and self._asking:
            self._asking = False
            signal.raise_signal(signal.SIGINT)

    async def line(self) -> str:
        """The next line, with its end.

        Raises:
            UsageError: The input has ended.
        """
        self._asking = True
        try:
            line = await self._read()
        finally:
            self._asking = False
        if not line:
            hint = "answer every question, or give the answers a line each; the same command goes on from here"
            raise UsageError("the input ended before an answer was given", hint=hint)
        return line

    async def _read(self) -> str:
        """The next line of stdin with its end; empty where the input has ended.

        A terminal or pipe is waited for on the event loop, so that an interrupt is not held up by a blocked read.
        """
        try:
            number = sys.stdin.fileno()
            waits = not stat.S_ISREG(os.fstat(number).st_mode)
        except (OSError, ValueError):  # not a file of the system's
            return sys.stdin.readline()
        if not waits:
            return sys.stdin.readline()
        while b"\n" not in self._buffer:
            chunk = await read_available(number)
            if not chunk:
                break
            self._buffer += chunk
        line, end, self._buffer = self._buffer.partition(b"\n")
        return (line + end).decode(errors="replace")


async def read_available(number: int) -> bytes:
    """Wait for the next bytes on a file descriptor."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(number, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)
    return os.read(number, CHUNK)
