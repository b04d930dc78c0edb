"""Two games share a machine and, one after the other, a zygote: neither may learn of the other."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest
import pytest_asyncio

from dikast.sandbox import Policy, Sandbox, Status, Table, Tier

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRELUDE = Path(__file__).resolve().parents[2] / "benchmarks" / "hostile_programs" / "prelude"
NOT_PERMITTED, TIMED_OUT = 1, 110

# libc is one file for everybody: a futex on a page of it, without the private flag, is one for everybody as well.
FUTEX = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
address = ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~3
word = struct.unpack("<I", ctypes.string_at(address, 4))[0]
def futex(operation, value, seconds=0):
    timeout = struct.pack("<qq", seconds, 1)
    woken = libc.syscall(202, ctypes.c_long(address), operation, value, timeout, None, -1)
    return [woken, ctypes.get_errno() if woken < 0 else 0]
"""
WAITER = FUTEX + "answer = futex(0, word, 20)"
CALLER = (
    FUTEX
    + """
answer = [0, 0]
while answer == [0, 0]:
    answer = futex(1, 1)
"""
)

CLOCKS = """
import time
answer = []
for process in range(1, 5000):
    for ask in (time.clock_gettime, time.clock_getres):
        try:
            ask((~process << 3) | 2)
            answer.append(process)
        except OSError:
            pass
"""

# The bytes are looked for in halves, so that the program does not find its own text.
MEMORY = """
import ctypes, re
first, second = EARLIER[:15:-1].encode(), EARLIER[15::-1].encode()
answer = any(
    bytes(memory[found.end() : found.end() + 16]) == second
    for start, size in areas()
    for memory in [memoryview((ctypes.c_char * size).from_address(start)).cast("B")]
    for found in re.finditer(first, memory)
)
"""


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def unlocked() -> AsyncIterator[Sandbox]:
    """The same programs with nothing locked, where each has to succeed."""
    async with Sandbox(Policy(tier=Tier.NONE, wall_s=30.0, cpu_s=30, workers=2)) as sandbox:
        yield sandbox


async def test_without_a_lock_two_games_talk(unlocked: Sandbox) -> None:
    waited, called = await asyncio.gather(unlocked.run(WAITER), unlocked.run(CALLER))
    assert (waited.answer, called.answer) == ([0, 0], [1, 0])


async def test_two_games_cannot_talk(box: Sandbox) -> None:
    waited, called = await asyncio.gather(box.run(WAITER), box.run(CALLER))
    assert waited.answer == called.answer == [-1, NOT_PERMITTED]


@pytest.mark.parametrize("operation", [0, 9, 0x100, 0x109])
async def test_nor_over_their_table(box: Sandbox, operation: int) -> None:
    program = "table = zygote.__globals__['tables']()[0][0]" + FUTEX.replace("libc.getpid", "table", 1)
    program += f"answer = futex({operation}, word)"
    with Table.of(pd.DataFrame({"a": [1]})) as table:
        result = await box.run(PRELUDE.read_text() + program, table=table)
    assert result.answer == [-1, NOT_PERMITTED]


async def test_a_lock_of_its_own_still_works(box: Sandbox) -> None:
    result = await box.run(FUTEX + "answer = futex(0x80, word)")
    assert result.answer == [-1, TIMED_OUT]


async def test_no_clock_tells_of_another_process(box: Sandbox, unlocked: Sandbox) -> None:
    found = await unlocked.run(CLOCKS)
    assert isinstance(found.answer, list)
    assert len(found.answer) > 2
    assert (await box.run(CLOCKS)).status is Status.EMPTY


@pytest.mark.parametrize("clock", ["time.time()", "time.monotonic()", "time.process_time()", "time.thread_time()"])
async def test_its_own_clocks_still_go(box: Sandbox, clock: str) -> None:
    assert (await box.run(f"import time\n{clock} > 0")).answer is True


async def test_no_earlier_game_is_in_memory(box: Sandbox) -> None:
    """With its own input found, since a search that finds nothing proves nothing."""
    token = secrets.token_hex(16)
    program = f"{PRELUDE.read_text()}EARLIER = {token[::-1]!r}{MEMORY}"
    for _ in range(box.policy.concurrency):
        assert (await box.run("prev", inputs={"prev": token})).answer == token
    for _ in range(box.policy.concurrency):
        assert (await box.run(program)).answer is False
    assert (await box.run(program, inputs={"prev": token})).answer is True
