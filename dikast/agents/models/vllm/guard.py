"""Ends what a killed process leaves behind: `python vllm_guard.py PARENT MARK`.

vLLM's engine lives in processes of its own, which go on, with the GPU's memory, when the process that started them is
killed (SIGKILL, the kernel's out-of-memory killer, an untrapped SIGTERM). This small process waits until its parent is
gone and then kills every process whose environment holds the mark, grandchildren included. A mark and not a list of
process ids, since the parent may die while the engine is still being started.

Linux only (it reads /proc). Standard library only, since it is run by its path.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

PAUSE_SECONDS = 0.5
GRACE_SECONDS = 2.0
"""For processes that see by themselves that their parent is gone, such as multiprocessing's resource tracker."""


def marked(mark: str) -> list[int]:
    """Ids of the processes, other than this one, whose environment holds the mark."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill(mark: str) -> None:
    """Kill the processes that have the mark."""
    for process in marked(mark):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def watch(parent: int, mark: str) -> None:
    """Wait for the parent's end, then kill what is left."""
    while os.getppid() == parent:
        time.sleep(PAUSE_SECONDS)
    time.sleep(GRACE_SECONDS)
    kill(mark)


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2])
