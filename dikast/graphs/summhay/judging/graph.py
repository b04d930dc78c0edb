"""Judging: how far a summary covers each of some insights, and in which bullet.

One branch a call of the judge: an insight, or, for a judge that takes them together, all of them. A summary without
bullets covers nothing, and nobody is asked.

    context = Context(judge="server:http://localhost:8000/v1#M")
    row = {"bullets": ["E85 gives 1,025 hp. [3]"], "insights": [{"insight_id": "i1", "insight": "..."}]}
    result = await graph.ainvoke(row, context=context)

```mermaid
graph TD
    __start__ -.-> judge
    __start__ -.-> gather
    judge --> gather
    gather --> __end__
```

`fan_out`, `judge`, `failed_judging` serve any graph whose context is a subclass of this one, whose state has `bullets`,
`insights` and `verdicts`, and whose nodes have these names.

Paper: Laban et al.: Summary of a Haystack, EMNLP 2024, arXiv 2407.01370.

Not here: scores, which need to know which documents hold what (`dikast.graphs.summhay.scores`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import node_failure_of
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.summhay.coverage.roles import read_insights
from dikast.graphs.summhay.judging.context import Context, Input, Output, State, Update
from dikast.graphs.summhay.judging.records import (
    Judged,
    Judging,
    Sought,
    record_empty,
    record_failed,
    record_verdicts,
    summarise,
)
from dikast.wire import check, check_input, on_error

NAME = "summhay_judging"


def begin(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["gather"]:
    """One branch a call."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    return fan_out(state, context)


def fan_out(state: State, context: Context) -> list[Send] | Literal["gather"]:
    """The branches; straight to the end for a summary without bullets, or where nothing is looked for."""
    groups = group(state["bullets"], state["insights"], together=context.judge.batched)
    return [Send("judge", judging) for judging in groups] or "gather"


def group(bullets: list[str], insights: Sequence[Sought], *, together: bool) -> list[Judging]:
    """What each call is about: one insight, or all of them; none for a summary without bullets."""
    if not bullets or not insights:
        return []
    groups = [list(insights)] if together else [[insight] for insight in insights]
    return [Judging(bullets=bullets, insights=one) for one in groups]


async def judge(state: Judging, runtime: Runtime[Context]) -> Update:
    """One call of the judge."""
    context = runtime.context
    insights = read_insights(state["insights"])
    tell_step(runtime, NAME, "judge", f"{len(insights)} insights are looked for")
    verdicts = await context.judge.cover(state["bullets"], insights, sampling=context.judging)
    return {"verdicts": record_verdicts(state, verdicts)}


@on_error
async def failed_judging(state: Judging, error: NodeError) -> Command[Literal["gather"]]:
    """A call that failed is a record an insight."""
    return Command(update=Update(verdicts=record_failed(state, *node_failure_of(error))), goto="gather")


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """How the row ended; a summary without bullets has its verdicts only now."""
    tell_step(runtime, NAME, "gather", f"{len(state['verdicts'])} verdicts are there")
    added: list[Judged] = [] if state["bullets"] else record_empty(state["insights"])
    outcome, reason = summarise([*state["verdicts"], *added])
    return {"verdicts": added, "outcome": outcome.value, "reason": reason}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("judge", judge, error_handler=failed_judging)
    builder.add_node("gather", gather)
    builder.add_conditional_edges(START, begin, ["judge", "gather"])
    builder.add_edge("judge", "gather")
    builder.add_edge("gather", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
