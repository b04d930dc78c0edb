"""H2O: what a model loses, and saves, when its cache keeps heavy hitters and recent tokens only.

A row is a prompt, a policy and a budget. The full cache reads the prompt, replies, and reads a text (the row's
reference, or that reply) token by token; the small cache does the same with the same text; both are compared: bytes,
tokens a second, how often both hold the same token likeliest, perplexity, whether the reply is the same and holds the
answer. The rows of the full cache tell the paper's observations.

Paper: H2O: Heavy-Hitter Oracle for Efficient Generative Inference of Large Language Models, NeurIPS 2023,
arXiv 2306.14048.

    context = h2o.Context(solver="transformers:smollm2-135m")
    row = {"prompt": "Name three colours.", "policy": "h2o", "heavy": .1, "recent": .1}
    row = await h2o.graph.ainvoke(row, context=context)
    row["compared"]["memory_ratio"], row["compared"]["agreement"]

```mermaid
graph TD
    __start__ --> begin
    begin --> read_full
    read_full -.-> read_small
    read_full -.-> observe
    read_full -.-> finish
    read_small -.-> compare
    read_small -.-> finish
    observe --> compare
    compare --> finish
    finish --> __end__
```

Not here: the caches (`dikast.decoding.kv`); using one in a role (`transformers:PATH?kv=h2o`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.graphs.h2o.context import Context, Input, Output, State, Update
from dikast.graphs.h2o.records import Compared, Measured
from dikast.graphs.h2o.removal import policy_for
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "h2o"
FULL = "full"


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """An empty row.

    Raises:
        DataError: The prompt is empty.
        UsageError: There is no such policy, or an amount is out of range.
    """
    check(runtime.context, Context)
    check_input(state, Input)
    policy_for(state["policy"], state["heavy"], state["recent"])
    tell_step(runtime, NAME, "begin", "a prompt, a policy and a budget")
    if not state["prompt"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="prompt", hint="give it a text")
    return Update(full=None, small=None, compared=None, observed=None, outcome=Outcome.OK, reason="")


async def read_full(state: State, runtime: Runtime[Context]) -> Update:
    """Read prompt and text with the full cache."""
    context = runtime.context
    tell_step(runtime, NAME, "read_full", "the full cache reads and replies")
    most = context.speaking.max_tokens
    full = await context.solver.measure(state["prompt"], state.get("reference") or None, None, most)
    if not full["tokens"]:
        return {"full": full, "outcome": Outcome.EMPTY, "reason": "the model says nothing, and there is no reference"}
    return {"full": full}


def after_full(state: State) -> Literal["read_small", "observe", "finish"]:
    """A row of the full cache has nothing to be compared with, but is observed."""
    full = state["full"]
    if full is None or not full["tokens"]:
        return "finish"
    return "observe" if state["policy"] == FULL else "read_small"


async def read_small(state: State, runtime: Runtime[Context]) -> Update:
    """Read the same with the small cache."""
    context = runtime.context
    tell_step(runtime, NAME, "read_small", "the small cache reads and replies")
    policy = policy_for(state["policy"], state["heavy"], state["recent"])
    most = context.speaking.max_tokens
    return {"small": await context.solver.measure(state["prompt"], tokens_of(state), policy, most)}


async def observe(state: State, runtime: Runtime[Context]) -> Update:
    """Look who gets the attention."""
    context = runtime.context
    tell_step(runtime, NAME, "observe", "attention is summed over the prompt")
    return {"small": state["full"], "observed": await context.solver.observe(state["prompt"])}


def after_small(state: State) -> Literal["compare", "finish"]:
    """Without a measurement there is nothing to compare."""
    return "compare" if state["small"] is not None else "finish"


async def compare(state: State, runtime: Runtime[Context]) -> Update:
    """Set the small cache beside the full one."""
    tell_step(runtime, NAME, "compare", "both caches are compared")
    full, small = state["full"], state["small"]
    if full is None or small is None:
        raise RuntimeError("nothing was measured")
    return {"compared": compared(full, small, state.get("answer") or "")}


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """The end of the row."""
    tell_step(runtime, NAME, "finish", "the row is measured" if state["compared"] else "the row has no measurement")
    return {}


def tokens_of(state: State) -> Sequence[int]:
    """The text that both caches read."""
    full = state["full"]
    return full["tokens"] if full else ()


def compared(full: Measured, small: Measured, answer: str) -> Compared:
    """A small cache beside the full one, at one prompt and one text."""
    same = [mine == theirs for mine, theirs in zip(small["choices"], full["choices"], strict=True)]
    return Compared(
        memory_ratio=small["bytes"] / full["bytes"],
        speed_ratio=full["steps_s"] / small["steps_s"] if small["steps_s"] else 1.0,
        agreement=sum(same) / len(same),
        same_reply=small["said"] == full["said"],
        perplexity=perplexity(small["losses"]),
        full_perplexity=perplexity(full["losses"]),
        found=holds(small["said"], answer),
        full_found=holds(full["said"], answer),
    )


def perplexity(losses: Sequence[float]) -> float:
    """Of the tokens of one text."""
    return math.exp(sum(losses) / len(losses))


def holds(said: str, answer: str) -> bool | None:
    """Whether a reply holds an answer, upper and lower case alike; `None` without one."""
    return answer.strip().casefold() in said.casefold() if answer.strip() else None


@on_error
async def failed(state: State, error: NodeError) -> Command[Literal["finish"]]:
    """A measurement that failed is the row's outcome; what came before it stays."""
    outcome, reason = node_failure_of(error)
    return Command(update=Update(outcome=outcome, reason=reason), goto="finish")


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("begin", begin)
    builder.add_node("read_full", read_full, error_handler=failed)
    builder.add_node("read_small", read_small, error_handler=failed)
    builder.add_node("observe", observe, error_handler=failed)
    builder.add_node("compare", compare)
    builder.add_node("finish", finish)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "read_full")
    builder.add_conditional_edges("read_full", after_full, ["read_small", "observe", "finish"])
    builder.add_conditional_edges("read_small", after_small, ["compare", "finish"])
    builder.add_edge("observe", "compare")
    builder.add_edge("compare", "finish")
    builder.add_edge("finish", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
