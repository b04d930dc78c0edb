"""ReST-MCTS* from trees to a critic and back: a value head is trained on inferred values, and then guides a search."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast.agents.ledger import recording
from dikast.agents.models.load import close_models
from dikast.agents.models.request import Sampling
from dikast.graphs.rest_mcts.budgets import tokens_of
from dikast.graphs.rest_mcts.critics import FunctionCritic, HeadCritic, load_critic
from dikast.graphs.rest_mcts.solvers import load_step_solver
from dikast.graphs.rest_mcts.training import candidates
from dikast.training.exports import Candidate
from dikast.training.recipes import ValueRecipe
from dikast.training.trainer import train
from tests.graphs.rest_mcts.scripts import ROW, Adder, Knows, context, record, run

QUESTIONS = ("3 4 5 6", "1 2 3", "9 8 7 6", "2 2 2 2", "7 1 9")


def value_rows() -> list[dict[str, Any]]:
    """The rows that `runs export --as value` has, of five trees."""

    async def trees() -> list[dict[str, Any]]:
        made = context(gate=2.0, tokens=400, solver=Adder(right=0.5), critic=Knows(noise=0.0))
        rows: list[Any] = [{"question": one, "answer": str(sum(map(int, one.split())))} for one in QUESTIONS]
        return [await record(made, row) for row in rows]

    lines = asyncio.run(trees())

    def journal() -> Iterator[Any]:
        yield from lines

    return [dict(one.row) for one in candidates("value", journal, context()) if isinstance(one, Candidate)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return value_rows()


@pytest.fixture(scope="module")
def head(folder: Path, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    recipe = ValueRecipe(steps=120, lora_rank=0, learning_rate=3e-3, batch_size=8, schedule="constant")
    return train(recipe, rows, f"transformers:{folder}", tmp_path_factory.mktemp("value") / "t").model


async def test_the_head_knows_more_than_the_mean(head: str, rows: list[dict[str, Any]]) -> None:
    critic = load_critic(f"head+{head}")
    assert isinstance(critic, HeadCritic)
    errors: list[float] = []
    for row in rows:
        question = row["prompt"][0]["content"].split("\n")[0]
        ending = context().check.ending
        [told] = await critic.appraise(question, [row["completion"][0]["content"]], ending=ending)
        assert told.value is not None
        errors.append((told.value - row["value"]) ** 2)
    await close_models()
    assert len(rows) > 40
    assert statistics.fmean(errors) < 0.7 * statistics.pvariance([row["value"] for row in rows])


async def test_the_head_guides_a_search(head: str) -> None:
    with recording() as ledger:
        found = await run(context(critic=load_critic(f"head+{head}"), tokens=200))
    await close_models()
    assert found["outcome"] == "ok"
    assert ledger.usage_by_role["critic"].calls == len([one for one in found["nodes"] if one["appraised"] is not None])


async def test_a_policy_of_the_same_engine_goes_on_by_prefix(folder: Path) -> None:
    solver = load_step_solver(f"transformers:{folder}")
    assert solver.form == "prefix"

    def longer_is_better(question: str, solution: str) -> float:
        return 1 - 1 / (1 + len(solution))

    made = context(
        solver=solver,
        critic=FunctionCritic(longer_is_better),
        tokens=200,
        depth=4,
        gate=2.0,
        sampling=Sampling(max_tokens=10, temperature=1.0, seed=0),
    )
    with recording() as ledger:
        found = await run(made, {**ROW, "question": "red stone"})
    await close_models()
    assert max(one["depth"] for one in found["nodes"]) == 4
    assert 0 < tokens_of(found["spent"]) == ledger.usage.output_tokens <= 200
    assert any("\n" not in one["text"] and one["text"] for one in found["nodes"][1:])
