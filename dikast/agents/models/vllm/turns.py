"""Kinds of requests that take turns, for engines that cannot have two kinds in one batch.

async with turns.of("adapter"):
    ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """Any number of one kind at once, and no other kind beside it. For one event loop.

    Those who came while others waited go behind them, so that no kind can keep another out for ever.
    """

    def __init__(self) -> None:
        self._kind = ""
        self._inside = 0
        self._door = asyncio.Lock()
        self._empty = asyncio.Event()

    @asynccontextmanager
    async def of(self, kind: str) -> AsyncGenerator[None]:
        """Wait for the turn of this kind, and keep it for the length of the block."""
        async with self._door:
            if self._kind != kind:
                while self._inside:
                    self._empty.clear()
                    await self._empty.wait()
                self._kind = kind
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()
