"""TAPIR in rounds: the student is asked, what it finds hard is trained on, in a chosen mix, harder from round to round.

Each round measures every instruction anew for the current student (`dikast.graphs.tapir`), has more written like the
hard ones (`dikast.graphs.tapir.expand`), mixes rows by task with a growing share of hard ones, trains, and measures
held-out instructions before and after; a student for whom they have not become easier is not kept.

Paper: Yue et al.: Distilling Instruction-following Abilities of Large Language Models with Task-aware Curriculum
Planning (TAPIR), Findings of EMNLP 2024, arXiv 2405.13448.

    context = rounds.Context(folder=Path("runs/a"), instructions=Path("tasks.jsonl"), solver="transformers:FOLDER",
                             judge="server:http://localhost:8000/v1#M")
    result = await rounds.graph.ainvoke({"id": "loop"}, context=context)
    result["policy"]["model"]           # the spec of the student that came of it

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

Not here: the loop itself (`dikast.graphs.looping`), and the stages (`dikast.graphs.tapir.rounds.plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langgraph.graph import StateGraph

from dikast.graphs import looping
from dikast.graphs.looping import Input, Output, State, Update
from dikast.graphs.tapir.rounds.context import Context
from dikast.graphs.tapir.rounds.plan import TapirPlan
from dikast.training.rounds import PlanOf

__all__ = ["Input", "Output", "State", "Update", "build", "graph", "plan_of"]

NAME = "tapir_rounds"


def plan_of(context: Context, given: Mapping[str, Any]) -> TapirPlan:
    """The plan, of every loop the same."""
    del given
    return TapirPlan(context)


def build(plans: PlanOf = plan_of) -> StateGraph[State, Any, Input, Output]:
    """The graph, not yet compiled.

    Args:
        plans: What makes the plan; another one in tests.
    """
    return looping.build(Context, plans, NAME)


graph = build().compile(checkpointer=False, name=NAME)
