from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from dikast.agents.models.openvino import model as openvino
from dikast.agents.models.openvino.model import OpenVinoModel
from dikast.agents.models.vllm.engine import Engine
from dikast.closing import close_in_thread


@contextmanager
def one_busy_thread() -> Generator[threading.Event]:
    """The loop has one thread, which is busy until the event is set."""
    free = threading.Event()
    threads = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(threads)
    threads.submit(free.wait)
    try:
        yield free
    finally:
        free.set()
        threads.shutdown()


async def cancelled_while_queued(closing: Awaitable[None]) -> None:
    """Begin to close, and give up before a thread is free."""
    with one_busy_thread():
        task = asyncio.ensure_future(closing)
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()


async def test_a_cancelled_close_happens_all_the_same() -> None:
    closed = threading.Event()
    await cancelled_while_queued(close_in_thread(closed.set))
    assert closed.is_set()


async def test_what_a_close_raises_is_raised() -> None:
    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await close_in_thread(fails)


async def test_a_cancelled_close_of_a_model_closes_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    monkeypatch.setattr(openvino.ENGINES, "close", closed.append)
    model = OpenVinoModel(spec="openvino:x", target="x")
    await cancelled_while_queued(model.aclose())
    assert closed == [id(model)]


async def test_a_cancelled_close_of_a_vllm_engine_ends_it() -> None:
    class Closing(Engine):
        def __init__(self, closed: Callable[[], None]) -> None:
            self.closed = closed

        def close(self) -> None:
            self.closed()

    ended = threading.Event()
    await cancelled_while_queued(Closing(ended.set).aclose())
    assert ended.is_set()
