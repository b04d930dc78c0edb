from __future__ import annotations

import asyncio
import random

from dikast.agents.models.vllm.turns import Turns


async def test_kinds_are_never_inside_together_and_all_get_their_turn() -> None:
    turns, inside, most = Turns(), list[str](), 0
    draw = random.Random(3)

    async def visit(kind: str) -> None:
        nonlocal most
        async with turns.of(kind):
            inside.append(kind)
            most = max(most, len(inside))
            assert len(set(inside)) == 1
            for _ in range(draw.randrange(5)):
                await asyncio.sleep(0)
            inside.remove(kind)

    async with asyncio.timeout(10):
        await asyncio.gather(*(visit(draw.choice("ab")) for _ in range(200)))
    assert most > 1


async def test_a_stream_of_one_kind_does_not_keep_the_other_out() -> None:
    turns, served = Turns(), list[str]()

    async def visit(kind: str) -> None:
        async with turns.of(kind):
            await asyncio.sleep(0)
            served.append(kind)

    first = [asyncio.create_task(visit("a")) for _ in range(3)]
    other = asyncio.create_task(visit("b"))
    later = [asyncio.create_task(visit("a")) for _ in range(3)]
    async with asyncio.timeout(10):
        await asyncio.gather(*first, other, *later)
    assert served == ["a"] * 3 + ["b"] + ["a"] * 3


async def test_one_who_gives_up_waiting_holds_up_nobody() -> None:
    turns, hold = Turns(), asyncio.Event()

    async def visit(kind: str) -> str:
        async with turns.of(kind):
            await hold.wait()
            return kind

    inside = asyncio.create_task(visit("a"))
    await asyncio.sleep(0)
    waiting, behind = asyncio.create_task(visit("b")), asyncio.create_task(visit("a"))
    await asyncio.sleep(0)
    waiting.cancel()
    hold.set()
    async with asyncio.timeout(10):
        assert await inside == await behind == "a"
        async with turns.of("b"):
            pass
