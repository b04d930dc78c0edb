"""Look at the memory that a program holds, and end it where its page tables carry it beyond the limit.

    with MemoryWatch(pidfd, before, limit) as watch:
        ...                        # the event loop looks every `LOOK_S`
    watch.over, watch.page_tables

The kernel's limits count a program's data and address space but not the tables that map them: one page every gigabyte
takes 12 kB and is charged 4, so that 64,000 mappings took 500 MB beyond any limit. Where there is a memory cgroup it
counts them; everywhere this does. Between two looks a program gets some ten megabytes further.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from dataclasses import dataclass
from typing import Self

LOOK_S = 0.01
PROC_BYTES = 1 << 16
_SIZES = re.compile(r"^(RssAnon|VmPTE|VmSwap):[ \t]++(\d++) kB$", re.MULTILINE)
_PID = re.compile(r"^Pid:[ \t]++(\d++)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes that a process holds: pages of its own, swapped ones included, and page tables."""

    pages: int
    page_tables: int


def read_proc(path: str) -> str:
    """A small file of /proc, which the kernel answers from memory: read so that nobody takes it for a wait.

    Raises:
        OSError: It is gone.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, PROC_BYTES).decode()
    finally:
        os.close(descriptor)


def held(process: int) -> Held:
    """What a process holds now.

    Raises:
        OSError: It is gone.
    """
    kilobytes = {name: int(size) for name, size in _SIZES.findall(read_proc(f"/proc/{process}/status"))}
    return Held(
        pages=(kilobytes.get("RssAnon", 0) + kilobytes.get("VmSwap", 0)) << 10,
        page_tables=kilobytes.get("VmPTE", 0) << 10,
    )


def process_id(pidfd: int) -> int | None:
    """The process of a pidfd as this process sees it; `None` once it is gone."""
    found = _PID.search(read_proc(f"/proc/self/fdinfo/{pidfd}"))
    return int(found[1]) if found and int(found[1]) > 0 else None


def kill(pidfd: int) -> None:
    """Kill a process, if it is still there."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


class MemoryWatch:
    """Kills a program whose pages and page tables go beyond a limit.

    Args:
        pidfd: The program's process; open as long as the watch.
        before: What the zygote held, and so the program when it began.
        limit: Bytes beyond that.

    Attributes:
        over: Whether it was killed for this.
        page_tables: The most bytes of page tables that were seen, beyond those at the beginning.
    """

    def __init__(self, pidfd: int, before: Held, limit: int) -> None:
        self._pidfd, self._before, self._limit = pidfd, before, limit
        self._process: int | None = None
        self._next: asyncio.TimerHandle | None = None
        self.over = False
        self.page_tables = 0

    def __enter__(self) -> Self:
        self._process = process_id(self._pidfd)
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()

    def _wait(self) -> None:
        self._next = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        if self._process is None:
            return
        try:
            now = held(self._process)
        except OSError:
            return
        self.page_tables = max(self.page_tables, now.page_tables - self._before.page_tables)
        self.over = self.page_tables + max(0, now.pages - self._before.pages) > self._limit
        if self.over:
            kill(self._pidfd)
        else:
            self._wait()
