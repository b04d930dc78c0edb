"""A real, small model plays: it answers badly, and every game comes to an end that is written down."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.agents.solver import load_solver
from dikast.graphs import hidden_tables
from dikast.tables.oracle import TableOracle
from tests.games import GAME_QUESTIONS, POLICY, check_game, needs_sandbox, write_games

GAMES = 3
ALL_SECONDS = 300.0


async def test_games_of_a_small_model(smollm2: str, tmp_path: Path) -> None:
    needs_sandbox()
    write_games(tmp_path, GAMES)
    async with TableOracle(tmp_path / "tables", questions=tmp_path / "questions.jsonl", policy=POLICY) as oracle:
        context = hidden_tables.Context(
            solver=load_solver(smollm2), oracle=oracle, rounds=2, sampling=Sampling(max_tokens=24, seed=0)
        )
        with recording() as ledger:
            async with asyncio.timeout(ALL_SECONDS):
                outputs = await asyncio.gather(
                    *(
                        hidden_tables.graph.ainvoke(
                            {"table": "points", "question": GAME_QUESTIONS[n], "id": str(n)}, context=context
                        )
                        for n in range(GAMES)
                    )
                )
    for output in outputs:
        check_game(output, rounds=2)
    assert all(call.reply for call in ledger.calls)
    assert ledger.usage.calls == sum(len(output["drafts"]) for output in outputs)
    assert "oslotoken" not in json.dumps([call.as_dict() for call in ledger.calls])
