"""A process that is killed in the middle and started again: for tests that nothing answered is asked twice.

    (folder / "stuck").touch()                  # the test's models hang in one call while this file is there
    kill_when(command, folder, lambda: len(calls(folder)) == 5)
    before = calls(folder)
    (folder / "stuck").unlink()
    told = json.loads(run_again(command, folder))

The models of such a test write a line for each call into `calls.txt`, with `stuck ` before one that hangs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SECONDS = 300
"""After which a process that should have been killed, or should have ended, is a failure."""
PAUSE = 0.02
"""Seconds between two looks."""
CALLS, STUCK = "calls.txt", "stuck "


def dikast(*arguments: str) -> list[str]:
    """The command line of `dikast`, as a process of its own."""
    return [sys.executable, "-m", "dikast.cli", *arguments]


def calls(folder: Path) -> list[str]:
    """What the models of a test wrote down, a line a call."""
    path = folder / CALLS
    return path.read_text().splitlines() if path.is_file() else []


def stuck_calls(lines: Sequence[str]) -> list[str]:
    """Calls that hung, without their mark."""
    return [line.removeprefix(STUCK) for line in lines if line.startswith(STUCK)]


def answered_calls(lines: Sequence[str]) -> list[str]:
    """The other ones."""
    return [line for line in lines if not line.startswith(STUCK)]


def counted(lines: Sequence[str]) -> Counter[str]:
    """How often each call was made, whether it hung or not."""
    return Counter(line.removeprefix(STUCK) for line in lines)


def finished_rows(journal: Path) -> int:
    """Rows of a journal that are whole."""
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def kill_when(
    command: Sequence[str],
    folder: Path,
    ready: Callable[[], bool],
    *,
    environment: Mapping[str, str] | None = None,
    pause: float = PAUSE,
    settle: float = 0.0,
) -> None:
    """Start a process, and kill it (SIGKILL) as soon as something holds.

    Args:
        command: Of the process.
        folder: Where it runs.
        ready: Looked at again and again.
        environment: Of the process; the test's own without.
        pause: Seconds between two looks.
        settle: Seconds to wait before the kill, so that replies that were given are in the request cache.
    """
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + SECONDS
    try:
        while not ready():
            assert process.poll() is None, f"it ended before it was killed, after {calls(folder)}"
            assert time.monotonic() < until, f"it never came so far: {calls(folder)}"
            time.sleep(pause)
        time.sleep(settle)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def run_again(command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None) -> str:
    """Run a process to its end, which has to be a good one; what it printed."""
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
