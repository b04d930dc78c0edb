"""One program in its own process: give up every right, then run it and leave a claim about how it ended.

The claim is JSON in a shared mapping that the host made: a 4-byte length, then `{"claim": ..., "answer": ...}`, with a
`"table"` where the answer has labels. The program can write there whatever it likes, so the host reads it as an
untrusted answer and nothing more. It holds no open file while foreign code runs; the table is a read-only mapping of a
sealed memory file.
"""

from __future__ import annotations

import ast
import io
import json
import mmap
import os
import random
import resource
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any, NoReturn

from dikast.sandbox.inside import columns, helpers, landlock, seccomp, several
from dikast.sandbox.inside.answer import labelled, plain
from dikast.sandbox.inside.kernel import PR_SET_PDEATHSIG, prctl
from dikast.sandbox.inside.written import Spelling

PROGRAM_FILE = "<program>"
LENGTH = struct.Struct("<I")
LIMITS = struct.Struct("<QQQd")
"""What the host sends with each program: address space and data in bytes, processor and wall time in seconds."""

_ANSWER = "answer"
_MEMORY = b'{"claim": "memory"}'
_CPU_GRACE_S = 1  # the soft limit's SIGXCPU kills first; the hard limit is the kernel's last word


@dataclass(frozen=True, slots=True)
class Cage:
    """What the zygote prepares once for all its children; `None` runs them with no isolation at all."""

    landlock_ruleset: int
    seccomp_filter: bytes


ReadTable = Callable[[memoryview, str], dict[str, Any]]


def read_frame(data: memoryview, program: str) -> dict[str, Any]:
    """The names that a packed table brings into a program: `df`, or `tables` where there are several."""
    parts = several.parts(data)
    if parts is None:
        return {"df": columns.read(data)}
    return {"tables": {name: columns.read(part) for name, part in parts.items()}}


def run(descriptors: list[int], limits: bytes, cage: Cage | None, read_table: ReadTable, parent: int) -> NoReturn:
    """Never returns: the process ends here, with status 0 if it left a claim.

    Args:
        descriptors: Memory files of the job, the result and, if there is one, the table.
        limits: As `LIMITS` packs them.
        cage: What to lock this process into.
        read_table: Turns the table's bytes into the program's names.
        parent: The zygote's process id, as seen from here; without it the child ends.
    """
    job = _readable(descriptors[0])
    result = mmap.mmap(descriptors[1], 0)
    table = _readable(descriptors[2]) if len(descriptors) > 2 else None
    _lock(limits, cage, parent)
    claim = _claim(json.loads(job[:]), table, read_table, len(result) - LENGTH.size)
    result[LENGTH.size : LENGTH.size + len(claim)] = claim
    result[: LENGTH.size] = LENGTH.pack(len(claim))
    os._exit(0)


def _readable(descriptor: int) -> mmap.mmap:
    """A private mapping: before 6.7 Linux refuses a shared one, even for reading, of a file sealed against writing."""
    return mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


def _lock(limits: bytes, cage: Cage | None, parent: int) -> None:
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    if cage:
        landlock.restrict(cage.landlock_ruleset)
    os.closerange(0, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    address_space, data, cpu, _ = LIMITS.unpack(limits)
    _limit(resource.RLIMIT_AS, address_space)
    _limit(resource.RLIMIT_DATA, data)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + _CPU_GRACE_S))
    if cage:
        for zero in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
            _limit(zero, 0)
        seccomp.install(cage.seccomp_filter)


def _limit(which: int, value: int) -> None:
    resource.setrlimit(which, (value, value))


def _claim(job: dict[str, Any], table: mmap.mmap | None, read_table: ReadTable, room: int) -> bytes:
    """Run the program and say, as JSON, how it ended."""
    program: str = job["program"]
    random.seed(0)  # the same program gives the same answer; numpy's global state is seeded in the zygote
    sys.stdin = None
    sys.stdout = sys.stderr = _Nowhere()
    try:
        names = {"__name__": "__main__", **_offered(Spelling(**job["spelling"])), **job["inputs"]}
        if table is not None:
            names |= read_table(memoryview(table), program)
    except MemoryError:
        return _MEMORY
    try:
        return _written(execute(program, names), room)
    except MemoryError:
        return _MEMORY
    except BaseException:  # an answer's own methods may raise anything
        return b'{"claim": "bad_answer"}'


def _written(claim: dict[str, Any], room: int) -> bytes:
    """The claim as JSON, without its table where there is no room for both: an answer is not lost for its labels."""
    data = json.dumps(claim, allow_nan=False, ensure_ascii=False).encode()
    if len(data) > room and "table" in claim:
        return _written({key: value for key, value in claim.items() if key != "table"}, room)
    return data if len(data) <= room else b'{"claim": "output"}'


def _offered(spelling: Spelling) -> dict[str, Any]:
    import numpy
    import pandas

    return {"np": numpy, "pd": pandas, **helpers.offered(spelling)}


def execute(program: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run a program with these names, and say how it ended."""
    try:
        body, last = _compile(program)
        exec(body, names)
        value = eval(last, names) if last else None
    except MemoryError:
        raise
    except BaseException as error:
        return {"claim": "error", "error": _builtin_name(error), "line": _line(error)}
    if _ANSWER not in names and value is None:
        return {"claim": "no_answer"}
    answer = names.get(_ANSWER, value)
    table = labelled(answer)
    return {"claim": "ok", "answer": plain(answer), **({} if table is None else {"table": table})}


def _compile(program: str) -> tuple[CodeType, CodeType | None]:
    """The program, and its last statement apart if that is an expression."""
    tree = ast.parse(program, PROGRAM_FILE)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    tail = compile(ast.Expression(last.value), PROGRAM_FILE, "eval") if isinstance(last, ast.Expr) else None
    return compile(tree, PROGRAM_FILE, "exec"), tail


def _builtin_name(error: BaseException) -> str:
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")


def _line(error: BaseException) -> int | None:
    """The program's own line that the error came through last."""
    if isinstance(error, SyntaxError) and error.filename == PROGRAM_FILE:
        return error.lineno
    line, step = None, error.__traceback__
    while isinstance(step, TracebackType):
        if step.tb_frame.f_code.co_filename == PROGRAM_FILE:
            line = step.tb_lineno
        step = step.tb_next
    return line


class _Nowhere(io.TextIOBase):
    """What a program prints goes nowhere: an answer is the only way out."""

    def write(self, text: str, /) -> int:
        """Drop it."""
        return len(text)
