"""A real, small model searches two questions on a tiny budget: mostly wrong, and every search comes to its end."""

from __future__ import annotations

import asyncio
import json

from dikast.agents.ledger import recording
from dikast.agents.models.request import Sampling
from dikast.graphs import rest_mcts
from dikast.graphs.rest_mcts.budgets import tokens_of
from dikast.graphs.rest_mcts.critics import FunctionCritic
from dikast.graphs.rest_mcts.solvers import load_step_solver
from dikast.records import Outcome

QUESTIONS = (
    "A robe takes 2 bolts of blue fiber and half that much white fiber. How many bolts in total does it take?",
    "Tom has 3 apples and buys 4 more. How many apples does he have?",
)
GOLD = "987654321"
"""Of no question, so that it stands in no message by chance."""
TOKENS = 64
ALL_SECONDS = 300.0


def shorter_is_better(question: str, solution: str) -> float:
    return 1 / (1 + len(solution) / 100)


async def test_two_questions_of_a_small_model(smollm2: str) -> None:
    solver = load_step_solver(smollm2)
    assert solver.form == "prefix"
    context = rest_mcts.Context(
        solver=solver,
        critic=FunctionCritic(shorter_is_better),
        searches=("mcts",),
        tokens=TOKENS,
        branch=2,
        roll_steps=1,
        gate=2.0,
        depth=4,
        sampling=Sampling(max_tokens=12, temperature=0.7, seed=0),
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
        assert 0 < tokens_of(output["spent"]) <= TOKENS
        assert output["stopped"]
        assert not output["correct"]
        assert max(node["depth"] for node in output["nodes"]) >= 2
    assert sum(tokens_of(output["spent"]) for output in outputs) == ledger.usage.output_tokens
    assert GOLD not in json.dumps([call.as_dict() for call in ledger.calls])
