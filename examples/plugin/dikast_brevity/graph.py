"""Have a model say it shorter until it fits.

The first answer is shortened, at most `rounds` times; the last one counts. Prompts quote what a model said: it cannot
close its quotation marks.
"""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Solution
from dikast.fence import fence
from dikast.records import Outcome
from dikast.wire import check
from dikast_brevity.context import Context, Input, State

ANSWER = parse_prompt("brevity/answer", b"version: 1\nfields: question\n--- user\n{question}\n")
SHORTEN = parse_prompt(
    "brevity/shorten", b"version: 1\nfields: answer, words\n--- user\nSay this in at most {words} words.\n{answer}\n"
)


async def answer(state: Input, runtime: Runtime[Context]) -> dict[str, object]:
    """Ask once."""
    context = check(runtime.context, Context)
    said = await context.solver.solve(ANSWER, {"question": state["question"]}, sampling=context.sampling)
    return ending(said, [], context)


async def shorten(state: State, runtime: Runtime[Context]) -> dict[str, object]:
    """Have the last answer said shorter."""
    context = runtime.context
    fields = {"answer": fence(state["answers"][-1], "answer"), "words": str(context.words)}
    said = await context.solver.solve(SHORTEN, fields, sampling=context.sampling, sample=len(state["answers"]))
    return ending(said, state["answers"], context)


def ending(said: Solution, before: list[str], context: Context) -> dict[str, object]:
    """What is known after a call: a refusal or an empty reply is an outcome, with its reason."""
    fits = said.outcome == Outcome.OK and len(said.text.split()) <= context.words
    return {"answers": [*before, said.text], "fits": fits, "outcome": said.outcome, "reason": said.reason}


def again(state: State, runtime: Runtime[Context]) -> str:
    """Whether there is a further round."""
    done = state["fits"] or state["outcome"] != Outcome.OK or len(state["answers"]) > runtime.context.rounds
    return END if done else "shorten"


builder = StateGraph(State, context_schema=Context, input_schema=Input)
builder.add_node("answer", answer).add_node("shorten", shorten).add_edge(START, "answer")
for node in ("answer", "shorten"):
    builder.add_conditional_edges(node, again, ["shorten", END])
graph = builder.compile(checkpointer=False, name="brevity")
"""What `dikast brevity run` runs, and what another LangGraph app embeds."""
