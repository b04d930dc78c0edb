"""The memory of a command and all that it started, and killing them."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from dikast.sandbox.watch import read_proc

_PAGE = os.sysconf("SC_PAGE_SIZE")


def descendants(process: int) -> list[int]:
    """The processes that one has started and those that they have; one that ends meanwhile may be missing.

    Whoever loses its parent within a pid namespace goes to that namespace's first process, so that none gets out.
    """
    found, level = list[int](), [process]
    while level:
        level = [child for one in level for child in children(one)]
        found += level
    return found


def children(process: int) -> list[int]:
    """The processes that one has started, by any of its threads; none where it is gone."""
    found = list[int]()
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with contextlib.suppress(OSError):
                found += [int(child) for child in read_proc(f"{thread}/children").split()]
    return found


def resident(process: int) -> int:
    """Resident bytes of a process and all that it started, each shared page as often as it is held."""
    total = 0
    for one in descendants(process):
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = read_proc(f"/proc/{one}/statm").split()
            total += (int(pages[1]) - int(pages[2])) * _PAGE
    return total


def end(process: int) -> None:
    """Kill the first process within, whose end is everybody's; without one, bubblewrap itself.

    Bubblewrap's fork waits for it, without a tie to its life, until the namespaces are set up: where the outer one was
    killed first, the other would wait for ever.
    """
    for one in children(process) or [process]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
