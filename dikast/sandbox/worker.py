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
import signal
import socket
import subprocess
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from dikast.closing import close_in_thread
from dikast.errors import SandboxError
from dikast.sandbox import cgroup, launch
from dikast.sandbox.inside.child import LENGTH, LIMITS
from dikast.sandbox.inside.zygote import EXIT
from dikast.sandbox.memory import Table, fixed, sealed
from dikast.sandbox.policy import Policy, Tier
from dikast.sandbox.watch import Held, MemoryWatch, held, kill, process_id, read_proc

_START_S = 60.0  # loading pandas takes 0.5 s quiet; a cold disk and a busy machine take far longer
_PROTOCOL_S = 15.0  # fork, and reaping after a kill, take milliseconds
_LEAVE_S = 1.0  # to reap a child that was killed and end takes milliseconds
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
        over_memory: Whether it was killed because its pages and page tables went beyond the limit.
        wall_s: Seconds from fork to end, by the zygote's clock.
        cpu_s: Its processor time.
        peak_bytes: Its peak resident memory, and its page tables as far as they were seen.
    """

    frame: bytes | None
    code: int
    over_memory: bool
    wall_s: float
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
        self._base, self._held = (0, 0), Held(0, 0)
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
            (status, wall_s, cpu_s, resident), watch = await self._run(job, table, result)
            self.usable = True
            code, peak = os.waitstatus_to_exitcode(status), resident + watch.page_tables
            return End(_frame(result), code, watch.over, wall_s, cpu_s, peak)
        finally:
            os.close(result)

    async def close(self) -> None:
        """Kill the zygote and all that is inside with it; a program that still runs there ends as `WorkerLost`."""
        self.usable = False
        self._kill()
        if self._readable and not self._readable.done():
            self._readable.set_exception(WorkerLost("the zygote was ended"))
        self._unwatch()
        self._control.close()
        await close_in_thread(self._bury)

    def _kill(self) -> None:
        """Kill what the outermost process has started, so that it reaps that and ends; without that, itself.

        Bubblewrap's fork waits for it, without a tie to its life, until the namespaces are set up: where the outer one
        was killed before, the other waited for ever. One that is killed as an orphan stays in the process table until
        init looks.
        """
        if self._process.returncode is not None:  # reaped: the number may be another's
            return
        children = _children(self._process.pid)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        if not children:
            self._kill_group()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _bury(self) -> None:
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
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
        self._base, self._held = _sizes(self.zygote_pid), held(self.zygote_pid)
        resident = self._base[1] + self._policy.memory_bytes
        self._group = cgroup.make(self.zygote_pid, resident + self._policy.memory_bytes // 4)

    async def _run(
        self, job: bytes, table: Table | None, result: int
    ) -> tuple[tuple[int, float, float, int], MemoryWatch]:
        self._send(job, table, result)
        message, descriptors = await self._expect(_PROTOCOL_S)
        if message != b"child" or len(descriptors) != 1:
            raise WorkerLost("the zygote forked no child")
        with _closing(descriptors[0]) as pidfd, MemoryWatch(pidfd, self._held, self._policy.memory_bytes) as watch:
            try:
                message, _ = await self._expect(self._policy.wall_s + _PROTOCOL_S)
            except BaseException:
                kill(pidfd)
                raise
        return EXIT.unpack(message.removeprefix(b"exit")), watch

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
        return LIMITS.pack(
            address_space + room + (table.size if table else 0), data + room, self._policy.cpu_s, self._policy.wall_s
        )

    async def _expect(self, seconds: float) -> tuple[bytes, list[int]]:
        """A message that must come in time, with its descriptors; one that lies there when a busy loop looks has."""
        with contextlib.suppress(TimeoutError):
            await self._wait_for_message(seconds)
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, 1)
        except BlockingIOError:
            raise WorkerLost(f"the zygote said nothing for {seconds:g} s") from None
        except OSError as error:
            raise WorkerLost("the zygote is gone") from error
        if not message:
            raise WorkerLost("the zygote is gone")
        return message, descriptors

    async def _wait_for_message(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._readable = readable = loop.create_future()
        loop.add_reader(self._control, _settle, readable)
        try:
            async with asyncio.timeout(seconds):
                await readable
        finally:
            self._readable = None
            self._unwatch()

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


def _pid(pidfd: int) -> int:
    found = process_id(pidfd)
    if found is None:
        raise WorkerLost("the zygote is gone")
    return found


def _children(process: int) -> list[int]:
    """The processes that one has started; none where it is gone, or its kernel does not say."""
    try:
        return [int(child) for child in read_proc(f"/proc/{process}/task/{process}/children").split()]
    except OSError:
        return []


def _sizes(process: int) -> tuple[int, int]:
    """A process's address space and its data (private and writable), both in bytes."""
    pages = read_proc(f"/proc/{process}/statm").split()
    return int(pages[0]) * _PAGE, int(pages[5]) * _PAGE


def _frame(result: int) -> bytes | None:
    """The claim in a result file, by its own account of its length; `None` if that is longer than the file."""
    size = os.fstat(result).st_size - LENGTH.size
    (length,) = LENGTH.unpack(os.pread(result, LENGTH.size, 0))
    return os.pread(result, length, LENGTH.size) if length <= size else None
