"""ReST-MCTS* in rounds: the policy searches, is trained on what was right, the critic on what each step was worth.

Each round searches questions whose answers are known, with the current policy and critic. Right solutions train the
policy, inferred values the critic. The new policy answers questions that are never trained on, greedily, and takes the
old one's place if it has not become worse; the new critic takes the old one's place if its values are nearer to the
inferred ones of questions that it was not trained on. Stages are folders that are done once (`dikast.training.rounds`):
the same command goes on where it was stopped, or killed.

Paper: Zhang et al.: ReST-MCTS*: LLM Self-Training via Process Reward Guided Tree Search, arXiv 2406.03816, algorithm 1.

    context = rounds.Context(folder="runs/loop", questions=QuestionFile(path, {}), solver="transformers:MODEL",
                             critic="server:URL#MODEL")
    result = await rounds.graph.ainvoke({"id": "loop"}, context=context)
    result["policy"]["model"]       # the spec of the policy to use

```mermaid
graph TD
    __start__ --> begin
    begin --> collect
    collect --> rows
    rows -.-> train
    rows -.-> finish
    train --> evaluate
    evaluate --> decide
    decide -.-> collect
    decide -.-> finish
    finish --> __end__
```

Its rivals are trained in the same loop: ReST-EM on whole samples that are right, Self-Rewarding on what the policy
itself prefers (`dikast.graphs.rest_mcts.rounds.self_rewarding`).

Not here: a first critic trained on solutions that people or another model wrote, which the paper begins with
(`dikast train value`, then `--critic head+transformers:FOLDER`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs import looping
from dikast.graphs.looping import Input, Output, State, Update
from dikast.graphs.rest_mcts.rounds.context import Context
from dikast.graphs.rest_mcts.rounds.self_rewarding import plan_for
from dikast.graphs.stepping import AsyncStateGraph
from dikast.training.rounds import Plan

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph", "plan_of"]

NAME = "rest_mcts_rounds"


def plan_of(context: Context, given: Mapping[str, Any]) -> Plan:
    """The plan of a context."""
    del given
    return plan_for(context)


def build() -> AsyncStateGraph[State, Any, Input, Output]:
    """The graph, not yet compiled."""
    return looping.build(Context, plan_of, NAME)


graph = build().compile(checkpointer=False, name=NAME)
