from __future__ import annotations

import pytest
from langgraph.errors import NodeError

from dikast.agents.failures import failure_of, is_outcome, node_failure_of, outcome_of
from dikast.errors import (
    DataError,
    LimitReached,
    ModelContextOverflow,
    ModelError,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    UsageError,
)
from dikast.records import Outcome

ENDS: list[tuple[Exception, Outcome]] = [
    (ModelTimeout("slow"), Outcome.TIMEOUT),
    (ModelRefused("no"), Outcome.FILTERED),
    (ModelContextOverflow("long"), Outcome.LIMIT),
    (LimitReached("calls"), Outcome.LIMIT),
    (ModelError("odd"), Outcome.ERROR),
]
RAISED = [ModelUnavailable("nobody"), UsageError("flag"), DataError("file"), ValueError("bug"), TimeoutError("ours")]


@pytest.mark.parametrize(("error", "outcome"), ENDS)
def test_a_call_that_failed_is_an_outcome_with_its_reason(error: Exception, outcome: Outcome) -> None:
    assert is_outcome(error)
    assert failure_of(error) == (outcome, str(error))
    assert node_failure_of(NodeError("solve", error)) == (outcome, str(error))


@pytest.mark.parametrize("error", RAISED)
def test_a_bug_and_a_model_that_nobody_reaches_are_raised(error: Exception) -> None:
    assert not is_outcome(error)
    with pytest.raises(type(error)) as raised:
        failure_of(error)
    assert raised.value is error
    with pytest.raises(type(error)) as again:
        node_failure_of(NodeError("solve", error))
    assert again.value.__cause__ is error


def test_in_a_record_any_exception_has_an_outcome() -> None:
    assert outcome_of(TimeoutError()) is Outcome.TIMEOUT
    assert outcome_of(ModelUnavailable("nobody")) is Outcome.ERROR
    assert outcome_of(ValueError("bug")) is Outcome.ERROR
