"""Fifty games of HiddenTables with a real model inside vLLM, all at once: none hangs, each has its outcome."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.agents.models.vllm.model import VllmModel
from dikast.agents.solver import load_solver
from dikast.graphs import hidden_tables
from dikast.records import Outcome
from dikast.tables.oracle import TableOracle
from tests.games import GAME_QUESTIONS, POLICY, check_game, write_games

GAMES = 50
ALL_SECONDS = 600.0
"""Half a minute on two idle cores; more where other things run."""


async def test_fifty_games(vllm_model: VllmModel, tmp_path: Path) -> None:
    write_games(tmp_path, GAMES)
    async with TableOracle(tmp_path / "tables", questions=tmp_path / "questions.jsonl", policy=POLICY) as oracle:
        context = hidden_tables.Context(
            solver=load_solver(vllm_model), oracle=oracle, rounds=2, sampling=Sampling(max_tokens=96, seed=0)
        )
        with recording() as ledger:
            async with asyncio.timeout(ALL_SECONDS):
                outputs = await asyncio.gather(
                    *(
                        hidden_tables.graph.ainvoke(
                            {"table": "points", "question": GAME_QUESTIONS[n % len(GAME_QUESTIONS)], "id": str(n)},
                            context=context,
                        )
                        for n in range(GAMES)
                    )
                )
    for output in outputs:
        check_game(output, rounds=2)
    outcomes = Counter(output["outcome"] for output in outputs)
    assert outcomes.total() == GAMES
    assert set(outcomes) <= set(Outcome)
    assert "oslotoken" not in json.dumps([call.as_dict() for call in ledger.calls])
    assert ledger.usage.calls == sum(len(output["drafts"]) for output in outputs)
