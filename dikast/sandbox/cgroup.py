"""A cgroup around each zygote where this process may make one: a second bound on memory and number of processes.

It is a backstop, not a boundary: rlimits hold without it. Version 2 needs a delegated subtree with the memory and pids
controllers switched on; version 1 needs write access to both hierarchies.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PROCESSES = 8  # zygote and one child, with room for a child that is being reaped
_OOM_FILES = ("memory.events", "memory.oom_control")  # version 2's and version 1's; both have a line "oom_kill N"
_PEAK_FILES = ("memory.peak", "memory.max_usage_in_bytes")
_REMOVE_TRIES, _REMOVE_PAUSE_S = 20, 0.005  # the kernel frees a killed process's cgroup a moment after it is reaped


@dataclass(frozen=True, slots=True)
class Group:
    """A cgroup made for one zygote; `version` is "v2", "v1" or "none"."""

    folders: tuple[Path, ...]
    version: str

    @property
    def doors(self) -> tuple[Path, ...]:
        """The files that a process enters by, when it writes its id into each."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def killed(self) -> bool:
        """Whether the kernel has killed a process in it for want of memory."""
        lines = self._read(_OOM_FILES).splitlines()
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)

    def peak(self) -> int:
        """The most memory that it held, in bytes; 0 where the kernel does not say."""
        text = self._read(_PEAK_FILES).strip()
        return int(text) if text.isdigit() else 0

    def _read(self, names: tuple[str, ...]) -> str:
        for file in (folder / name for folder in self.folders for name in names):
            with contextlib.suppress(OSError):
                return file.read_text()
        return ""

    def remove(self) -> None:
        """Remove it once its processes are gone; one that will not go is left behind, empty."""
        for folder in self.folders:
            for _ in range(_REMOVE_TRIES):
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                if not folder.exists():
                    break
                time.sleep(_REMOVE_PAUSE_S)


def make(process: int | None, memory_bytes: int, processes: int = _PROCESSES) -> Group:
    """Put a process, or nobody yet, into a new cgroup with limits; where that is not allowed, into none."""
    name = f"dikast-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    own = _own_groups()
    if "" in own:
        limits = {"memory.max": memory_bytes, "pids.max": processes}
        made = _make([(_ROOT / own[""].lstrip("/") / name, limits)], process)
        if made:
            return Group(made, "v2")
    if "memory" in own and "pids" in own:
        memory = (_ROOT / "memory" / own["memory"].lstrip("/") / name, {"memory.limit_in_bytes": memory_bytes})
        pids = (_ROOT / "pids" / own["pids"].lstrip("/") / name, {"pids.max": processes})
        made = _make([memory, pids], process)
        if made:
            return Group(made, "v1")
    return Group((), "none")


def _own_groups() -> dict[str, str]:
    """Controller to this process's path; the version 2 hierarchy has the empty name."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    return groups


def _make(wanted: list[tuple[Path, dict[str, int]]], process: int | None) -> tuple[Path, ...]:
    made: list[Path] = []
    try:
        for folder, limits in wanted:
            _sweep(folder.parent)
            folder.mkdir()
            made.append(folder)
            for file, value in limits.items():
                _write(folder / file, value)
        if process is not None:
            for folder in made:
                _write(folder / "cgroup.procs", process)
    except OSError:
        Group(tuple(made), "none").remove()
        return ()
    return tuple(made)


def _sweep(parent: Path) -> None:
    """Remove the empty groups that hosts left which were killed; the kernel refuses where a process is in one."""
    for stale in parent.glob("dikast-*-*"):
        if not Path("/proc", stale.name.split("-")[1]).exists():
            with contextlib.suppress(OSError):
                stale.rmdir()


def _write(file: Path, value: int) -> None:
    """Write into a file that the kernel made; in a folder that is no cgroup there is none, and none is made."""
    descriptor = os.open(file, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)
