from __future__ import annotations

import pytest

from dikast.errors import UsageError
from dikast.sandbox import ErrorClass, Result, Status
from dikast.tables import feedback

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_closed_set_of_codes() -> None:
    """Every end that the sandbox knows is one of the codes, at each detail."""
    ends = [Result(status) for status in Status if status is not Status.ERROR]
    ends += [Result(Status.ERROR, error) for error in (*ErrorClass, None)]
    for detail, codes in feedback.CODES.items():
        assert {feedback.code_of(end, detail) for end in ends} == set(codes)
    with pytest.raises(UsageError, match="outcome, status, errors"):
        feedback.codes("all")
