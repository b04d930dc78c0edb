"""A request on its way through an engine whose work is done in a thread of its own; such an engine; and many, shared.

ticket = Ticket(loop=loop, future=loop.create_future())      # on the loop that waits
ticket.settle(reply)                                         # in the engine's thread

class Engine(ThreadEngine[Request]): ...                     # says what its thread does with tickets

ENGINES = Engines(Engine)
engine = ENGINES.open(key, id(self))
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from dikast.errors import ModelError, ModelUnavailable
from dikast.http.server_errors import excerpt

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
FAILURE_HINT = "the next call opens the engine again"


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


W = TypeVar("W", bound=Ticket[Any])


class ThreadEngine(ABC, Generic[W]):
    """Tickets come in from any thread and event loop; one thread of the engine's own does all work on them.

    A maker sets up what that thread needs, and calls `_start` last.

    Args:
        name: Of the thread.
        told: What the engine is called in errors.
    """

    def __init__(self, name: str, told: str) -> None:
        self.failure: ModelError | None = None
        self._told = told
        self._wake = threading.Condition()
        self._inbox: deque[W] = deque()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopped(self) -> bool:
        """Whether it takes no more requests: closed, failed, or left behind by a fork."""
        return self.failure is not None or not self._thread.is_alive()

    def close(self) -> None:
        """Stop: what waits fails with `ModelUnavailable`, the thread ends, the model's memory is freed."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not threading.current_thread():
            self._thread.join()
        atexit.unregister(self.close)

    def _start(self) -> None:
        self._thread.start()
        atexit.register(self.close)

    def _put(self, ticket: W) -> W:
        """Let a ticket wait for the thread.

        Raises:
            ModelError: The engine has stopped; why.
        """
        with self._wake:
            if self.stopped:
                raise self.failure or self._unavailable("does not run")
            self._inbox.append(ticket)
            self._wake.notify()
        return ticket

    @abstractmethod
    def _serve(self) -> None:
        """What the thread does, until `_closing`."""

    @abstractmethod
    def _under_way(self) -> Sequence[W]:
        """Tickets that have been taken out of the inbox and not been settled."""

    @abstractmethod
    def _free(self, failed: bool) -> None:
        """Let go of all that is under way, and of the model."""

    def _reason(self, error: Exception) -> str:
        """What an error that ended the engine says."""
        return f"{type(error).__name__}: {excerpt(error)}"

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self._serve()
        except Exception as caught:  # whatever it is: those who wait must hear of it
            error = caught
        told = f"stopped: {self._reason(error)}" if error else "was closed"
        with self._wake:
            failure = self.failure = self._unavailable(told)
            waiting, self._inbox = [*self._under_way(), *self._inbox], deque[W]()
        for ticket in waiting:
            ticket.settle(failure)
        self._free(error is not None)

    def _unavailable(self, told: str) -> ModelUnavailable:
        return ModelUnavailable(f"{self._told} {told}", hint=FAILURE_HINT)


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
