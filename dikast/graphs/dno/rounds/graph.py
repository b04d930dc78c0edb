"""DNO in rounds: the policy answers, is judged, is trained on its pairs, and is measured against itself before.

Each round asks another part of the prompts, trains on its pairs and some of older rounds with the current policy as
reference, and compares the new policy with the current one on prompts that are never trained on. Stages are folders
that are done once (`dikast.training.rounds`): the same command goes on where it was stopped, or killed.

Paper: Rosset et al.: Direct Nash Optimization, arXiv 2404.03715, algorithm 2.

    context = rounds.Context(folder="runs/dno", prompts=PromptFile(path, {}), solver="transformers:MODEL", judge=...)
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

Not here: another base model, and rewards; one judge for collecting and for measuring, so that what it likes wrongly is
learnt and then found good. Measure the last policy by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dikast.graphs import looping
from dikast.graphs.dno.rounds.context import Context
from dikast.graphs.dno.rounds.plan import DnoPlan
from dikast.graphs.looping import Input, Output, State, Update
from dikast.graphs.stepping import AsyncStateGraph
from dikast.training.rounds import Plan

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph", "plan_of"]

NAME = "dno_rounds"


def plan_of(context: Context, given: Mapping[str, Any]) -> Plan:
    """The plan of a context."""
    del given
    return DnoPlan(context)


def build() -> AsyncStateGraph[State, Any, Input, Output]:
    """The graph, not yet compiled."""
    return looping.build(Context, plan_of, NAME)


graph = build().compile(checkpointer=False, name=NAME)
