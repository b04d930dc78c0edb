"""The graph of a method with rounds: collect, rows, train, evaluate, decide, and from the start again.

    graph = build(Context, plan_of, "dno_rounds").compile(checkpointer=False, name="dno_rounds")
    result = await graph.ainvoke({"id": "first"}, context=context)
    result["policy"]["model"]           # the spec of what came of it

What a stage does is the plan's (`dikast.training.rounds.Plan`); that it is done once, and goes on after a kill, is
`run_stage`'s. So the graph needs no checkpointer: it is run again from its start, and finds what is finished.

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
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.training.rounds import (
    STAGES,
    At,
    Plan,
    PlanOf,
    Policy,
    RoundRecord,
    Stage,
    StageRecord,
    conclude,
    conclude_starved,
    run_stage,
    spent,
)
from dikast.wire import check, check_input

ABOUT: Mapping[Stage, str] = {
    "collect": "the policy is asked, and judged",
    "rows": "training rows are made",
    "train": "the next policy is trained",
    "evaluate": "the new policy is measured beside the old one",
}


class Input(TypedDict):
    """A loop."""

    id: str
    """The name of its folder within the run's."""


class Output(TypedDict):
    """What came of a loop."""

    outcome: str
    """`ok`; `empty` if it ended before any policy was trained."""
    reason: str
    policy: Policy
    """The one to use."""
    rounds: list[RoundRecord]
    usage: dict[str, dict[str, float]]
    """Role -> spent, over all rounds and attempts that ended."""


class State(Input, Output):
    """What goes through the graph."""

    round: int
    stages: dict[str, StageRecord]
    """Of this round, those that are finished."""


class Update(TypedDict, total=False):
    """What a node changes."""

    round: int
    policy: Policy
    stages: dict[str, StageRecord]
    rounds: list[RoundRecord]
    outcome: str
    reason: str
    usage: dict[str, dict[str, float]]


class LoopContext(Protocol):
    """What the context of a graph with rounds has, beside its method's own fields."""

    @property
    def folder(self) -> Path:
        """Where the loop's stages lie."""
        ...


def build(context_type: type[LoopContext], plan_of: PlanOf, name: str) -> AsyncStateGraph[State, Any, Input, Output]:
    """The graph of a plan, to be compiled.

    Args:
        context_type: The method's own context.
        plan_of: (context, input) -> the plan.
        name: The graph's.
    """

    def plan(state: State, runtime: Runtime[Any]) -> Plan:
        return plan_of(runtime.context, cast(Mapping[str, Any], state))

    def at(state: State, runtime: Runtime[Any]) -> At:
        folder = runtime.context.folder / state["id"]
        return At(folder, state["round"], state["policy"], state["stages"], state["rounds"])

    async def begin(state: State, runtime: Runtime[Any]) -> Update:
        check(runtime.context, context_type)
        check_input(state, Input)
        tell_step(runtime, name, "begin", "the loop begins, or goes on")
        return {"round": 1, "policy": plan(state, runtime).start(), "stages": {}, "rounds": []}

    def node(stage: Stage) -> Any:
        async def do(state: State, runtime: Runtime[Any]) -> Update:
            here = at(state, runtime)
            tell_step(runtime, name, stage, f"round {here.round}: {ABOUT[stage]}")
            return {"stages": {**here.stages, stage: await run_stage(plan(state, runtime), stage, here)}}

        return do

    def after_rows(state: State) -> Literal["train", "finish"]:
        return "train" if state["stages"]["rows"]["result"]["rows"] else "finish"

    async def decide(state: State, runtime: Runtime[Any]) -> Update:
        here = at(state, runtime)
        tell_step(runtime, name, "decide", f"round {here.round}: the new policy is promoted, or not")
        over = conclude(plan(state, runtime), here)
        return {"rounds": [*here.past, over], "policy": over["after"], "round": here.round + 1, "stages": {}}

    def after_decision(state: State, runtime: Runtime[Any]) -> Literal["collect", "finish"]:
        return "collect" if state["round"] <= plan(state, runtime).rounds else "finish"

    async def finish(state: State, runtime: Runtime[Any]) -> Update:
        here = at(state, runtime)
        tell_step(runtime, name, "finish", f"{len(here.past)} rounds are over")
        rounds, reason = list(here.past), ""
        if here.stages:  # a round that ended early, after its second stage
            reason = f"round {here.round}: no training row"
            rounds.append(conclude_starved(here, reason))
        outcome = Outcome.OK if here.past else Outcome.EMPTY
        return {"outcome": outcome.value, "reason": reason, "rounds": rounds, "usage": spent(rounds)}

    graph = AsyncStateGraph(State, cast(Any, context_type), input_schema=Input, output_schema=Output)
    graph.add_node("begin", begin)
    for stage in STAGES:
        graph.add_node(stage, node(stage))
    graph.add_node("decide", decide)
    graph.add_node("finish", finish)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "collect")
    graph.add_edge("collect", "rows")
    graph.add_conditional_edges("rows", after_rows)
    graph.add_edge("train", "evaluate")
    graph.add_edge("evaluate", "decide")
    graph.add_conditional_edges("decide", after_decision)
    graph.add_edge("finish", END)
    return graph
