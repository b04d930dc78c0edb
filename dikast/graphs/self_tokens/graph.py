"""BASH and RAC: training on a model's own tokens, so that it learns to go on after its own mistakes.

A model is trained on references and used on its own words: after a mistake it stands where no training row ever stood.
BASH replaces context tokens of a reference by the model's own; what it is to say stays the reference. RAC has the
model answer, and trains it to correct its answer to the reference. Both are made offline, for a whole file of questions
with references; no judge, no reward.

Paper: Bridging the Training-Inference Gap in LLMs by Leveraging Self-Generated Tokens, TMLR 2025, arXiv 2410.14655.

    context = self_tokens.Context(solver="transformers:smollm2-135m")
    row = await self_tokens.graph.ainvoke({"prompt": "2 + 2?", "reference": "It is 4."}, context=context)
    row["bash"]["input_ids"], row["bash"]["labels"], row["bash"]["own"], row["draft"]["text"]

```mermaid
graph TD
    __start__ --> begin
    begin -.-> read
    begin -.-> answer
    read -.-> draw
    read -.-> answer
    draw -.-> answer
    draw -.-> finish
    answer -.-> measure
    answer -.-> finish
    measure --> finish
    finish --> __end__
```

Not here: training (`dikast.training.trainer`, recipes `tokens` and `sft`), and the second pass at inference
(`dikast.graphs.self_tokens.correcting`). The authors have published no code; what could not be read is a knob.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.graphs.self_tokens import speaking
from dikast.graphs.self_tokens.context import Context, Input, Output, State, Update
from dikast.graphs.self_tokens.mixing import probability, stream_of
from dikast.graphs.self_tokens.records import Read
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.jobs.keys import digest
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "self_tokens"
Step: TypeAlias = Literal["read", "draw", "answer", "measure", "finish"]
STEPS: Sequence[Step] = ("read", "draw", "answer", "measure", "finish")


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """An empty row.

    Raises:
        DataError: Question or reference is empty.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "begin", f"epoch {state.get('epoch', 0) + 1} of {context.epochs}")
    for name in ("prompt", "reference"):
        if not str(state.get(name) or "").strip():
            raise DataError(f"row {state.get('id', '')!r} is empty", field=name, hint="give it a text")
    return Update(read=None, bash=None, draft=None, gap=[], beyond=0, outcome=Outcome.OK, reason="")


def next_step(context: Context, done: Step | None) -> Step:
    """The next step that somebody wants."""
    wanted = {
        "read": context.bash or context.gap > 0,
        "draw": context.bash,
        "answer": context.rac or context.gap > 0,
        "measure": context.gap > 0,
        "finish": True,
    }
    rest = STEPS if done is None else STEPS[STEPS.index(done) + 1 :]
    return next(step for step in rest if wanted[step])


def after_begin(state: State, runtime: Runtime[Context]) -> Step:
    """The first step that is wanted."""
    return next_step(runtime.context, None)


def after_read(state: State, runtime: Runtime[Context]) -> Step:
    """The next."""
    return next_step(runtime.context, "read")


def after_draw(state: State, runtime: Runtime[Context]) -> Step:
    """The next."""
    return next_step(runtime.context, "draw")


def after_answer(state: State, runtime: Runtime[Context]) -> Step:
    """The next; without an answer there is no gap to measure."""
    draft = state["draft"]
    return next_step(runtime.context, "answer") if draft and draft["tokens"] else "finish"


def key_of(state: State) -> str:
    """What a row's random numbers depend on, beside seed and epoch."""
    return str(state.get("question") or state.get("id") or digest([state["prompt"], state["reference"]]).hex())


async def read(state: State, runtime: Runtime[Context]) -> Update:
    """Have the model read the reference: its tokens, and their likelihood."""
    tell_step(runtime, NAME, "read", "the reference is read")
    return {"read": await speaking.read(runtime.context.solver, state["prompt"], state["reference"])}


async def draw(state: State, runtime: Runtime[Context]) -> Update:
    """Draw places, and the model's own tokens for them."""
    context, epoch, known = runtime.context, state.get("epoch", 0), known_of(state)
    p = probability(context.schedule, context.p, epoch, context.epochs, context.pace)
    tell_step(runtime, NAME, "draw", f"{len(known['tokens'])} tokens, {p * 100:.0f} in 100 of them own")
    stream = stream_of(seed=context.seed, key=key_of(state), epoch=epoch)
    made = await speaking.speak(context.solver, state["prompt"], known, p, context.draws, context.speaking, stream)
    return {"bash": made}


async def answer(state: State, runtime: Runtime[Context]) -> Update:
    """Have the model answer on its own."""
    context = runtime.context
    tell_step(runtime, NAME, "answer", "the model answers on its own")
    stream = stream_of(seed=context.seed, key=f"answer {key_of(state)}", epoch=state.get("epoch", 0))
    draft = await speaking.answer(
        context.solver,
        state["prompt"],
        state["reference"],
        context.match,
        context.speaking,
        stream,
        tokens=context.gap > 0,
        right=state.get("answer", ""),
    )
    return {"draft": draft, "outcome": draft["outcome"], "reason": draft["reason"]}


async def measure(state: State, runtime: Runtime[Context]) -> Update:
    """Measure the reference's loss after the model's own tokens."""
    context, draft = runtime.context, state["draft"]
    own = (draft["tokens"] if draft else None) or []
    tell_step(runtime, NAME, "measure", f"the gap is measured at {context.gap} places at most")
    points, beyond = await speaking.measure(context.solver, state["prompt"], known_of(state), own, context.gap)
    return {"gap": points, "beyond": beyond}


def known_of(state: State) -> Read:
    """The reference, which `read` has brought."""
    known = state["read"]
    if known is None:
        raise RuntimeError("no reference was read")
    return known


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """The end of the row."""
    tell_step(runtime, NAME, "finish", f"{len(state['gap'])} places of the gap are measured")
    return {}


@on_error
async def failed(state: State, error: NodeError) -> Command[Literal["finish"]]:
    """A call that failed is the row's outcome; what came before it stays."""
    outcome, reason = node_failure_of(error)
    return Command(update=Update(outcome=outcome, reason=reason), goto="finish")


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("begin", begin)
    builder.add_node("read", read, error_handler=failed)
    builder.add_node("draw", draw, error_handler=failed)
    builder.add_node("answer", answer, error_handler=failed)
    builder.add_node("measure", measure, error_handler=failed)
    builder.add_node("finish", finish)
    builder.add_edge(START, "begin")
    builder.add_conditional_edges("begin", after_begin, ["read", "answer"])
    builder.add_conditional_edges("read", after_read, ["draw", "answer"])
    builder.add_conditional_edges("draw", after_draw, ["answer", "finish"])
    builder.add_conditional_edges("answer", after_answer, ["measure", "finish"])
    builder.add_edge("measure", "finish")
    builder.add_edge("finish", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
