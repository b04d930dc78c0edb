"""A TCP proxy on loopback that misbehaves on demand, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import Literal

Fault = Literal["cut", "half-close", "slow"]
REQUEST = b"POST /v1/chat/completions"
CHUNK_BYTES = 2**16
FEW_BYTES = 100
"""How much of an answer passes before it is cut: a part of its head."""
SLOW_SECONDS = 2.0


@dataclass
class Proxy:
    """The proxy.

    Args:
        target: The real server's port.
        faults: What befalls the next answers, first in first out; then they pass.
        forwarded: Requests that reached the server.
        broken: Those among them whose answer did not come back whole.
    """

    target: int
    faults: deque[Fault] = field(default_factory=lambda: deque[Fault]())
    forwarded: int = 0
    broken: int = 0
    port: int = 0
    _connections: set[asyncio.Task[None]] = field(default_factory=lambda: set[asyncio.Task[None]]())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Proxy:
        started: Future[None] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        started.result(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set_result(None)
        await self._ended.wait()
        server.close()

    async def _connection(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """One request at a time: what the client sends, then what the server answers."""
        try:
            upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            to_client.close()
            return
        try:
            await self._pump(client, to_client, upstream, to_upstream)
        except OSError:
            self.broken += 1
        finally:
            for writer in (to_client, to_upstream):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _pump(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        to_upstream: asyncio.StreamWriter,
    ) -> None:
        while request := await message(client):
            self.forwarded += REQUEST in request
            to_upstream.write(request)
            await to_upstream.drain()
            answer = await message(upstream)
            fault = self.faults.popleft() if self.faults and REQUEST in request else None
            if not answer or fault in ("cut", "half-close"):
                self.broken += REQUEST in request
                to_client.write(answer[:FEW_BYTES])
                if fault == "half-close" and answer:
                    to_client.write_eof()
                    # Until the client goes too: its own half stays open.
                    await client.read()
                return
            if fault == "slow":
                to_client.write(answer[:FEW_BYTES])
                await to_client.drain()
                await asyncio.sleep(SLOW_SECONDS)
                answer = answer[FEW_BYTES:]
            to_client.write(answer)
            await to_client.drain()


async def message(stream: asyncio.StreamReader) -> bytes:
    """One HTTP message with a Content-Length; what there is of it, if the connection ends."""
    try:
        head = await stream.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    try:
        return head + await stream.readexactly(length)
    except asyncio.IncompleteReadError as error:
        return head + error.partial
