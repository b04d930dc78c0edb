"""Programs that try to get out, run in every new sandbox before it is trusted: each must find its way shut.

    failed = await failures(run)     # names of the probes that found a way, or died where they should not

A probe answers "open" if it got something that a program must not have. An exception, a refusal or any other answer is
shut. An honest program must give the right answer besides, since a box in which nothing works is no use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dikast.sandbox.policy import Result, Status

if TYPE_CHECKING:
    from dikast.sandbox.memory import Table

Run = Callable[[str, "Table"], Awaitable[Result]]

_OPEN = "open"
TRIES = 3
"""Of a probe that runs out of time, as any program may on a machine that is busy; one that never ends has failed."""

# `call` makes a raw system call through libc; `opened` says whether it was granted.
_RAW = """
import ctypes
_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
def call(*arguments):
    return _libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments))
def opened(result):
    return "open" if result >= 0 else "shut"
"""

PROBES = {
    "read a file": "import os; os.open('/proc/self/status', os.O_RDONLY); answer = 'open'",
    "read a library": "import os, re; open(re.__file__).read(1); answer = 'open'",
    "list a folder": "import os; os.listdir('/'); answer = 'open'",
    "look at a file": "import os; os.stat('/usr'); answer = 'open'",
    "write a file": "import os; os.open('/tmp', os.O_TMPFILE | os.O_WRONLY); answer = 'open'",
    "use a descriptor": """
import os
answer = 'shut'
for descriptor in range(64):
    try:
        os.fstat(descriptor)
        answer = 'open'
    except OSError:
        pass
""",
    "open a tcp socket": "import socket; socket.socket(); answer = 'open'",
    "open a unix socket": "import socket; socket.socket(socket.AF_UNIX); answer = 'open'",
    "fork": "import os; pid = os.fork(); pid or os._exit(0); answer = 'open'",
    "start a thread": "import _thread; _thread.start_new_thread(int, ()); answer = 'open'",
    "execute": _RAW + "call(59, b'/no/such/file', None, None); answer = opened(ctypes.get_errno() - 2)",
    "signal its group": "import os; os.kill(0, 0); answer = 'open'",
    "signal everybody": "import os; os.kill(-1, 0); answer = 'open'",
    "be traced": _RAW + "answer = opened(call(101, 0, 0, 0, 0))",
    "open a process": _RAW + "answer = opened(call(434, 1, 0))",
    "new user namespace": _RAW + "answer = opened(call(272, 0x10000000))",
    "memory to execute": _RAW + "answer = opened(call(9, 0, 4096, 7, 0x22, -1, 0))",
    "make memory executable": _RAW + "answer = opened(call(10, call(9, 0, 4096, 3, 0x22, -1, 0), 4096, 5))",
    "io_uring": _RAW + "answer = opened(call(425, 1, ctypes.create_string_buffer(120)))",
    "bpf": _RAW + "answer = opened(call(321, 0, ctypes.create_string_buffer(120), 120))",
    "keyring": _RAW + "answer = opened(call(250, 0, -3, 0))",
    "x32 call": _RAW + "call(0x40000000 | 39); answer = 'open'",
    "wake another process": _RAW
    + "answer = opened(call(202, ctypes.cast(_libc.getpid, ctypes.c_void_p).value & ~3, 1, 1, None, None, 0))",
    "time another process": _RAW + "answer = opened(call(228, ~1 << 3 | 2, ctypes.create_string_buffer(16)))",
    "see the environment": "import os; answer = 'open' if 'HOME' in os.environ or 'PATH' in os.environ else 'shut'",
    "more memory than allowed": "import numpy; numpy.ones(1 << 40, dtype='u1'); answer = 'open'",
}
"""What a program must not be able to do, and a program that tries it."""

_HONEST = "answer = [int(df['a'].sum()), num('1,234'), str(date('5 May 2001').date()), norm(' Zo\\u00eb [1]')]"
_HONEST_ANSWER = [6, 1234.0, "2001-05-05", "zoe"]


async def failures(run: Run, *, arrow: bool) -> list[str]:
    """Run all probes; the names of those that did not end as they must."""
    from dikast.sandbox.memory import Table

    failed: list[str] = []
    # The first one loads pandas or Arrow, which takes half a second and reads files.
    frame = await asyncio.to_thread(_table, arrow=arrow)
    with Table.of(frame) as table:
        honest = await _run_in_time(run, _HONEST, table)
        if honest.status is not Status.OK or honest.answer != _HONEST_ANSWER:
            failed.append("honest program")
        for name, program in PROBES.items():
            result = await _run_in_time(run, program, table)
            if result.answer == _OPEN or result.status is Status.TIMEOUT:
                failed.append(name)
    return failed


async def _run_in_time(run: Run, program: str, table: Table) -> Result:
    result = await run(program, table)
    for _ in range(TRIES - 1):
        if result.status is not Status.TIMEOUT:
            break
        result = await run(program, table)
    return result


def _table(*, arrow: bool) -> Any:
    library = import_module("pyarrow" if arrow else "pandas")
    return (library.table if arrow else library.DataFrame)({"a": [1, 2, 3]})
