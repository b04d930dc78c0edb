from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dikast.tables.oracle import TableOracle
from tests.games import POLICY, folder, needs_sandbox

__all__ = ["folder"]  # a fixture


def oracle_of(folder: Path) -> TableOracle:
    return TableOracle(folder / "tables", questions=folder / "questions.jsonl", policy=POLICY)


async def once(oracle: TableOracle) -> object:
    given: dict[str, Any] = {"question_id": "top", "earlier": [], "secret": ()}
    [ran] = await oracle.run("points", ["answer = df['points'].max()"], **given, detail="errors")
    return ran.correct


def test_one_oracle_in_several_threads(folder: Path) -> None:
    """As in a web application whose threads each have a loop: none ends the sandbox that another one waits for."""
    needs_sandbox()
    oracle = oracle_of(folder)
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(lambda: asyncio.run(once(oracle))) for _ in range(8)]
        assert [one.result(120) for one in found] == [True] * 8
    asyncio.run(oracle.aclose())
    assert not oracle._boxes


def test_one_oracle_on_several_event_loops(folder: Path) -> None:
    """As with `asyncio.run` twice in a script."""
    needs_sandbox()
    oracle = oracle_of(folder)

    async def last() -> object:
        found = await once(oracle)
        await oracle.aclose()
        return found

    assert asyncio.run(once(oracle)) is True
    assert asyncio.run(last()) is True
