"""Run commands of any language that nobody vouches for, several at once.

    async with Programs(Limits(wall_s=5)) as box:
        ran = await box.run(["/work/a.out"], files={"/work/a.out": binary})

Every command has a fresh box: `layout.py` says what is in it, `filter.py` what the kernel refuses, `limits.py` what it
may cost. Where no box can be made there is a `SandboxError`, and nothing runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from dikast.errors import DikastError, SandboxError
from dikast.sandbox import cgroup, launch
from dikast.sandbox.programs import filter as seccomp_filter
from dikast.sandbox.programs.gate import Gate
from dikast.sandbox.programs.layout import ACCOUNTS, HOSTS, Layout, Mount, bounded
from dikast.sandbox.programs.limits import Limits, Ran, Status
from dikast.sandbox.programs.running import Running

_REMEDY = "apt install bubblewrap, or pip install 'dikast[sandbox]', on Linux with user namespaces"
_NO_ENTRY = 97  # exit status of a start that could not enter its cgroup
_ENTER = 'for door in $DOORS; do echo $$ > "$door" || exit 97; done; exec "$@"'
_EXECUTABLE = 0o755
_PROBE = Limits(wall_s=20, processes=8)
_PROBES = {
    "no network": "test $(grep -c : /proc/net/dev) = 1",
    "no home": "test ! -e /root && test ! -e /home",
    "read-only": "! touch /probe 2>/dev/null && ! touch /usr/probe 2>/dev/null",
    "not root": "test $(id -u) = 65534",
    "own processes": "test $(ls /proc | grep -c '^[0-9]') -le 8",
    "no namespaces": "! unshare --user true 2>/dev/null",
}


class Programs:
    """Boxes for commands, made as they are asked for.

    Open it in a thread that lives as long as it does: the kernel ends a box with the thread that started it.

    Args:
        limits: Bounds on each command, where it names none of its own.
        workers: Commands at once; `None` is one per usable core.

    Attributes:
        cgroup: Whether a cgroup bounds memory and processes besides the limits that hold by process.
    """

    def __init__(self, limits: Limits | None = None, workers: int | None = None) -> None:
        self.limits = limits or Limits()
        self.workers = workers or len(os.sched_getaffinity(0))
        self.cgroup = True
        self._gate = Gate(self.workers)
        self._folder = Path()
        self._filters: dict[bool, bytes] = {}
        self._open = set[Running]()

    async def __aenter__(self) -> Self:
        """Make a box and look whether it holds.

        Raises:
            SandboxError: It cannot be made, or does not hold; says why and what to install.
        """
        if not sys.platform.startswith("linux"):
            raise SandboxError("no sandbox for programs: this is not Linux", hint=_REMEDY)
        self._filters = {nested: seccomp_filter.build(nested=nested) for nested in (False, True)}
        self._folder = Path(tempfile.mkdtemp(prefix="dikast-programs-"))
        try:
            await self._probe()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill all that still runs."""
        await asyncio.gather(*(running.close() for running in list(self._open)))
        shutil.rmtree(self._folder, ignore_errors=True)
        self._filters = {}

    async def run(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str | bytes] | None = None,
        layout: Layout | None = None,
        stdin: bytes = b"",
        limits: Limits | None = None,
        alone: bool = False,
    ) -> Ran:
        """Run a command to its end.

        Args:
            command: Words; the first is a path in the box, or found in its `PATH`.
            files: What the box has, read-only and executable, under these absolute paths.
            layout: What else is in it.
            stdin: What it reads.
            limits: Other bounds than the usual.
            alone: Whether nothing else may run meanwhile.

        Raises:
            SandboxError: No box can be made.
        """
        opened = self.open(command, files=files, layout=layout, limits=limits, stdin=True)
        async with self._gate.enter(alone=alone), opened as running:
            return await running.wait(stdin)

    def turn(self, *, alone: bool = False) -> contextlib.AbstractAsyncContextManager[None]:
        """A place among the commands that run at once, for who uses `open`."""
        return self._gate.enter(alone=alone)

    @contextlib.asynccontextmanager
    async def open(
        self,
        command: Sequence[str],
        *,
        files: Mapping[str, str | bytes] | None = None,
        layout: Layout | None = None,
        limits: Limits | None = None,
        pass_fds: Sequence[int] = (),
        stdin: bool = False,
    ) -> AsyncGenerator[Running]:
        """Start a command, and kill it at the end of the block if it still runs.

        Raises:
            SandboxError: No box can be made.
        """
        if not self._filters:
            raise SandboxError("the sandbox is not open", hint="async with Programs(limits) as box: ...")
        limits, layout = limits or self.limits, layout or Layout()
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        group = self._group(limits)
        try:
            mounts = _written(folder, {"/etc/passwd": ACCOUNTS, "/etc/hosts": HOSTS, **(files or {})})
            layout = replace(layout, mounts=(*layout.mounts, *mounts))
            running = Running(await self._start(command, layout, limits, group, pass_fds, stdin=stdin), limits, group)
            self._open.add(running)
            try:
                yield running
            finally:
                await running.close()
                self._open.discard(running)
        finally:
            group.remove()
            shutil.rmtree(folder, ignore_errors=True)

    async def _start(
        self,
        command: Sequence[str],
        layout: Layout,
        limits: Limits,
        group: cgroup.Group,
        pass_fds: Sequence[int],
        *,
        stdin: bool,
    ) -> asyncio.subprocess.Process:
        filter_fd = os.memfd_create("filter")
        try:
            os.write(filter_fd, self._filters[layout.nested])
            os.lseek(filter_fd, 0, os.SEEK_SET)
            words = [*layout.command(limits, filter_fd), *bounded(limits, command)]
            pipe = asyncio.subprocess.PIPE
            return await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", _ENTER, "box", *words),
                env={"DOORS": " ".join(map(str, group.doors))},
                cwd="/",
                stdin=pipe if stdin else asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                pass_fds=[filter_fd, *pass_fds],
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxError(f"cannot start a box: {error.strerror}") from error
        finally:
            os.close(filter_fd)

    def _group(self, limits: Limits) -> cgroup.Group:
        """A cgroup for one command; the box's own processes and its `/tmp` come on top of what the limits say."""
        if not self.cgroup:
            return cgroup.Group((), "none")
        made = cgroup.make(None, limits.memory_bytes + limits.disk_bytes, limits.processes + 8)
        if made.version == "none" and os.getuid() == 0:
            raise SandboxError("cannot make a cgroup, and nothing else counts root's processes")
        return made

    async def _probe(self) -> None:
        script = "; ".join(f"({test}) || echo {name.replace(' ', '-')}" for name, test in _PROBES.items())
        try:
            ran = await self.run(["/bin/sh", "-c", script], limits=_PROBE)
            if ran.code == _NO_ENTRY and self.cgroup:
                self.cgroup = False
                ran = await self.run(["/bin/sh", "-c", script], limits=_PROBE)
        except DikastError as error:
            raise SandboxError(f"no sandbox for programs: {error.message}", hint=error.hint or _REMEDY) from error
        if not ran.ok or ran.stdout:
            why = (ran.stderr or ran.stdout).decode(errors="replace").split("\n")[0] or f"status {ran.status}"
            raise SandboxError(f"no sandbox for programs, so none is run: {why}", hint=_REMEDY)
        bound = cgroup.make(None, 1 << 20, 8) if self.cgroup else cgroup.Group((), "none")
        self.cgroup = bound.version != "none"
        bound.remove()
        if os.getuid() == 0 and not self.cgroup:
            raise SandboxError(
                "no sandbox for programs: only a cgroup counts root's processes, and none can be made",
                hint="run as another user, or where cgroups can be written",
            )

    def manifest(self) -> dict[str, Any]:
        """What the boxes are made of, as JSON for a run's manifest."""
        return {"bwrap": launch.bwrap()[1], "cgroup": self.cgroup, "workers": self.workers}


def _written(folder: Path, files: Mapping[str, str | bytes]) -> list[Mount]:
    mounts: list[Mount] = []
    for number, (target, content) in enumerate(files.items()):
        path = folder / str(number)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(_EXECUTABLE)
        mounts.append(Mount(path, target))
    return mounts


__all__ = ["Limits", "Programs", "Ran", "Running", "Status"]
