"""A request on its way through an engine whose work is done in a thread of its own, and those engines, shared.

ticket = Ticket(loop=loop, future=loop.create_future())      # on the loop that waits
ticket.settle(reply)                                         # in the engine's thread

ENGINES = Engines(Engine)
engine = ENGINES.open(key, id(self))
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from dikast.errors import ModelError

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(eq=False, slots=True, kw_only=True)
class Ticket(Generic[T]):
    """What a request's outcome is handed back through.

    Args:
        loop: The event loop that waits.
        future: What is waited for.
        cancelled: Whether nobody waits any more.
    """

    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    cancelled: bool = False

    def settle(self, outcome: T | Exception) -> None:
        """Hand the outcome to the loop that waits for it, from any thread."""
        try:
            self.loop.call_soon_threadsafe(self._settle, outcome)
        except RuntimeError:  # that loop has been closed: nobody waits any more
            self.cancelled = True

    def drop(self) -> None:
        """Say that nobody waits any more; what the request holds is freed at the next step."""
        self.cancelled = True
        if not self.future.cancel() and not self.future.cancelled():
            self.future.exception()  # retrieved, so that asyncio does not report it as overlooked

    def _settle(self, outcome: T | Exception) -> None:
        if self.cancelled or self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Shared(Protocol):
    """What an engine must tell and do to be shared."""

    failure: ModelError | None

    @property
    def stopped(self) -> bool:
        """Whether it takes no more requests: closed, failed, or left behind by a fork."""
        ...

    def close(self) -> None:
        """Stop it, and free what it holds."""
        ...


E = TypeVar("E", bound=Shared)


class Engines(Generic[K, E]):
    """The engines of this process: one a key, shared by all who ask for the same.

    Args:
        make: Opens the engine for a key; it may take a while, and raise.
    """

    def __init__(self, make: Callable[[K], E]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._engines: dict[K, tuple[E, set[int]]] = {}

    def open(self, key: K, user: int) -> E:
        """The engine for a key, opened if it is not yet for any `user`; blocks while it loads.

        Raises:
            DikastError: As opening one does.
        """
        with self._lock:
            engine, users = self._engines.get(key, (None, set[int]()))
            if engine is None or engine.stopped:
                if engine is not None and engine.failure is not None:
                    engine.close()
                engine = self._make(key)
                self._engines[key] = (engine, users)
            users.add(user)
            return engine

    def close(self, user: int) -> None:
        """Give up what a user has open; an engine that nobody else has open is closed."""
        with self._lock:
            for key, (engine, users) in list(self._engines.items()):
                users.discard(user)
                if not users:
                    del self._engines[key]
                    engine.close()
