"""RLGF in rounds: policy and guide write, the policy is trained on its own tokens, and measured on writing alone.

Each round is an iteration of the paper's: a collection, and an update of a few epochs over it. The new policy then
answers prompts that are never trained on, without the guide, and takes the old one's place if its reward has not
fallen. Stages are folders that are done once (`dikast.training.rounds`): the same command goes on where it was stopped,
or killed.

Paper: Chang et al.: Learning to Generate Better Than Your LLM, arXiv 2306.11816, algorithms 1 to 4.

    context = rounds.Context(folder="runs/rlgf", prompts=PromptFile(path, {}), solver="transformers:MODEL", guide=...,
                             reward="metric:rougeL")
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

Not here: GRPO (`dikast.graphs.rlgf.rollout`, in Python), and Adam's moments, which begin anew in each round; the
value head is gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs import looping
from dikast.graphs.looping import Input, Output, State, Update
from dikast.graphs.rlgf.rounds.context import Context
from dikast.graphs.rlgf.rounds.plan import RlgfPlan
from dikast.graphs.stepping import AsyncStateGraph
from dikast.training.rounds import Plan

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph", "plan_of"]

NAME = "rlgf_rounds"


def plan_of(context: Context, given: Mapping[str, Any]) -> Plan:
    """The plan of a context."""
    del given
    return RlgfPlan(context)


def build() -> AsyncStateGraph[State, Any, Input, Output]:
    """The graph, not yet compiled."""
    return looping.build(Context, plan_of, NAME)


graph = build().compile(checkpointer=False, name=NAME)
