"""One zygote seen from the host: start it, run one program at a time, end it.

    worker = await Worker.start(Tier.BWRAP, policy, arrow=False)
    end = await worker.run(job, table)

A worker that did not follow the protocol, whose program was not seen to end, or whose caller was cancelled is not
`usable` any more: its owner closes it and starts another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dikast.errors import SandboxError
from dikast.sandbox import cgroup, launch
from dikast.sandbox.inside.child import LENGTH, LIMITS
from dikast.sandbox.inside.zygote import EXIT
from dikast.sandbox.memory import Table, fixed, sealed
from dikast.sandbox.policy import Policy, Tier

_START_S = 60.0  # loading pandas takes 0.5 s quiet; a cold disk and a busy machine take far longer
_PROTOCOL_S = 15.0  # fork, and reaping after a kill, take milliseconds
_MESSAGE_BYTES = 4096
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CLAIM_OVERHEAD = 64  # bytes of a claim around its answer


class WorkerLost(Exception):
    """The zygote died or fell silent; nothing is known about the program that it ran."""


@dataclass(frozen=True, slots=True)
class End:
    """What the kernel says about a program, and the frame that it left, which may be anything.

    Args:
        frame: Bytes of the claim; empty without one; `None` if it claims to be longer than it may.
        code: Exit status, or minus the signal that ended it.
        timed_out: Whether it was killed because its wall time was up.
        cpu_s: Its processor time.
        peak_bytes: Its peak resident memory.
    """

    frame: bytes | None
    code: int
    timed_out: bool
    cpu_s: float
    peak_bytes: int


_STARTER = ThreadPoolExecutor(1, thread_name_prefix="zygotes")
"""Starting a process blocks for milliseconds, and the kernel ends a zygote with the thread that started it: so one
thread, which lives as long as Python, starts them all."""


async def _started(tier: Tier, *, arrow: bool, errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a zygote off the event loop; one whose waiter was cancelled meanwhile is ended."""
    starting = _STARTER.submit(launch.start, tier, arrow=arrow, errors=errors)
    try:
        return await asyncio.shield(asyncio.wrap_future(starting))
    except asyncio.CancelledError:
        starting.add_done_callback(_end_unwanted)
        raise


