"""The ledger: every model call of a piece of work, whole, and what it cost.

    with recording(limits=Limits(calls=100)) as ledger:
        await genqr.graph.ainvoke(...)
    print(ledger.usage, ledger.calls)

The ledger is ambient (a context variable): nodes and branches that LangGraph starts inside the block write into it
without passing it along. Blocks nest: an inner one keeps its own calls, takes the outer one's request cache unless it
names another, and what it spends counts against the outer one's limits too. Work outside any block is not recorded.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Budget, Limits
from dikast.agents.models.pace import Pace, Rates
from dikast.agents.models.request import Message
from dikast.errors import LimitReached
from dikast.records import Outcome, Provenance, Usage


@dataclass(frozen=True, slots=True)
class Call:
    """One model call: what was said to whom, what came back, how it ended, what it cost."""

    role: str
    messages: tuple[Message, ...]
    reply: str
    reasoning: str
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON; usage without its zeros."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "usage": self.usage.as_dict(), "provenance": self.provenance.as_dict()}


class Ledger:
    """Calls and costs of one piece of work, by role."""

    def __init__(
        self, cache: RequestCache | None, limits: Limits | None, name: str, outer: Ledger | None, sample: int = 0
    ) -> None:
        self.cache = cache
        self.sample = sample
        self.calls: list[Call] = []
        self._starts: list[float] = []
        self.usage_by_role: dict[str, Usage] = {}
        self.refill: Callable[[], Awaitable[bool]] | None = None
        """Where limits are granted in slices: waits for the next one; whether a call would pass then."""
        self.pace: Pace | None = None
        """How fast calls are made; that of the outermost block counts."""
        self._budget = Budget(limits, name) if limits else None
        self._outer = outer
        self._lock: threading.Lock = outer._lock if outer else threading.Lock()
        """One for all blocks around: nodes that are ordinary functions make calls in threads."""

    @property
    def usage(self) -> Usage:
        """The sum over roles."""
        return sum(self.usage_by_role.values(), Usage())

    def begin(self) -> None:
        """Let the next call pass, here and in the blocks around, or raise `LimitReached`."""
        with self._lock:
            self.check()
            self._begin()

    async def admit(self) -> None:
        """As `begin`, when it is this call's turn; where limits are granted in slices, wait for the next one first."""
        outermost = self.outermost
        if outermost.pace is not None:
            await outermost.pace.turn()
        while True:
            try:
                return self.begin()
            except LimitReached:
                if outermost.refill is None or outermost.passes or not await outermost.refill():
                    raise

    def _begin(self, calls: int = 1) -> None:
        if self._budget:
            self._budget.begin(calls)
        if self._outer:
            self._outer._begin(calls)

    def check(self) -> None:
        """Raise `LimitReached` if the next call would not pass, here or in the blocks around."""
        if self._budget:
            self._budget.check()
        if self._outer:
            self._outer.check()

    def add(self, call: Call, started: float | None = None) -> None:
        """Keep a call and book its cost, here and in the blocks around.

        Calls are kept in the order in which they began, so that of ten instructions asked at once the third call is
        the third instruction's, whichever reply came first.

        Args:
            call: The call.
            started: When it began, by `time.perf_counter`; now, if nobody knows.
        """
        started = time.perf_counter() if started is None else started
        with self._lock:
            place = bisect_right(self._starts, started)
            self._starts.insert(place, started)
            self.calls.insert(place, call)
            self._book(call.role, call.usage)

    def book(self, usage: Mapping[str, Usage], calls: int) -> None:
        """Book, by role, what was spent elsewhere, and how many calls began there."""
        with self._lock:
            self._begin(calls)
            for role, spent in usage.items():
                self._book(role, spent)

    @property
    def begun(self) -> int:
        """Calls that were let pass, where there are limits."""
        return self._budget.begun if self._budget else 0

    def allow(self, limits: Limits) -> None:
        """Have other limits from now on; what was spent stays spent."""
        with self._lock:
            if self._budget:
                self._budget.limits = limits

    @property
    def passes(self) -> bool:
        """Whether the next call would pass here, whatever the blocks around say."""
        try:
            if self._budget:
                self._budget.check()
        except LimitReached:
            return False
        return True

    @property
    def outermost(self) -> Ledger:
        """The ledger of the block that is around all others."""
        return self._outer.outermost if self._outer else self

    def _book(self, role: str, usage: Usage) -> None:
        self.usage_by_role[role] = self.usage_by_role.get(role, Usage()) + usage
        if self._budget:
            self._budget.add(usage)
        if self.pace is not None:
            self.pace.book(usage.input_tokens + usage.output_tokens)
        if self._outer:
            self._outer._book(role, usage)


_current: ContextVar[Ledger | None] = ContextVar("dikast_ledger", default=None)


def current() -> Ledger | None:
    """The innermost ledger, or `None` outside any `recording` block."""
    return _current.get()


_booked: ContextVar[bool] = ContextVar("dikast_booked", default=False)


def is_booked() -> bool:
    """Whether whoever makes the call at hand writes it into the ledger."""
    return _booked.get()


@contextmanager
def booking() -> Generator[None]:
    """Say that calls inside the block are written into the ledger by whoever makes them, and by nobody else."""
    token = _booked.set(True)
    try:
        yield
    finally:
        _booked.reset(token)


@contextmanager
def recording(
    *,
    cache: RequestCache | None = None,
    limits: Limits | None = None,
    rates: Rates | None = None,
    name: str = "run",
    sample: int = 0,
) -> Generator[Ledger]:
    """Record every model call made inside the block, in this task and in those that it starts.

    Args:
        cache: Where replies are looked up and kept; the outer block's by default.
        limits: What may be spent inside the block.
        rates: What may be spent a minute; calls that `ask` makes wait for their turn. An inner block's do not count.
        name: What the block is called in the message of `LimitReached`: `run`, `row`.
        sample: Index of this piece of work among samples of the same; added to the sample index of every call inside,
            so that samples differ in seed and cache key.

    Raises:
        DataError: The cache cannot be opened.
    """
    outer = _current.get()
    if cache is not None:
        cache.open()
    elif outer is not None:
        cache = outer.cache
    ledger = Ledger(cache, limits, name, outer, sample)
    if rates is not None and rates.any:
        ledger.pace = Pace(rates)
    token = _current.set(ledger)
    try:
        yield ledger
    finally:
        _current.reset(token)
