"""Where a job's rows are done: in this process (`local.py`), or by workers of a Ray cluster (`ray.py`).

An engine gives the job a pair of hands: something that does one row. Which rows, how many at a time, the journal, the
limits and when to stop are the job's affair, and the same for every engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from dikast.agents.ledger import Ledger
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.agents.models.pace import Rates
from dikast.jobs.attempt import Done, Work
from dikast.jobs.keys import Row
from dikast.jobs.stopping import Stop

ONLY_HERE = "only_here"
"""A class attribute of contexts whose rows can be done in the job's own process alone: it says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an engine is told of the job that it works for.

    Args:
        work: What is done with each row.
        parts: The run's fingerprint, for who makes the context anew.
        ledger: The run's; what is spent elsewhere is booked here.
        limits: What the run may still spend; `seconds` are the job's own affair.
        cache: The request cache.
        concurrency: Rows in flight at most, for each process.
        slow_down: To be called when a server asked for fewer calls.
        stop: For what ends the job.
        rates: What the run may spend a minute.
    """

    work: Work
    parts: Mapping[str, Any]
    ledger: Ledger
    limits: Limits | None
    cache: RequestCache | None
    concurrency: int
    slow_down: Callable[[], None]
    stop: Stop
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Hands:
    """What does rows.

    Args:
        do: Does one; raises nothing but the cancellation of the task that awaits it.
        rows: In flight at most, over all processes.
        notes: What a person should know; read when all is done.
    """

    do: Callable[[Row], Awaitable[Done]]
    rows: int
    notes: list[str] = field(default_factory=list[str])


class Engine(Protocol):
    """Where rows are done."""

    @property
    def name(self) -> str:
        """For the manifest."""
        ...

    def open(self, place: Place) -> AbstractAsyncContextManager[Hands]:
        """Be ready to do rows, until the block ends; nothing that it started is left then.

        Raises:
            UsageError: This job cannot be done there, or something is missing.
        """
        ...
