"""What a sandbox may cost and how a program ended: plain values.

    Policy(wall_s=2.0, workers=4)
    Result(status=Status.OK, answer=[3], ...)

These are the limits of programs over a table; commands of other kinds have their own, `dikast.sandbox.programs.Limits`.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TypeAlias

from dikast.errors import UsageError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


class Tier(StrEnum):
    """How well programs are locked in, best first. `NONE` isolates nothing and must be asked for by name."""

    BWRAP = "bwrap+landlock+seccomp"
    LANDLOCK = "landlock+seccomp"
    NONE = "none"


class Status(StrEnum):
    """How a program ended: decided outside the box, from a closed set."""

    OK = "ok"
    EMPTY = "empty"  # the answer is null, or a list, text or object without content
    NO_ANSWER = "no_answer"  # it ended without an answer
    BAD_ANSWER = "bad_answer"  # the answer is not JSON, or nested or numerous beyond the policy
    OUTPUT = "output"  # the answer is longer than the policy allows
    ERROR = "error"  # it raised; `Result.error` says which class
    TIMEOUT = "timeout"  # wall clock or processor time was up
    MEMORY = "memory"  # it asked for more memory than the policy allows
    CRASH = "crash"  # the process died otherwise
    REFUSED = "refused"  # the program is longer than the policy allows; it was not run


class ErrorClass(StrEnum):
    """The exceptions that are told apart; any other is its nearest named base, else `OTHER`."""

    SYNTAX = "SyntaxError"
    NAME = "NameError"
    KEY = "KeyError"
    INDEX = "IndexError"
    ATTRIBUTE = "AttributeError"
    TYPE = "TypeError"
    VALUE = "ValueError"
    ZERO_DIVISION = "ZeroDivisionError"
    OVERFLOW = "OverflowError"
    IMPORT = "ImportError"
    RECURSION = "RecursionError"
    OS = "OSError"
    ASSERTION = "AssertionError"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits for each program, and how many run at once.

    Args:
        tier: The tier to run in, or refuse; `None` is the best strong one that passes the self-test.
        wall_s: Seconds from fork to end, enforced by the zygote and by its clock.
        cpu_s: Seconds of processor time, whole; the kernel enforces it.
        memory_bytes: Private memory and page tables beyond what the loaded libraries take. The default holds a group-by
            over ten million rows with room to spare.
        program_bytes: Length of a program in UTF-8.
        answer_bytes: Length of an answer as JSON.
        answer_depth: Nesting of lists and objects in an answer; a frame by rows has 2.
        answer_items: Values in an answer, containers included.
        workers: Programs at once; `None` is one per usable core.

    Raises:
        UsageError: A limit is not positive.
    """

    tier: Tier | None = None
    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int = 1 << 30
    program_bytes: int = 64 << 10
    answer_bytes: int = 64 << 10
    answer_depth: int = 8
    answer_items: int = 10_000
    workers: int | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, (int, float)) and value <= 0:
                raise UsageError(f"sandbox policy: {name} is {value}, must be positive")

    @property
    def concurrency(self) -> int:
        """How many programs run at once."""
        return self.workers or len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Result:
    """How one program ended.

    `error`, `line` and `answer` are what the program says of itself, checked for form and not for truth. No text of
    the program's making is kept but the answer, which is not printed.

    Args:
        status: How it ended.
        error: The class of exception, with `Status.ERROR`.
        line: 1-based line of the program that the exception came through, where it says one.
        answer: The answer, with `Status.OK` and `Status.EMPTY`.
        wall_s: Seconds from fork to end.
        cpu_s: Seconds of processor time of the program's process.
        peak_bytes: Its peak resident memory, the shared libraries' pages included, and its page tables as far as seen.
        table: The answer with its labels, `{"columns": [...], "rows": [[...], ...]}`, where it is a Series or a frame
            that has any.
    """

    status: Status
    error: ErrorClass | None = None
    line: int | None = None
    answer: Json = field(default=None, repr=False)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0
    table: Json = field(default=None, repr=False)
