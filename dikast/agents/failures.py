"""How a call that failed stands in a row: as an outcome and a reason, so that the row is a record all the same.

One rule for every method: a call that timed out, was refused or ran into a limit is an outcome; a model that cannot be
reached at all is raised, since no other row can do better; and so is a bug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dikast.errors import (
    LimitReached,
    ModelContextOverflow,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
)
from dikast.records import Outcome
from dikast.wire import raise_again

if TYPE_CHECKING:
    from langgraph.errors import NodeError

CALL_FAILURES = (ModelError, LimitReached)
"""What a call may end in beside a reply."""


def outcome_of(error: BaseException) -> Outcome:
    """The outcome that an exception stands for in a record."""
    if isinstance(error, ModelTimeout | TimeoutError):
        return Outcome.TIMEOUT
    if isinstance(error, ModelRefused):
        return Outcome.FILTERED
    if isinstance(error, ModelContextOverflow | LimitReached):
        return Outcome.LIMIT
    return Outcome.ERROR


def is_outcome(error: BaseException) -> bool:
    """Whether the error is one call's, and so an outcome; not a bug, nor a model that cannot be reached."""
    return isinstance(error, CALL_FAILURES) and not isinstance(error, ModelUnavailable)


def failure_of(error: BaseException) -> tuple[Outcome, str]:
    """Outcome and reason of a call that failed; what is no outcome is raised again."""
    if not is_outcome(error):
        raise error
    return outcome_of(error), str(error)


def node_failure_of(error: NodeError) -> tuple[Outcome, str]:
    """Outcome and reason of a failed call, in a node's error handler; see `failure_of`."""
    if not is_outcome(error.error):
        raise_again(error)
    return outcome_of(error.error), str(error.error)
