"""Threads for nodes that are ordinary functions, as many as rows may be in flight.

LangGraph runs such a node in the event loop's default executor, whose size is that of the machine: five threads more
than processors. While a job runs, that executor is one of the job's size; afterwards the loop has its own again.

The threads are daemons, and nobody waits for them: a node that hangs past its row's time limit would else keep the
program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = tuple["Future[Any]", Callable[[], Any]]


class RowThreads(ThreadPoolExecutor):
    """Daemon threads, started when there is work and none is idle.

    Args:
        before: The loop's executor until now, if it is known.

    It is a `ThreadPoolExecutor` because asyncio takes no other as a loop's default; nothing of it is used.
    """

    def __init__(self, before: ThreadPoolExecutor | None) -> None:
        super().__init__(1)
        self.before = before
        self.jobs = 0
        """Jobs that use it."""
        self.most = 0
        """Threads at most: the sum of these jobs' rows in flight."""
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._mutex = threading.Lock()
        self._idle = self._started = 0
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function in one of the threads."""
        future: Future[T] = Future()
        with self._mutex:
            if self._closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._work.put((future, lambda: fn(*args, **kwargs)))
            if self._idle:
                self._idle -= 1  # that one will take it
            elif self._started < self.most:
                self._started += 1
                threading.Thread(target=self._serve, name=f"dikast-row-{self._started}", daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work and let the threads end when what waits is done; nobody waits for them."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                for _ in range(self._started):
                    self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            run(*work)
            del work  # else an idle thread keeps a row's result in memory
            with self._mutex:
                if self._work.empty():
                    self._idle += 1


def run(future: Future[Any], call: Callable[[], Any]) -> None:
    """Make a call and put its result, or whatever it raises, into the future."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:  # asyncio raises it where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)


@contextmanager
def row_threads(concurrency: int) -> Generator[None]:
    """Inside the block, the running loop's default executor has so many threads; jobs on one loop share it."""
    loop = asyncio.get_running_loop()
    # Only asyncio's own loops say what their executor is; any other gets a new one of the default kind afterwards.
    now: ThreadPoolExecutor | None = getattr(loop, "_default_executor", None)
    threads = now if isinstance(now, RowThreads) else RowThreads(now)
    threads.jobs, threads.most = threads.jobs + 1, threads.most + concurrency
    loop.set_default_executor(threads)
    try:
        yield
    finally:
        threads.jobs, threads.most = threads.jobs - 1, threads.most - concurrency
        if not threads.jobs:
            threads.shutdown()
            if getattr(loop, "_default_executor", threads) is threads:
                loop.set_default_executor(threads.before or ThreadPoolExecutor(thread_name_prefix="asyncio"))
