"""RAC at inference: the model answers, then corrects its answer; a critic may speak between.

The second pass has the wording of RAC's training rows: question, own answer, cue. A critic's words stand behind the
cue, as quoted text. Where rows have references, both passes are measured by them: what was mended, what was broken.

Paper: Bridging the Training-Inference Gap in LLMs by Leveraging Self-Generated Tokens, TMLR 2025, arXiv 2410.14655.

    context = correcting.Context(solver="transformers:smollm2-135m?lora=runs/rac/adapter")
    result = await correcting.graph.ainvoke({"prompt": "2 + 2?"}, context=context)
    result["draft"]["text"], result["correction"]["text"]

```mermaid
graph TD
    __start__ --> begin
    begin --> draft
    draft -.-> criticise
    draft -.-> correct
    draft -.-> __end__
    criticise --> correct
    correct --> __end__
```
"""

from __future__ import annotations

from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.agents.prompt import load_prompt
from dikast.errors import DataError
from dikast.fence import fence
from dikast.graphs.self_tokens.correcting.context import Context, Input, Output, State, Update
from dikast.graphs.self_tokens.correcting.records import record
from dikast.graphs.self_tokens.speaking import PROMPT
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "self_tokens_correcting"


async def begin(state: State, runtime: Runtime[Context]) -> Update:
    """An empty row.

    Raises:
        DataError: The question is empty.
    """
    check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "begin", "a question is asked")
    if not state["prompt"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="prompt", hint="give it a text")
    return Update(draft=None, critique=None, correction=None, outcome=Outcome.OK, reason="")


async def draft(state: State, runtime: Runtime[Context]) -> Update:
    """The first pass."""
    context = runtime.context
    tell_step(runtime, NAME, "draft", "the model answers")
    said = await context.solver.go_on(load_prompt(PROMPT), {"prompt": state["prompt"]}, sampling=context.speaking)
    made = record(said, state.get("reference"), context.match, state.get("answer", ""))
    return {"draft": made, "outcome": made["outcome"], "reason": made["reason"]}


def after_draft(state: State, runtime: Runtime[Context]) -> Literal["criticise", "correct", "__end__"]:
    """The critic, if there is one; nothing, if there is no draft."""
    if state["outcome"] != Outcome.OK:
        return "__end__"
    return "correct" if runtime.context.critic is None else "criticise"


async def criticise(state: State, runtime: Runtime[Context]) -> Update:
    """A critic's words on the draft; it sees no reference."""
    context = runtime.context
    tell_step(runtime, NAME, "criticise", "a critic reads the draft")
    if context.critic is None:
        raise RuntimeError("no critic")
    fields = {"prompt": fence(state["prompt"], "question"), "answer": fence(draft_of(state), "answer")}
    said = await context.critic.go_on(load_prompt("self_tokens/criticise"), fields, sampling=context.criticising)
    return {"critique": record(said, None, context.match)}


async def correct(state: State, runtime: Runtime[Context]) -> Update:
    """The second pass; a critique that came to nothing leaves the plain cue."""
    context, critique = runtime.context, state["critique"]
    tell_step(runtime, NAME, "correct", "the model corrects its answer")
    cue = context.cue
    if critique and critique["outcome"] == Outcome.OK:
        cue = f"{cue}\n\nWhat a critic says of it:\n{fence(critique['text'], 'critique')}"
    fields = {"prompt": state["prompt"], "answer": draft_of(state), "cue": cue}
    said = await context.solver.go_on(load_prompt("self_tokens/correct"), fields, sampling=context.speaking)
    made = record(said, state.get("reference"), context.match, state.get("answer", ""))
    return {"correction": made, "outcome": made["outcome"], "reason": made["reason"]}


def draft_of(state: State) -> str:
    """The draft's text, which is there by now."""
    if state["draft"] is None:
        raise RuntimeError("no draft was made")
    return state["draft"]["text"]


@on_error
async def failed(state: State, error: NodeError) -> Command[Literal["__end__"]]:
    """A call that failed is the row's outcome; what came before it stays."""
    outcome, reason = node_failure_of(error)
    return Command(update=Update(outcome=outcome, reason=reason), goto="__end__")


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("begin", begin)
    builder.add_node("draft", draft, error_handler=failed)
    builder.add_node("criticise", criticise, error_handler=failed)
    builder.add_node("correct", correct, error_handler=failed)
    builder.add_edge(START, "begin")
    builder.add_edge("begin", "draft")
    builder.add_conditional_edges("draft", after_draft, ["criticise", "correct", END])
    builder.add_edge("criticise", "correct")
    builder.add_edge("correct", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
