"""`sys.exit` in a node ends its row, not the program.

asyncio hands a `SystemExit` that leaves any task to the event loop, which ends with it. So while a job runs, tasks that
a row starts (LangGraph starts one a node, nodes may start their own) are started through a task factory, and a
`SystemExit` leaves them as an `Exited`, which is like any other exception. So does a `GeneratorExit`, at which asyncio
would close the coroutines that wait for the task. An application's own tasks and its own task factory stay as they are.

What still ends the program: `KeyboardInterrupt`; a `SystemExit` that a signal's handler raised; one in a callback of
the event loop (`call_soon`), which is no task; `os._exit`. Rows that had finished are kept then, all others are owed.
"""

from __future__ import annotations

import asyncio
import signal
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_IN_ROW: ContextVar[bool] = ContextVar("dikast_in_row", default=False)


class Exited(BaseException):
    """A task of a row ended with an exception that would end more than the row. As that, it is no `Exception`.

    Args:
        error: The exception.
    """

    def __init__(self, error: SystemExit | GeneratorExit) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error


class Guarded(Coroutine[Any, Any, Any]):
    """A coroutine that `SystemExit` and `GeneratorExit` leave as `Exited`.

    Not an `async def` around it: a task that is cancelled before its first step would then never have awaited it, and
    Python would say so.
    """

    def __init__(self, inner: Coroutine[Any, Any, Any]) -> None:
        self._inner = inner

    def send(self, value: Any, /) -> Any:
        """Go on with the coroutine."""
        try:
            return self._inner.send(value)
        except (SystemExit, GeneratorExit) as error:
            if is_signals(error):
                raise
            raise Exited(error) from error

    def throw(self, *args: Any) -> Any:
        """Go on with an exception."""
        try:
            return self._inner.throw(*args)
        except (SystemExit, GeneratorExit) as error:
            if is_signals(error):
                raise
            raise Exited(error) from error

    def close(self) -> None:
        """Drop the coroutine."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # `cr_frame` and the like, for whoever prints tasks


def is_signals(error: BaseException) -> bool:
    """Whether a signal's handler raised it: that means the program, wherever it was just then."""
    if not isinstance(error, SystemExit):
        return False
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    return any(frame.f_code in handlers for frame, _ in traceback.walk_tb(error.__traceback__))


class _Factory:
    """The task factory of a loop on which jobs run.

    Args:
        before: The loop's own; `None` for asyncio's.
    """

    def __init__(self, before: Callable[..., Any] | None) -> None:
        self.before = before
        self.jobs = 0

    def __call__(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        if _IN_ROW.get() and asyncio.iscoroutine(coro):
            coro = Guarded(coro)
        if self.before is not None:
            return self.before(loop, coro, **options)
        return asyncio.Task(coro, loop=loop, **options)


@contextmanager
def exits_end_rows() -> Generator[None]:
    """Inside the block, tasks that are started `in_row` on the running loop are guarded; jobs may end in any order."""
    loop = asyncio.get_running_loop()
    now = loop.get_task_factory()
    factory = now if isinstance(now, _Factory) else _Factory(now)
    factory.jobs += 1
    loop.set_task_factory(factory)
    try:
        yield
    finally:
        factory.jobs -= 1
        if not factory.jobs and loop.get_task_factory() is factory:  # else somebody has set their own meanwhile
            loop.set_task_factory(factory.before)


@contextmanager
def in_row() -> Generator[None]:
    """Tasks that are started inside the block, and by those, are a row's."""
    token = _IN_ROW.set(True)
    try:
        yield
    finally:
        _IN_ROW.reset(token)
