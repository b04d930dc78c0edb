"""What every engine with a thread of its own promises to those who wait; the thread's work is scripted here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from dikast.agents.models.tickets import Engines, ThreadEngine, Ticket
from dikast.errors import ModelUnavailable

PATIENCE_SECONDS = 30.0


class Echo(ThreadEngine[Ticket[str]]):
    """Takes one ticket in, and keeps it until it is told how to go on: `ok`, or an error's text."""

    def __init__(self, key: str) -> None:
        super().__init__(f"echo {key}", f"echo engine of {key}")
        self.taken, self.order = threading.Event(), threading.Event()
        self.said, self.freed = "", list[bool]()
        self._held: list[Ticket[str]] = []
        self._start()

    def submit(self) -> Ticket[str]:
        loop = asyncio.get_running_loop()
        return self._put(Ticket(loop=loop, future=loop.create_future()))

    def go_on(self, said: str) -> None:
        self.said = said
        self.order.set()

    def _serve(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._inbox or self._closing)
                if self._closing:
                    return
                self._held.append(self._inbox.popleft())
            self.taken.set()
            self.order.wait()
            self.order.clear()
            if self.said != "ok":
                raise RuntimeError(self.said)
            self._held.pop().settle(self.said)

    def _under_way(self) -> Sequence[Ticket[str]]:
        return self._held

    def _free(self, failed: bool) -> None:
        self.freed.append(failed)


async def test_an_error_is_told_to_whoever_runs_or_waits_and_to_the_next() -> None:
    engine = Echo("a")
    running = engine.submit()
    await asyncio.to_thread(engine.taken.wait)
    waiting = engine.submit()
    engine.go_on("no more paper")
    for ticket in (running, waiting):
        with pytest.raises(ModelUnavailable, match="echo engine of a stopped: RuntimeError: no more paper"):
            await asyncio.wait_for(ticket.future, PATIENCE_SECONDS)
    with pytest.raises(ModelUnavailable, match="no more paper"):
        engine.submit()
    await asyncio.to_thread(engine.close)
    assert engine.stopped
    assert engine.freed == [True]


async def test_closing_waits_for_the_thread_and_tells_those_who_wait() -> None:
    engine = Echo("b")
    running = engine.submit()
    await asyncio.to_thread(engine.taken.wait)
    waiting = engine.submit()
    closing = asyncio.ensure_future(asyncio.to_thread(engine.close))
    while not engine._closing:
        await asyncio.sleep(0)
    engine.go_on("ok")
    await closing
    assert await running.future == "ok"
    with pytest.raises(ModelUnavailable, match="echo engine of b was closed"):
        await asyncio.wait_for(waiting.future, PATIENCE_SECONDS)
    assert engine.freed == [False]
    assert not engine._thread.is_alive()


async def test_a_stopped_engine_is_opened_anew_and_the_last_user_closes_it() -> None:
    engines = Engines(Echo)
    first = engines.open("c", 1)
    assert engines.open("c", 2) is first
    ticket = first.submit()
    first.go_on("broken")
    with pytest.raises(ModelUnavailable):
        await asyncio.wait_for(ticket.future, PATIENCE_SECONDS)
    second = engines.open("c", 1)
    assert second is not first
    engines.close(1)
    assert not second.stopped
    engines.close(2)
    assert second.stopped
