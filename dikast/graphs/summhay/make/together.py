"""Many calls at once, in a node: a hundred documents are too many branches for a graph, and its journal too long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
U = TypeVar("U")

AT_ONCE = 64
"""The contract suite holds every engine to 64 requests in flight."""


async def together(work: Callable[[T], Awaitable[U]], items: Sequence[T]) -> list[U]:
    """The results in the order of the items, `AT_ONCE` under way; the first error cancels what is under way still."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(item: T) -> U:
        async with room:
            return await work(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
