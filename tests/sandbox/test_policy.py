from __future__ import annotations

from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.sandbox import Policy, Result, Status


@pytest.mark.parametrize(
    "limits", [{"wall_s": 0.0}, {"cpu_s": 0}, {"memory_bytes": -1}, {"answer_items": 0}, {"workers": 0}], ids=str
)
def test_a_limit_that_is_not_positive_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(limits))):
        Policy(**limits)


def test_concurrency_is_bounded_by_default() -> None:
    assert Policy().concurrency >= 1
    assert Policy(workers=3).concurrency == 3


def test_a_result_does_not_print_its_answer() -> None:
    result = Result(Status.OK, answer=["secret-cell"])
    assert "secret-cell" not in repr(result)
    assert "secret-cell" not in f"{result}"
