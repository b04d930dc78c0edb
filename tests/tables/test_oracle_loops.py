from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from dikast.tables.oracle import TableOracle
from tests.games import POLICY, folder, needs_sandbox

__all__ = ["folder"]  # a fixture


def test_one_oracle_on_several_event_loops(folder: Path) -> None:
    """As with `asyncio.run` twice in a script."""
    needs_sandbox()
    oracle = TableOracle(folder / "tables", questions=folder / "questions.jsonl", policy=POLICY)
    program = "answer = df['points'].max()"

    async def once() -> object:
        given: dict[str, Any] = {"question_id": "top", "earlier": [], "secret": ()}
        [ran] = await oracle.run("points", [program], **given, detail="errors")
        return ran.correct

    async def last() -> object:
        found = await once()
        await oracle.aclose()
        return found

    assert asyncio.run(once()) is True
    assert asyncio.run(last()) is True
