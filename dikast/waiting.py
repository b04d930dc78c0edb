"""Coroutines for code that is none: one wrapper for everything in dikast that is awaited.

    summary = wait(jobs.run(graph, rows, context, out))       # a script
    summary = await jobs.run(graph, rows, context, out)       # a notebook, an app, any coroutine

In a notebook an event loop runs already, and `await` works at the top of a cell: `wait` refuses there and says so. To
run the job in another thread instead would give it no Ctrl-C that drains it, and clients of another loop than the next
cell's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from dikast.errors import UsageError

T = TypeVar("T")


def wait(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to, where no event loop runs: `wait(jobs.run(...))`, `wait(graph.ainvoke(...))`.

    Raises:
        UsageError: One does, as in a notebook: write `await` there.
    """
    if not loop_runs():
        return asyncio.run(work)
    name = getattr(work, "__qualname__", "").rpartition(".")[2] or "it"
    work.close()  # else Python complains that nobody awaited it
    raise UsageError("an event loop runs here already, as in a notebook", hint=f"write: await {name}(...)")


def complete(work: Coroutine[Any, Any, T]) -> T:
    """What a short coroutine comes to, whether a loop runs or not; with one, in a thread, and this one waits.

    For reports, which are ordinary functions, and may be called from a notebook's cell.
    """
    if not loop_runs():
        return asyncio.run(work)
    with ThreadPoolExecutor(1, "dikast-waiting") as pool:
        return pool.submit(copy_context().run, asyncio.run, work).result()


def loop_runs() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
