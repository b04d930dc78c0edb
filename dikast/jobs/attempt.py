"""One row through the graph: whatever happens to it becomes a record.

A model that gave no reply, a limit, a timeout: an outcome with its reason. A bug: the outcome `error`, and a traceback
for `errors.jsonl`. What no further row would survive (a wrong setting, a missing package, an engine that cannot be
reached) is handed up in `Done.fatal`, for the job to decide.

Everything that a node can raise is such an end, `BaseException` included: panics of Rust extensions (tokenizers,
polars, pydantic-core) derive from it, and `sys.exit` raises one (`exits.py`). Only Ctrl-C, what a signal's handler
raises to end the program, and the cancellation of the row's own task go on.
"""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import Collection, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from langgraph.errors import NodeTimeoutError

from dikast.agents.failures import outcome_of
from dikast.agents.ledger import Ledger, recording
from dikast.agents.models.limits import Limits
from dikast.errors import DikastError, LimitReached, ModelError
from dikast.jobs.exits import Exited, in_row, is_signals
from dikast.jobs.files import encode, without_nan
from dikast.jobs.keys import Row, copy_value
from dikast.records import Outcome
from dikast.redaction import Redaction, RedactionError, redacting

if TYPE_CHECKING:
    from dikast.jobs.inputs import Graph

T = TypeVar("T")
STOP_SECONDS = 5.0
"""How long a cancelled row may take to end: time to close a connection, though not to hold up the job for ever."""
UNREACHABLE_EXIT = 4
"""The exit code of errors that say: something is missing or cannot be reached."""
OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class Done:
    """A row that came to its end.

    Args:
        row: The row that ended.
        outcome: How it ended.
        line: Its line of the journal.
        trace: Traceback of a bug; empty if there was none.
        fatal: An error that a person has to act upon, which other rows would meet too.
        limited: Whether a limit stopped the row, or a call of it that the graph did without.
        worker: Who did it, as its line has it; empty in the job's own process.
    """

    row: Row
    outcome: Outcome
    line: bytes
    trace: str = ""
    fatal: DikastError | None = None
    limited: bool = False
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with each row.

    Args:
        graph: The compiled graph.
        context: Its context.
        limits: What one row may spend.
        attempt: 1-based number of the job's attempt, for the record.
        worker: Who does it, for the record; empty in the job's own process.
        redaction: What every text goes through before it is a line.
    """

    graph: Graph
    context: object
    limits: Limits | None = None
    attempt: int = 1
    worker: str = ""
    redaction: Redaction | None = None

    async def do(self, row: Row) -> Done:
        """Run the graph on a row. Raises nothing but the cancellation of this very task."""
        started = time.perf_counter()
        try:
            with (
                recording(limits=self.limits, name="row", sample=row.sample) as ledger,
                in_row(),
                redacting(self.redaction),
            ):
                ended = await self._end(row)
        except GeneratorExit as error:
            return self.thrown(row, error)
        return self._done(row, ended, ledger, time.perf_counter() - started)

    def thrown(self, row: Row, error: GeneratorExit) -> Done:
        """How a row ended whose graph raised `GeneratorExit`.

        asyncio throws this exception, and no other, into the outermost coroutine of a task, wherever it was raised, and
        closes those inside: so whoever is outermost has to call this.

        Raises:
            GeneratorExit: Nobody raised it: Python closes the coroutine of a task that was dropped.
        """
        if not is_running():
            raise error
        return self._done(row, record_exception(error), Ledger(None, None, "row", None), 0.0)

    def failed(self, row: Row, reason: str) -> Done:
        """How a row ended that could not be done at all."""
        return self._done(row, _Ended(Outcome.ERROR, reason), Ledger(None, None, "row", None), 0.0)

    def _done(self, row: Row, ended: _Ended, ledger: Ledger, seconds: float) -> Done:
        record = self._record(row, ended, ledger, seconds)
        try:
            line = encode_row(record)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a user's own serializer may raise anything
            ended = _Ended(Outcome.ERROR, f"the graph's output is not JSON: {text_of(error)}", trace=trace_of(error))
            line = encode(self._record(row, ended, ledger, record["seconds"]))
        limited = Outcome.LIMIT in (ended.outcome, *(call.outcome for call in ledger.calls))
        if self.redaction is not None:
            try:
                line = encode(self.redaction.record(json.loads(line)))
                ended = replace(ended, trace=self.redaction.text(ended.trace), fatal=self._without_text(ended.fatal))
            except RedactionError as error:
                told = RedactionError(f"row {row.number}: {error.message}", hint=error.hint)
                return Done(row, Outcome.ERROR, b"", fatal=told, worker=self.worker)
        return Done(row, ended.outcome, line, ended.trace, ended.fatal, limited, self.worker)

    def _without_text(self, error: DikastError | None) -> DikastError | None:
        """An error that ends the job, its words redacted: the manifest and a log may take them."""
        if error is not None and self.redaction is not None:
            error.message, error.hint = self.redaction.text(error.message), self.redaction.text(error.hint)
        return error

    async def _end(self, row: Row) -> _Ended:
        try:
            # A copy: a graph that appends to its input would change the record, and what a retry sends.
            going = self.graph.ainvoke(copy_value(row.input), context=self.context, version="v2")
            seconds = self.limits.seconds if self.limits else None
            result = await (going if seconds is None else limit_time(seconds, going))
            if result.interrupts:
                return _Ended(Outcome.ERROR, "the graph stopped to ask a person; a job has none to answer")
            return read_output(result.value)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return _Ended(Outcome.ERROR, "the graph cancelled itself", trace=trace_of(error))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:
            if is_signals(error):
                raise
            return ended_by(error.error if isinstance(error, Exited) else error)

    def _record(self, row: Row, ended: _Ended, ledger: Ledger, seconds: float) -> dict[str, Any]:
        return {
            "key": row.key,
            "row": row.number,
            "ordinal": row.ordinal,
            "sample": row.sample,
            "attempt": self.attempt,
            "outcome": ended.outcome.value,
            "reason": ended.reason,
            "seconds": round(seconds, 6),
            "usage": {role: usage.as_dict() for role, usage in ledger.usage_by_role.items()},
            "input": row.input,
            "output": ended.output,
            "calls": [call.as_dict() for call in ledger.calls],
            **({"worker": self.worker} if self.worker else {}),
        }


async def limit_time(seconds: float, going: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that may take so long; the limit holds for nodes that make no call, too.

    A node that does not stop when it is cancelled is left behind: it may go on, but its row has ended.

    Raises:
        RowTimeout: It took longer.
    """
    task = asyncio.create_task(going)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if done:
            return task.result()
    finally:
        await cancel([task])
    raise RowTimeout(f"the row's limit of {seconds:g} seconds is used up")


