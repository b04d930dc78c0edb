"""Six questions searched by a real model inside vLLM, all at once, each on a budget; the same by chat turns."""

from __future__ import annotations

import asyncio
import json

from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.agents.models.vllm.model import VllmModel
from dikast.graphs import rest_mcts
from dikast.graphs.rest_mcts.budgets import tokens_of
from dikast.graphs.rest_mcts.critics import FunctionCritic
from dikast.graphs.rest_mcts.solvers import ModelStepSolver
from dikast.records import Outcome

QUESTIONS = (
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "Tom has 3 apples and buys 4 more. How many apples does he have?",
    "A train goes 60 miles an hour for 3 hours. How many miles does it go?",
    "There are 5 boxes of 12 eggs. 7 eggs break. How many eggs are whole?",
    "Ann is 8. Bob is twice as old. How old are they together?",
    "A shirt costs $20 and is sold at half of that. What do 3 shirts cost?",
)
GOLD = "987654321"
ALL_TOKENS = 20_000
TOKENS = ALL_TOKENS // (2 * len(QUESTIONS))
ALL_SECONDS = 1_200.0


def shorter_is_better(question: str, solution: str) -> float:
    return 1 / (1 + len(solution) / 100)


async def search(solver: ModelStepSolver, tokens: int) -> None:
    context = rest_mcts.Context(
        solver=solver,
        critic=FunctionCritic(shorter_is_better),
        tokens=tokens,
        iterations=6,
        branch=2,
        roll_steps=1,
        gate=2.0,
        depth=6,
        sampling=Sampling(max_tokens=40, temperature=0.7, seed=0),
    )
    with recording() as ledger:
        async with asyncio.timeout(ALL_SECONDS):
            outputs = await asyncio.gather(
                *(
                    rest_mcts.graph.ainvoke({"question": question, "answer": GOLD}, context=context)
                    for question in QUESTIONS
                )
            )
    for output in outputs:
        assert output["outcome"] in set(Outcome) - {"error"}
        assert 0 < tokens_of(output["spent"]) <= tokens
        assert output["stopped"]
        assert not output["correct"]
    assert max(node["depth"] for output in outputs for node in output["nodes"]) >= 2
    assert ledger.usage.output_tokens <= tokens * len(QUESTIONS)
    assert sum(tokens_of(output["spent"]) for output in outputs) == ledger.usage.output_tokens
    assert GOLD not in json.dumps([call.as_dict() for call in ledger.calls])


async def test_six_questions_by_prefix(vllm_model: VllmModel) -> None:
    solver = ModelStepSolver(vllm_model)
    assert solver.form == "prefix"
    await search(solver, TOKENS)


async def test_and_by_chat_turns(vllm_model: VllmModel) -> None:
    await search(ModelStepSolver(vllm_model, "chat"), TOKENS // 2)
