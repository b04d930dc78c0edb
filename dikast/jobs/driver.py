"""What drives a job: owed rows go to the engine's hands, as many at a time as the gate allows, and then to the journal.

At most that many tasks exist, whatever the number of rows. Finished rows go to the writer in the order in which they
finish. Rows that met an engine that cannot be reached are held back: if one of the next rows is well, they were single
failures and are written as such; if `UNREACHABLE_IN_A_ROW` come together, the engine is gone, the job stops with that
error, and they stay owed. A failure that the first rows share stops it too (`shared_failure.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from langchain_core.runnables.config import var_child_runnable_config

from dikast.errors import DikastError, LimitReached, UsageError
from dikast.http.throttle import on_throttle
from dikast.jobs.attempt import Done, cancel
from dikast.jobs.concurrency import Gate
from dikast.jobs.engines import Hands, Place
from dikast.jobs.feed import ROWS_BETWEEN_YIELDS
from dikast.jobs.files import encode
from dikast.jobs.keys import Row
from dikast.jobs.shared_failure import SharedFailure
from dikast.jobs.writer import Writer
from dikast.records import Outcome

UNREACHABLE_IN_A_ROW = 16
"""Each has been through its client's own retries, so that this many are no accident."""


@dataclass
class Driver:
    """Has rows done.

    Args:
        place: The job's work, ledger and stop.
        hands: What does the rows.
        gate: How many at a time.
        writer: Where finished rows go.
        finished: Called for each row that is written.
    """

    place: Place
    hands: Hands
    gate: Gate
    writer: Writer
    finished: Callable[[Done], None]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _held: list[Done] = field(default_factory=list[Done])
    _shared: SharedFailure = field(default_factory=SharedFailure)
    _any_well: bool = False
    _left_out: bool = False
    _over: bool = False

    def __post_init__(self) -> None:
        self._stop = self.place.stop

    async def run(self, owed: Iterable[Row | None]) -> None:
        """Run what is owed, until it is done or the job stops. `None` stands for a row that is not owed.

        Cancelling this cancels what is in flight.
        """
        token = on_throttle.set(self.gate.slow_down)
        try:
            try:
                await self._start_all(owed)
            except Exception as error:  # the input's: what is in flight has done nothing wrong
                self._stop.drain("input", error)
            await self._wait_for_all()
        finally:
            on_throttle.reset(token)
            await self._cancel_all()
        self._settle()
        if not self._left_out:
            self._stop.came_too_late()

    async def _start_all(self, owed: Iterable[Row | None]) -> None:
        for count, row in enumerate(owed, start=1):
            if row is not None:
                await self._room()
            elif count % ROWS_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)
            if self._stop.stopping:
                self._left_out = True
                return
            if row is not None:
                self._start(row)

    async def _room(self) -> None:
        while not self.gate.room and not self._stop.stopping:
            await self.gate.changed()

    def _start(self, row: Row) -> None:
        self.gate.enter()
        task = asyncio.create_task(self._do(row), context=outside_graphs())
        self._tasks.add(task)
        task.add_done_callback(self._out)

    def _out(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.gate.leave()
        if task.cancelled():
            self._left_out = True  # by us or by somebody else: either way the row is owed
        elif (error := task.exception()) is not None:
            self._stop.abort("bug", error)

    async def _do(self, row: Row) -> None:
        try:
            done = await self.hands.do(row)
        except GeneratorExit as error:
            done = self.place.work.thrown(row, error)
        if self._over:  # a row that went on after it was cancelled: the files are closed, and it is owed
            return
        if done.outcome is Outcome.TIMEOUT:
            self.gate.slow_down()
        if done.fatal is not None:
            self._fatal(done, done.fatal)
        elif done.limited and self._limit_reached():
            self._left_out = True
        else:
            self._any_well = True
            self._release()
            self._write(done)
            if why := self._shared.row_ended(done.line):
                self._stop.drain(why)

    def _limit_reached(self) -> bool:
        """Whether the run's own limit is used up: then the row stays owed, and no further one starts."""
        try:
            self.place.ledger.check()
        except LimitReached as reached:
            self._stop.drain(str(reached))
            return True
        return False

    def _fatal(self, done: Done, error: DikastError) -> None:
        if isinstance(error, UsageError):
            self._stop.drain("usage", error)
            self._left_out = True
            return
        self._held.append(done)
        if len(self._held) >= UNREACHABLE_IN_A_ROW:
            self._stop.drain("unreachable", error)

    def _settle(self) -> None:
        """At the end: single failures are results, unless no row of this attempt was well."""
        if self._held and not self._any_well:
            self._stop.drain("unreachable", self._held[-1].fatal)
        if self._stop.stopping:
            self._left_out |= bool(self._held)
        else:
            self._release()

    def _release(self) -> None:
        held, self._held = self._held, []
        for done in held:
            self._write(done)

    def _write(self, done: Done) -> None:
        trace = encode({"key": done.row.key, "row": done.row.number, "trace": done.trace}) if done.trace else b""
        self.writer.add(done.line, trace)
        self.finished(done)

    async def _wait_for_all(self) -> None:
        while self._tasks and not self._stop.aborting:
            await self.gate.changed()

    async def _cancel_all(self) -> None:
        self._left_out |= bool(self._tasks)
        await cancel(self._tasks)
        self._over = True


def outside_graphs() -> Context:
    """A copy of this context that knows of no graph around: a job that runs inside a node is no subgraph of it.

    Else every row would inherit the outer run's callbacks, checkpointer and tags, and its recursion limit.
    """
    context = copy_context()
    context.run(var_child_runnable_config.set, None)
    return context
