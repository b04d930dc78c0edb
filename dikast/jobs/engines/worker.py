"""What does rows in a worker process: graph and context made from their names, an event loop, many rows at a time.

    worker = Worker(Order(...))         # in the worker's process
    facts = await worker.start()
    told = await worker.do(row)

It holds nothing that matters: the job's process knows what is owed, writes the journal and grants the limits. Whoever
carries the messages (`ray.py`) needs to know none of that.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import AsyncExitStack
from contextvars import Context as Variables
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from dikast.agents.foreign_calls import ForeignCalls, counting_foreign_calls
from dikast.agents.ledger import Ledger, recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import LIMIT_OF, Limits
from dikast.agents.models.load import close_models
from dikast.agents.models.pace import Rates
from dikast.errors import DikastError, UsageError
from dikast.http.throttle import on_throttle
from dikast.importing import import_here
from dikast.jobs.attempt import Done, Work
from dikast.jobs.engines.slices import Spent
from dikast.jobs.exits import exits_end_rows
from dikast.jobs.fingerprint import Parts, fingerprint
from dikast.jobs.heap import spare_collector
from dikast.jobs.keys import Row
from dikast.jobs.made_of import name_of
from dikast.jobs.manifest import versions
from dikast.jobs.threads import row_threads
from dikast.records import Outcome
from dikast.redaction import Redaction

RUN = "run"
"""What the ledger is called that is granted slices."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is to do, in values that travel.

    Args:
        graph: Where the compiled graph stands, `module:name`.
        context: Where the context's class stands, the same way; empty where there is no context.
        values: The context as JSON, actors as their specs.
        samples: The run's, for the fingerprint.
        row_limits: What one row may spend.
        attempt: 1-based number of the job's attempt.
        allowed: What may be spent before the first slice.
        cache: The request cache's file; empty without one.
        rows: In flight at most.
        folder: Where the job was started: paths that are not absolute begin there, where there is such a folder.
        rates: This worker's share of what the run may spend a minute.
        redact: What redacts rows before they leave the worker, `module:name`; empty for nothing.
    """

    graph: str
    context: str
    values: str
    samples: int
    row_limits: Limits | None
    attempt: int
    allowed: Limits
    cache: str
    rows: int
    folder: str = ""
    rates: Rates | None = None
    redact: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker says of itself when it is ready.

    Args:
        name: Host and process.
        versions: As in a manifest.
        parts: The run's fingerprint, as made here.
        error: What keeps it from working.
    """

    name: str
    versions: dict[str, str]
    parts: Parts
    error: DikastError | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How a row ended, and what the worker has spent since it began.

    Args:
        outcome: As in `Done`, and so are `line`, `trace`, `fatal` and `limited`.
        spent: All of it.
        throttled: Whether a server asked for fewer calls since the last row.
    """

    outcome: Outcome
    line: bytes
    trace: str
    fatal: DikastError | None
    limited: bool
    spent: Spent
    throttled: bool


class Worker:
    """Does rows.

    Args:
        order: What, with what.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self.stack = AsyncExitStack()
        """What this process has changed of itself; a process that ends need not undo it."""
        self.running: dict[str, asyncio.Task[Done]] = {}
        self._granted = asyncio.Event()
        self._wanted = asyncio.Event()
        self._final = False
        self._spoken = 0
        self._throttled = False
        self._context: Any = None
        self._ledger: Ledger
        self._foreign: ForeignCalls
        self._work: Work
        self._variables: Variables

    async def start(self) -> Facts:
        """Make the graph and its context; what is wrong is said in the answer."""
        try:
            parts = await self._start()
        except DikastError as error:
            return Facts(self.name, versions(), {}, error)
        return Facts(self.name, versions(), parts)

    async def _start(self) -> Parts:
        order = self.order
        if order.folder and Path(order.folder).is_dir():
            os.chdir(order.folder)
        graph: Any = found_at(order.graph)
        self._context = context_of(order)
        redaction = Redaction.of(order.redact) if order.redact else None
        self._work = Work(graph, self._context, order.row_limits, order.attempt, self.name, redaction)
        cache = RequestCache(Path(order.cache)) if order.cache else None
        # Rows run in copies of the variables that these blocks set, in whichever task a message comes.
        book = recording(cache=cache, limits=order.allowed, rates=order.rates, name=RUN)
        self._ledger = self.stack.enter_context(book)
        self._ledger.refill = self._room
        self._foreign = self.stack.enter_context(counting_foreign_calls())
        self.stack.enter_context(row_threads(order.rows))
        self.stack.enter_context(exits_end_rows())
        on_throttle.set(self._throttle)
        self._variables = copy_context()
        parts = fingerprint(name_of(graph), self._context, order.samples, redaction)
        self.stack.enter_context(spare_collector())
        return parts

    async def do(self, row: Row) -> Told:
        """Do a row."""
        task = asyncio.create_task(self._do(row), context=self._variables.copy())
        self.running[row.key] = task
        try:
            done = await task
        finally:
            self.running.pop(row.key, None)
        throttled, self._throttled = self._throttled, False
        return Told(done.outcome, done.line, done.trace, done.fatal, done.limited, self.spent, throttled)

    async def _do(self, row: Row) -> Done:
        while True:
            try:
                done = await self._work.do(row)
            except GeneratorExit as error:
                done = self._work.thrown(row, error)
            # A call that cannot wait for a slice (one that is not made by `ask`) stopped the row, or was done without.
            if not (done.limited and of_run(done.line) and await self._room()):
                return done

    async def ping(self) -> None:
        """Say that the event loop runs."""

    def drop(self, key: str) -> None:
        """Cancel a row that nobody waits for any more."""
        if task := self.running.get(key):
            task.cancel()

    @property
    def spent(self) -> Spent:
        """Since this worker began."""
        self._spoken += 1
        return Spent(dict(self._ledger.usage_by_role), self._ledger.begun, self._spoken)

    async def wants(self) -> Spent:
        """Return when a further slice of the limits is wanted."""
        await self._wanted.wait()
        self._wanted.clear()
        return self.spent

    def grant(self, limits: Limits | None) -> None:
        """Go on within these limits; `None` says that nothing is left."""
        if limits is None:
            self._final = True
        else:
            self._ledger.allow(limits)
        self._granted.set()

    def give_back(self) -> Spent:
        """Spend nothing further before the next slice."""
        self._ledger.allow(self.order.allowed)  # from here on no call passes, in no thread
        return self.spent

    async def close(self) -> tuple[Spent, list[str]]:
        """Stop what runs, free what the models hold.

        Returns:
            What was spent since it began, and what a person should know.
        """
        for task in self.running.values():
            task.cancel()
        if self.running:
            await asyncio.wait(list(self.running.values()))
        await close_models()
        held = cast(dict[str, Any], {} if self._context is None else vars(self._context))
        for actor in held.values():
            if hasattr(actor, "aclose"):
                await actor.aclose()
        return self.spent, self._foreign.notes

    async def _room(self) -> bool:
        """Wait for the next slice if there has to be one; whether a call passes then."""
        while not self._ledger.passes:
            if self._final:
                return False
            self._granted.clear()
            self._wanted.set()
            await self._granted.wait()
        return True

    def _throttle(self) -> None:
        self._throttled = True


def of_run(line: bytes) -> bool:
    """Whether it was the run's limit, and not the row's own, that a row or a call of it met."""
    record = json.loads(line)
    beginning = LIMIT_OF.format(RUN)
    return any(ended["reason"].startswith(beginning) for ended in (record, *record["calls"]))


def found_at(reference: str) -> Any:
    """What stands at `module:name`.

    Raises:
        UsageError: It cannot be imported here.
    """
    module, _, name = reference.partition(":")
    try:
        found: Any = import_here(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        hint = "install the package there, or put its folder on the workers' PYTHONPATH"
        raise UsageError(f"{reference} cannot be imported: {error}", hint=hint) from error
    return found


def context_of(order: Order) -> Any:
    """The context, made anew from its JSON; `None` where the graph has none.

    Raises:
        UsageError: It cannot be made here.
    """
    if not order.context:
        return None
    kind: type[BaseModel] = found_at(order.context)
    try:
        return kind.model_validate_json(order.values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the context's {where} cannot be made here: {first['msg']}") from error
