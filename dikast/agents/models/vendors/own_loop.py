"""One event loop, in a thread of its own, on which vendors' clients live.

    message = await OWN_LOOP.run(model.ainvoke(...))     # from any event loop
    OWN_LOOP.wait(opened())                              # from code that has none

Clients of vendors keep connections that belong to the loop on which they were opened, and share them between models:
asked from a second loop (a notebook's next cell, a thread), they fail with "Event loop is closed". Context variables
travel, and so does cancelling.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
THREADS = 64
"""For clients that block (Bedrock's); as many as a job has rows in flight by default."""


class OwnLoop:
    """The loop; it starts with the first piece of work and ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the loop, and wait for it on the caller's."""
        return await asyncio.wrap_future(self._submit(work))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work on the loop; the caller's thread waits."""
        return self._submit(work).result()

    def forget(self) -> None:
        """Have a child of a fork, in which no thread goes on, start a loop of its own."""
        self._lock, self._loop = threading.Lock(), None

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "dikast-vendors"))
                threading.Thread(target=self._loop.run_forever, name="dikast-vendors", daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop)


OWN_LOOP = OwnLoop()
os.register_at_fork(after_in_child=OWN_LOOP.forget)
