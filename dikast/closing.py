"""Closing what takes its time, from an event loop, so that it happens whoever gives up waiting.

    await close_in_thread(engine.close)

`asyncio.to_thread` will not do: a call that is cancelled while it waits for a thread is never made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def close_in_thread(close: Callable[[], None]) -> None:
    """Call this in one of the loop's threads; cancelling whoever waits for it does not take the call back.

    Raises:
        Exception: What the call raised; nobody is told after a cancellation.
    """
    await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, close))
