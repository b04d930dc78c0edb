"""One row through the graph: whatever happens to it becomes a record.

A model that gave no reply, a limit, a timeout: an outcome with its reason. A bug: the outcome `error`, and a traceback
for `errors.jsonl`. What no further row would survive (a wrong setting, a missing package, an engine that cannot be
reached) is handed up in `Done.fatal`, for the job to decide.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from langgraph.errors import NodeTimeoutError

from dikast.agents.failures import outcome_of
from dikast.agents.ledger import Ledger, recording
from dikast.agents.models.limits import Limits
from dikast.errors import DikastError, LimitReached, ModelError
from dikast.jobs.files import encode
from dikast.jobs.keys import Row
from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.jobs.inputs import Graph

UNREACHABLE_EXIT = 4
"""The exit code of errors that say: something is missing or cannot be reached."""
OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class Done:
    """A row that came to its end.

    Args:
        row: Which.
        outcome: How.
        line: Its line of the journal.
        trace: Traceback of a bug; empty if there was none.
        fatal: An error that a person has to act upon, which other rows would meet too.
        limited: Whether a limit stopped the row, or a call of it that the graph did without.
    """

    row: Row
    outcome: Outcome
    line: bytes
    trace: str = ""
    fatal: DikastError | None = None
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with each row.

    Args:
        graph: The compiled graph.
        context: Its context.
        limits: What one row may spend.
        attempt: 1-based number of the job's attempt, for the record.
    """

    graph: Graph
    context: object
    limits: Limits | None = None
    attempt: int = 1

    async def do(self, row: Row) -> Done:
        """Run the graph on a row. Raises nothing but the cancellation of this very task."""
        started = time.perf_counter()
        with recording(limits=self.limits, name="row", sample=row.sample) as ledger:
            ended = await self._end(row)
        record = self._record(row, ended, ledger, time.perf_counter() - started)
        try:
            line = encode(record)
        except (TypeError, ValueError, RecursionError) as error:
            ended = _Ended(Outcome.ERROR, f"the graph's output is not JSON: {error}", trace=trace_of(error))
            record = self._record(row, ended, ledger, record["seconds"])
            line = encode(record)
        limited = Outcome.LIMIT in (ended.outcome, *(call.outcome for call in ledger.calls))
        return Done(row, ended.outcome, line, ended.trace, ended.fatal, limited)

    async def _end(self, row: Row) -> _Ended:
        try:
            result = await self.graph.ainvoke(row.input, context=self.context, version="v2")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return _Ended(Outcome.ERROR, "the graph cancelled itself", trace=trace_of(error))
        except DikastError as error:
            return _Ended(outcome_of(error), str(error), fatal=error if ends_job(error) else None)
        except Exception as error:
            return failed(error)
        if result.interrupts:
            return _Ended(Outcome.ERROR, "the graph stopped to ask a person; a job has none to answer")
        return finished(result.value)

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
        }


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


def finished(output: Any) -> _Ended:
    """A graph's output; its fields `outcome` and `reason`, where it has them, are the row's."""
    said: dict[str, Any] = dict(cast(Mapping[str, Any], output)) if isinstance(output, Mapping) else {}
    outcome: object = said.get("outcome")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        return _Ended(Outcome.OK, output=output)
    return _Ended(Outcome(outcome), str(said.get("reason") or ""), output=output)


def failed(error: Exception) -> _Ended:
    """An exception that is none of ours: a timeout, or a bug with its traceback."""
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, TimeoutError | NodeTimeoutError):
        return _Ended(Outcome.TIMEOUT, reason)
    return _Ended(Outcome.ERROR, reason, trace=trace_of(error))


def trace_of(error: BaseException) -> str:
    """The traceback as text."""
    return "".join(traceback.format_exception(error))
