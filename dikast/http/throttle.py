"""Tell whoever runs many calls that a server asked for fewer of them.

A job runner sets `on_throttle` to a function in its own context; every engine calls `throttled()` when a server answers
429 or 503. The function runs on the event loop of the call, once for each such answer, and must not block:

    token = on_throttle.set(governor.slow_down)

Tasks inherit it from the context that they were started in, as with any context variable.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

on_throttle: ContextVar[Callable[[], None] | None] = ContextVar("on_throttle", default=None)


def throttled() -> None:
    """Report one answer that asked for fewer calls."""
    report = on_throttle.get()
    if report is not None:
        report()
