"""Duo-LLM, one text: which layers should be big, small or skipped? An oracle tries routes, and routers are held to it.

The model has a big and a small feed-forward module in each layer (`dikast.decoding.duo`). The text is measured on the
plainest routes, on the best one that an oracle finds under a budget of FLOPs, and on the one that trained routers take,
token by token. What many texts say together is the report's.

Paper: Alizadeh et al.: Duo-LLM, arXiv 2410.10846.

    context = duo.Context(duo="runs/duo/duo", budget=0.5)
    result = await duo.graph.ainvoke({"text": "To be, or not to be"}, context=context)
    result["oracle"]["route"], result["oracle"]["loss"], result["router"]["loss"]

```mermaid
graph TD
    __start__ --> read
    read -.-> measure
    read -.-> finish
    measure --> search
    search --> route
    route --> finish
    finish --> __end__
```

Not here: training (`dikast duo train`), and an oracle's route for each token (`Search.by_token`), which costs a pass a
token and route. The oracle reads what it predicts: its loss is a bound.
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.errors import DataError
from dikast.graphs.duo.context import Context, Input, Output, State, Update
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input

__all__ = ["Context", "Input", "Output", "State", "Update", "build", "graph"]

NAME = "duo"
FEWEST = 2
"""Tokens: the first predicts the second."""


async def read(state: State, runtime: Runtime[Context]) -> Update:
    """Split the text into tokens.

    Raises:
        DataError: There is no text.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "read", f"{context.tokens} tokens at most are read")
    if not state["text"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="text", hint="give it a text")
    ids, cut = await context.duo.read(state["text"], context.tokens)
    layers, small = await context.duo.shape()
    short = len(ids) < FEWEST
    return {
        "ids": ids,
        "tokens": len(ids),
        "cut": cut,
        "layers": layers,
        "small_cost": small,
        "fixed": None,
        "oracle": None,
        "router": None,
        "outcome": Outcome.EMPTY if short else Outcome.OK,
        "reason": "a text of fewer than two tokens predicts nothing" if short else "",
    }


def after_reading(state: State) -> Literal["measure", "finish"]:
    """To the end, where nothing is predicted."""
    return "measure" if len(state["ids"]) >= FEWEST else "finish"


async def measure(state: State, runtime: Runtime[Context]) -> Update:
    """The plainest routes."""
    tell_step(runtime, NAME, "measure", "all big, all small and all skipped")
    return {"fixed": await runtime.context.duo.fixed(state["ids"])}


async def search(state: State, runtime: Runtime[Context]) -> Update:
    """The oracle's route."""
    context = runtime.context
    tell_step(runtime, NAME, "search", f"routes of {state['layers']} layers are tried")
    return {"oracle": await context.duo.search(state["ids"], context.budget, context.search)}


async def route(state: State, runtime: Runtime[Context]) -> Update:
    """The routers' routes."""
    tell_step(runtime, NAME, "route", f"routers send {state['tokens']} tokens")
    return {"router": await runtime.context.duo.route(state["ids"])}


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """The end of the row."""
    tell_step(runtime, NAME, "finish", f"{state['tokens']} tokens were read")
    return {"ids": []}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    for name, node in (("read", read), ("measure", measure), ("search", search), ("route", route), ("finish", finish)):
        builder.add_node(name, node)
    builder.add_edge(START, "read")
    builder.add_conditional_edges("read", after_reading, ["measure", "finish"])
    builder.add_edge("measure", "search")
    builder.add_edge("search", "route")
    builder.add_edge("route", "finish")
    builder.add_edge("finish", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
