"""What a Solver may learn of a run: one code from a closed set, chosen outside the box.

    code_of(result, "errors")      # "KeyError"
    bits("errors")                 # 4.0

Whatever a program does with the cells, it can only choose among these codes, so a round tells at most log2 of their
number. `Status` and `ErrorClass` of the sandbox are finer; they are for the table's owner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, cast, get_args

from dikast.errors import UsageError
from dikast.sandbox import ErrorClass, Result, Status

Detail = Literal["outcome", "status", "errors"]

OK = "ok"
FAILED = "failed"
ERROR = "error"

_STATUS: Mapping[Status, str] = {
    Status.OK: OK,
    Status.EMPTY: "empty",
    Status.NO_ANSWER: "no_answer",
    Status.BAD_ANSWER: "bad_answer",
    Status.OUTPUT: "bad_answer",
    Status.REFUSED: "bad_answer",
    Status.TIMEOUT: "timeout",
    Status.MEMORY: "killed",
    Status.CRASH: "killed",
    Status.ERROR: ERROR,
}
_ERRORS: Mapping[ErrorClass, str] = {
    **{kind: kind.value for kind in ErrorClass},
    ErrorClass.ZERO_DIVISION: "ArithmeticError",
    ErrorClass.OVERFLOW: "ArithmeticError",
    ErrorClass.RECURSION: "other",
    ErrorClass.OS: "other",
    ErrorClass.ASSERTION: "other",
}

CODES: Mapping[Detail, tuple[str, ...]] = {
    "outcome": (OK, FAILED),
    "status": tuple(dict.fromkeys(_STATUS.values())),
    "errors": tuple(dict.fromkeys([*(code for code in _STATUS.values() if code != ERROR), *_ERRORS.values()])),
}
"""Detail -> its codes: 2, 7 and 16 of them, so 1, 2.8 and 4 bits a round."""


def codes(detail: str) -> tuple[str, ...]:
    """The codes of a detail.

    Raises:
        UsageError: There is no such detail.
    """
    if detail not in get_args(Detail):
        raise UsageError(f"no feedback is called {detail!r}", hint=f"one of {', '.join(get_args(Detail))}")
    return CODES[cast(Detail, detail)]


def bits(detail: str) -> float:
    """The most that one code can tell."""
    return math.log2(len(codes(detail)))


def code_of(result: Result, detail: str) -> str:
    """How a program ended, as coarsely as asked."""
    known = codes(detail)
    if detail == "outcome":
        code = OK if result.status is Status.OK else FAILED
    elif detail == "errors" and result.status is Status.ERROR:
        code = _ERRORS[result.error or ErrorClass.OTHER]
    else:
        code = _STATUS[result.status]
    if code not in known:
        raise RuntimeError(f"code {code!r} is not in the closed set {detail!r}")
    return code


def status_of(result: Result) -> str:
    """How a program ended, for the table's owner: `ok`, `timeout`, `error:KeyError`, ..."""
    return f"{result.status}:{result.error}" if result.error else str(result.status)
