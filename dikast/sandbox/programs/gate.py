"""So many at once, or one alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator


class Gate:
    """Lets `slots` in at once; who asks to be alone keeps newcomers out and waits for the others to leave."""

    def __init__(self, slots: int) -> None:
        self._slots, self._inside = slots, 0
        self._alone = asyncio.Lock()
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def enter(self, *, alone: bool = False) -> AsyncGenerator[None]:
        """Wait for a place, or for the whole room."""
        async with self._alone:
            async with self._changed:
                await self._changed.wait_for(lambda: self._inside < (1 if alone else self._slots))
                self._inside += 1
            if alone:
                try:
                    yield
                finally:
                    await self._leave()
                return
        try:
            yield
        finally:
            await self._leave()

    async def _leave(self) -> None:
        async with self._changed:
            self._inside -= 1
            self._changed.notify_all()