class RowTimeout(TimeoutError):
    """A row took longer than its limit."""


async def cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they have ended, though not for those that go on all the same."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running, timeout=STOP_SECONDS)
    for task in running:
        if task.done() and not task.cancelled():
            task.exception()  # asyncio complains about exceptions that nobody has looked at


def ends_job(error: DikastError) -> bool:
    """Whether other rows would meet this too: anything but a failed call, or a limit that is used up."""
    return error.exit_code == UNREACHABLE_EXIT or not isinstance(error, ModelError | LimitReached)


@dataclass(frozen=True, slots=True)
class _Ended:
    outcome: Outcome
    reason: str = ""
    output: Any = None
    trace: str = ""
    fatal: DikastError | None = None


def read_output(output: Any) -> _Ended:
    """A graph's output; its fields `outcome` and `reason`, where it has them, are the row's."""
    said: dict[str, Any] = dict(cast(Mapping[str, Any], output)) if isinstance(output, Mapping) else {}
    outcome: object = said.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return _Ended(Outcome.OK, output=output)
    return _Ended(Outcome(outcome), str(said.get("reason") or ""), output=output)


def is_running() -> bool:
    """Whether an event loop runs this code; without one, Python is closing the coroutine of a task that it dropped."""
    try:
        return asyncio.current_task() is not None
    except RuntimeError:
        return False


def ended_by(error: BaseException) -> _Ended:
    """How a row ended whose graph raised this; a group of failed calls ended by the gravest of them."""
    causes = list(split_group(error))
    ours = [cause for cause in causes if isinstance(cause, DikastError)]
    if not ours or len(ours) < len(causes):
        return record_exception(error)
    cause = next((one for one in ours if ends_job(one)), ours[0])
    return _Ended(outcome_of(cause), str(cause), fatal=cause if ends_job(cause) else None)


def split_group(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that a group holds, however deep; an exception that is no group is its own."""
    if isinstance(error, BaseExceptionGroup):
        for inner in cast(BaseExceptionGroup[BaseException], error).exceptions:
            yield from split_group(inner)
    else:
        yield error


def record_exception(error: BaseException) -> _Ended:
    """An exception that is none of ours: a timeout, or a bug with its traceback."""
    if isinstance(error, RowTimeout):
        return _Ended(Outcome.TIMEOUT, str(error))
    reason = f"{type(error).__name__}: {text_of(error)}"
    if all(isinstance(cause, TimeoutError | NodeTimeoutError) for cause in split_group(error)):
        return _Ended(Outcome.TIMEOUT, reason)
    return _Ended(Outcome.ERROR, reason, trace=trace_of(error))


def text_of(error: BaseException) -> str:
    """What an exception says; its `__str__` is foreign code too, and may fail."""
    try:
        return str(error)
    except Exception as inner:
        return f"(no text: its __str__ raised {type(inner).__name__})"


def trace_of(error: BaseException) -> str:
    """The traceback as text."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception as inner:  # notes and attributes of foreign exceptions can be of any type
        return f"{type(error).__name__}: its traceback cannot be shown: {type(inner).__name__}\n"


def encode_row(record: dict[str, Any]) -> bytes:
    """A record as its line; JSON has no NaN and no infinity, so they become null, and the row says so.

    Raises:
        TypeError: Not JSON.
        ValueError: It holds itself.
    """
    try:
        return encode(record)
    except ValueError:
        plain, count = without_nan(record)
        if not plain["reason"]:
            plain["reason"] = f"null stands for {count} number(s) that are not finite, which JSON does not have"
        return encode(plain)