def _end_unwanted(starting: Future[tuple[subprocess.Popen[bytes], socket.socket]]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        process, control = starting.result()
        process.kill()
        control.close()
        process.wait()


class Worker:
    """A zygote and its socket. Make it with `start`."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, policy: Policy) -> None:
        self._process, self._control, self._policy = process, control, policy
        self._group = cgroup.Group((), "none")
        self._base = (0, 0)
        self._readable: asyncio.Future[None] | None = None
        self.facts: dict[str, Any] = {}
        self.zygote_pid = 0
        self.usable = False

    @classmethod
    async def start(cls, tier: Tier, policy: Policy, *, arrow: bool) -> Worker:
        """Start a zygote and wait until it has loaded.

        Raises:
            SandboxError: It cannot start in this tier; says why.
        """
        with os.fdopen(os.memfd_create("errors"), "w+b") as errors:
            process, control = await _started(tier, arrow=arrow, errors=errors)
            worker = cls(process, control, policy)
            try:
                await worker._get_ready()
            except WorkerLost as lost:
                await worker.close()
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip().splitlines()
                raise SandboxError(f"tier {tier}: {said[-1] if said else lost}") from lost
            except BaseException:
                await worker.close()
                raise
        return worker

    @property
    def cgroup(self) -> str:
        """Which kind of cgroup bounds it: "v2", "v1" or "none"."""
        return self._group.version

    async def run(self, job: bytes, table: Table | None) -> End:
        """Run one program.

        Raises:
            WorkerLost: The zygote died or fell silent.
        """
        self.usable = False
        result = fixed("result", LENGTH.size + self._policy.answer_bytes + _CLAIM_OVERHEAD)
        try:
            code, timed_out, cpu_s, peak = await self._run(job, table, result)
            self.usable = True
            return End(_frame(result), code, timed_out, cpu_s, peak)
        finally:
            os.close(result)

    async def close(self) -> None:
        """Kill the zygote and all that is inside with it; a program that still runs there ends as `WorkerLost`."""
        self.usable = False
        self._process.kill()
        if self._readable and not self._readable.done():
            self._readable.set_exception(WorkerLost("the zygote was ended"))
        self._unwatch()
        self._control.close()
        await asyncio.to_thread(self._bury)

    def _bury(self) -> None:
        self._process.wait()
        self._group.remove()

    async def _get_ready(self) -> None:
        facts, descriptors = await self._expect(_START_S)
        if len(descriptors) != 1:
            raise WorkerLost("the zygote did not start")
        self.facts = json.loads(facts)
        bounding = asyncio.ensure_future(asyncio.to_thread(self._bound, descriptors[0]))
        try:
            await asyncio.shield(bounding)
        except asyncio.CancelledError:
            await asyncio.wait([bounding])  # else its cgroup would be made after the worker is buried
            raise
        self.usable = True

    def _bound(self, descriptor: int) -> None:
        """Learn who the zygote is and how large, and put it into a cgroup. Reads and makes files."""
        with _closing(descriptor) as pidfd:
            self.zygote_pid = _pid(pidfd)
        self._base = _sizes(self.zygote_pid)
        resident = self._base[1] + self._policy.memory_bytes
        self._group = cgroup.make(self.zygote_pid, resident + self._policy.memory_bytes // 4)

    async def _run(self, job: bytes, table: Table | None, result: int) -> tuple[int, bool, float, int]:
        self._send(job, table, result)
        message, descriptors = await self._expect(_PROTOCOL_S)
        if message != b"child" or len(descriptors) != 1:
            raise WorkerLost("the zygote forked no child")
        with _closing(descriptors[0]) as pidfd:
            try:
                message, timed_out = await self._receive_exit(pidfd)
            except BaseException:
                _kill(pidfd)
                raise
        status, cpu_s, peak = EXIT.unpack(message.removeprefix(b"exit"))
        return os.waitstatus_to_exitcode(status), timed_out, cpu_s, peak

    def _send(self, job: bytes, table: Table | None, result: int) -> None:
        with _closing(sealed("job", job)) as program:
            descriptors = [program, result, *([table.descriptor] if table else [])]
            try:
                socket.send_fds(self._control, [self._limits(table)], descriptors)
            except OSError as error:
                raise WorkerLost("the zygote is gone") from error

    def _limits(self, table: Table | None) -> bytes:
        address_space, data = self._base
        room = self._policy.memory_bytes
        return LIMITS.pack(address_space + room + (table.size if table else 0), data + room, self._policy.cpu_s)

    async def _receive_exit(self, pidfd: int) -> tuple[bytes, bool]:
        try:
            message, _ = await self._receive(self._policy.wall_s)
            return message, False
        except TimeoutError:
            _kill(pidfd)
        message, _ = await self._expect(_PROTOCOL_S)
        return message, True

    async def _expect(self, seconds: float) -> tuple[bytes, list[int]]:
        """A message that must come in time."""
        try:
            return await self._receive(seconds)
        except TimeoutError:
            raise WorkerLost(f"the zygote said nothing for {seconds:g} s") from None

    async def _receive(self, seconds: float) -> tuple[bytes, list[int]]:
        """The next message and its descriptors."""
        loop = asyncio.get_running_loop()
        self._readable = readable = loop.create_future()
        loop.add_reader(self._control, _settle, readable)
        try:
            async with asyncio.timeout(seconds):
                await readable
        finally:
            self._readable = None
            self._unwatch()
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1)
        except OSError as error:
            raise WorkerLost("the zygote is gone") from error
        if not message:
            raise WorkerLost("the zygote is gone")
        return message, descriptors

    def _unwatch(self) -> None:
        """Let the loop forget the socket: before it is closed, since its number will be another file's."""
        if self._control.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._control)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@contextlib.contextmanager
def _closing(descriptor: int) -> Generator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _kill(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)


def _pid(pidfd: int) -> int:
    """The process id of a pidfd as this process sees it."""
    found = re.search(r"^Pid:\s*(-?\d+)", Path(f"/proc/self/fdinfo/{pidfd}").read_text(), re.MULTILINE)
    if not found or int(found[1]) <= 0:
        raise WorkerLost("the zygote is gone")
    return int(found[1])


def _sizes(process: int) -> tuple[int, int]:
    """A process's address space and its data (private and writable), both in bytes."""
    pages = Path(f"/proc/{process}/statm").read_text().split()
    return int(pages[0]) * _PAGE, int(pages[5]) * _PAGE


def _frame(result: int) -> bytes | None:
    """The claim in a result file, by its own account of its length; `None` if that is longer than the file."""
    size = os.fstat(result).st_size - LENGTH.size
    (length,) = LENGTH.unpack(os.pread(result, LENGTH.size, 0))
    return os.pread(result, length, LENGTH.size) if length <= size else None
