"""One command in its box: what it prints, how long it takes, what it holds, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import Process

from dikast.sandbox.cgroup import Group
from dikast.sandbox.programs import watch
from dikast.sandbox.programs.limits import Limits, Ran, Status

LOOK_S = 0.05
"""Seconds between two looks at memory."""

_LEAVE_S = 2.0
_CHUNK = 1 << 16
_SIGNALS = {128 + signal.SIGXCPU: Status.TIMEOUT, 128 + signal.SIGXFSZ: Status.OUTPUT}


class _Tail:
    """The end of a stream, and how long it was."""

    def __init__(self, room: int) -> None:
        self._room, self.total, self.kept = room, 0, bytearray()

    def add(self, chunk: bytes) -> None:
        self.total += len(chunk)
        self.kept += chunk
        if len(self.kept) > 2 * self._room:
            del self.kept[: -self._room]

    def end(self) -> bytes:
        return bytes(self.kept[-self._room :])


class Running:
    """A command that was started. Make it with `Programs.open`."""

    def __init__(self, process: Process, limits: Limits, group: Group) -> None:
        self._process, self._limits, self._group = process, limits, group
        self._out, self._err = _Tail(limits.output_bytes), _Tail(limits.output_bytes)
        self._begun, self._peak = time.monotonic(), 0
        self._stopped: Status | None = None
        self._ran: Ran | None = None
        self._watching = asyncio.create_task(self._watch())

    def stop(self, status: Status = Status.KILLED) -> None:
        """Kill all of it; `status` is what its end will be told as. The first to stop it is the one that counts."""
        if self._stopped is None and self._process.returncode is None:
            self._stopped = status
            watch.end(self._process.pid)

    async def wait(self, stdin: bytes = b"") -> Ran:
        """Wait for its end, which the limits bring about if nothing else does."""
        if self._ran is None:
            await asyncio.gather(self._read(self._process.stdout, self._out),
                                 self._read(self._process.stderr, self._err), self._feed(stdin))  # fmt: skip
            await self._leave()
            self._ran = self._told()
        return self._ran

    async def close(self) -> None:
        """Kill what is left of it and reap it."""
        self.stop()
        await self._leave()
        self._watching.cancel()
        await asyncio.to_thread(self._group.remove)

    async def _leave(self) -> None:
        """Wait for bubblewrap, which ends with its first child; where it does not, end its group."""
        for _ in range(3):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_S if self._stopped else None):
                    await self._process.wait()
                    return
            watch.end(self._process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    async def _read(self, stream: asyncio.StreamReader | None, tail: _Tail) -> None:
        while stream is not None and (chunk := await stream.read(_CHUNK)):
            tail.add(chunk)
            if self._out.total + self._err.total > self._limits.printed_bytes:
                self.stop(Status.OUTPUT)

    async def _feed(self, data: bytes) -> None:
        pipe = self._process.stdin
        if pipe is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.write(data)
            await pipe.drain()
        pipe.close()

    async def _watch(self) -> None:
        while self._process.returncode is None:
            held = await asyncio.to_thread(watch.resident, self._process.pid)
            self._peak = max(self._peak, held)
            if held > self._limits.memory_bytes:
                self.stop(Status.MEMORY)
            if time.monotonic() - self._begun > self._limits.wall_s:
                self.stop(Status.TIMEOUT)
            left = self._begun + self._limits.wall_s - time.monotonic()
            await asyncio.sleep(min(LOOK_S, max(left, 0.001)))

    def _told(self) -> Ran:
        code = self._process.returncode or 0
        status = self._stopped or _SIGNALS.get(code, Status.OK)
        if self._group.killed():
            status = Status.MEMORY
        elif code < 0 and self._stopped is None:
            status = Status.KILLED
        return Ran(
            status,
            code if code >= 0 else 128 - code,
            self._out.end(),
            self._err.end(),
            self._out.total,
            self._err.total,
            time.monotonic() - self._begun,
            max(self._peak, self._group.peak()),
        )
