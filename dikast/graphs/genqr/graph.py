"""GenQR: a query is rewritten by several instructions at once, then searched with.

A language model is given N paraphrases of one instruction ("propose terms to expand the query with"), each apart, with
or without documents of a first search as context. Its keywords either expand the query together (*ensemble*: one
search) or one instruction at a time (*fusion*: N searches, one fused ranking).

Paper: Dhole, Agichtein: GenQREnsemble, ECIR 2024; Dhole, Chandradevan, Agichtein: arXiv 2405.17658 (fusion).

    context = genqr.Context(solver="openvino:smollm2-135m", retriever="bm25:corpus.jsonl")
    result = await genqr.graph.ainvoke({"query": "car will not start"}, context=context)

Rivals are settings of the same graph: `genqr.Context(..., **genqr.preset("query2doc"))`; see `genqr_methods`.

```mermaid
graph TD
    __start__ --> gather
    gather --> plan
    plan -.-> reformulate
    plan -.-> sift
    reformulate --> sift
    sift --> polish
    polish --> combine
    combine --> retrieve
    retrieve --> __end__
```

Not here: scores. Measures are computed from the rankings; judgments are seen by an oracle alone, if there is one.
"""

from __future__ import annotations

from itertools import product
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from dikast.agents.failures import node_failure_of
from dikast.agents.models.request import Structured
from dikast.agents.prompt import load_prompt
from dikast.graphs.genqr.context import Context, Input, Output, State, Update
from dikast.graphs.genqr.feedback import choose_documents, list_used, quote
from dikast.graphs.genqr.keywords import KEYWORDS_SCHEMA
from dikast.graphs.genqr.records import FORMS, Weighted
from dikast.graphs.genqr.replies import (
    ask_solver,
    parse,
    read_plan,
    read_solution,
    record_failure,
    summarise,
)
from dikast.graphs.genqr.search import expand, fuse, list_keywords
from dikast.graphs.genqr.selection import choose, list_original
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.retrieval.query import WeightedQuery
from dikast.wire import check, check_input, on_error

NAME = "genqr"


class Branch(TypedDict):
    """One instruction's share of the work."""

    query: str
    context: str
    index: int
    instruction: str
    sample: int


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """Choose the feedback documents, if any are wanted."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    wanted = context.feedback != "none"
    tell_step(runtime, NAME, "gather", "feedback documents are chosen" if wanted else "no feedback is wanted")
    chosen = await choose_documents(state["query"], state.get("qid", ""), context)
    documents = await context.retriever.documents(list_used(chosen))
    return {"feedback": chosen, "context": quote(documents, context.feedback_tokens)}


async def plan(state: State, runtime: Runtime[Context]) -> Update:
    """Say what the solver is asked: the instructions, or what a first call makes of the query."""
    context = runtime.context
    tell_step(runtime, NAME, "plan", "instructions are laid out" if context.plan is None else "a first call is made")
    if context.plan is None:
        return {"plan": None, "instructions": list(context.instructions)}
    said = await ask_solver(context.solver, context.plan, {"query": state["query"]}, context.sampling)
    told, lines = read_plan(said, context.planned)
    return {"plan": told, "instructions": lines}


def list_branches(state: State, context: Context) -> list[Branch]:
    """Everything that is asked: contexts by instructions by samples."""
    contexts = ["", state["context"]] if context.both and state["context"] else [state["context"]]
    asked = product(contexts, state["instructions"], range(context.samples))
    return [
        Branch(query=state["query"], context=text, index=index, instruction=instruction, sample=sample)
        for index, (text, instruction, sample) in enumerate(asked)
    ]


def fan_out(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["sift"]:
    """One branch an instruction and sample; none if a plan came to nothing."""
    return [Send("reformulate", branch) for branch in list_branches(state, runtime.context)] or "sift"


async def reformulate(state: Branch, runtime: Runtime[Context]) -> Update:
    """Ask for keywords by one instruction."""
    context = runtime.context
    tell_step(runtime, NAME, "reformulate", f"instruction {state['index'] + 1} is asked")
    prompt = context.feedback_prompt if state["context"] else context.prompt
    known = {
        "context": state["context"],
        "instruction": state["instruction"],
        "query": state["query"],
        "form": FORMS[context.reply],
    }
    solution = await context.solver.solve(
        prompt,
        {name: text for name, text in known.items() if name in prompt.fields},
        sampling=context.sampling,
        structured=Structured(json_schema=KEYWORDS_SCHEMA) if context.reply == "json" else None,
        sample=state["sample"],
    )
    return {"reformulations": [read_solution(solution, state["index"], state["instruction"], context.reply)]}


@on_error
async def failed_reformulation(state: Branch, error: NodeError) -> Command[Literal["sift"]]:
    """Turn a failed call into a record. A bug is raised again, and so is a model that cannot be reached at all.

    A handler does not follow its node's edges, so it names the next node itself: else a row whose every instruction
    failed would end here.
    """
    failed = record_failure(state["index"], state["instruction"], *node_failure_of(error))
    return Command(update=Update(reformulations=[failed]), goto="sift")


async def sift(state: State, runtime: Runtime[Context]) -> Update:
    """Leave near-duplicates out, then keep the best, if that is wanted."""
    context, made = runtime.context, state["reformulations"]
    tell_step(runtime, NAME, "sift", f"{len(made)} reformulations are looked through")
    expected = len(list_branches(state, context))
    if sorted(one["index"] for one in made) != list(range(expected)):
        raise RuntimeError(f"{expected} branches must have run exactly once each: {[one['index'] for one in made]}")
    selection = await choose(state["query"], made, context)
    left_out = {one["index"] for one in selection["candidates"] if not one["kept"]} if selection else set[int]()
    every = [*range(expected), *list_original(context)]
    kept = [index for index in every if index not in left_out]
    return {"selection": selection, "kept": kept, "lists": list_keywords(made, kept)}


async def polish(state: State, runtime: Runtime[Context]) -> Update:
    """What is asked once all reformulations are there: a refined text to search with, a fluent query for people."""
    context = runtime.context
    tell_step(runtime, NAME, "polish", f"{len(state['lists'])} lists of keywords are left")
    written = "\n".join(", ".join(keywords) for keywords in state["lists"] if keywords)
    fields = {"query": state["query"], "generated": written}
    update = Update(refined=None, fluent=None)
    if context.refine is not None and written:
        said = await ask_solver(context.solver, context.refine, fields, context.sampling)
        update["refined"] = said
        if said["outcome"] == Outcome.OK and (passage := parse(said["text"], "passage")):
            update["lists"] = [passage]
    if context.fluent and written:
        update["fluent"] = await ask_solver(context.solver, load_prompt("genqr/fluent"), fields, context.sampling)
    return update


async def combine_keywords(state: State, runtime: Runtime[Context]) -> Update:
    """Make the weighted queries: one for all keywords, or in fusion one a reformulation."""
    tell_step(runtime, NAME, "combine", "queries are put together")
    queries = expand(state["query"], state["lists"], runtime.context)
    judged = state["selection"]["candidates"] if state["selection"] else []
    singles = {name: said for name in ("plan", "refined", "fluent") if (said := state[name])}
    others = [*singles.items(), *(("judge", one) for one in judged)]
    outcome, reason = summarise(
        state["reformulations"], [(name, one["outcome"], one["reason"]) for name, one in others]
    )
    weighted = [Weighted(terms=dict(query.terms), text=query.text) for query in queries]
    return {"queries": weighted, "outcome": outcome, "reason": reason}


async def retrieve(state: State, runtime: Runtime[Context]) -> Update:
    """Search with every query, the original one among them if a baseline is wanted, and fuse."""
    context = runtime.context
    tell_step(runtime, NAME, "retrieve", f"{len(state['queries']) + context.baseline} queries are searched with")
    queries = [WeightedQuery(query["terms"], query["text"]) for query in state["queries"]]
    if context.baseline:
        queries.append(WeightedQuery.from_text(state["query"], context.retriever.analyze))
    rankings = await context.retriever.search(queries, context.depth)
    baseline = rankings.pop() if context.baseline else []
    return {"hits": list(fuse(rankings, context, state["kept"])), "baseline": list(baseline)}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("gather", gather)
    builder.add_node("plan", plan)
    builder.add_node("reformulate", reformulate, error_handler=failed_reformulation)
    builder.add_node("sift", sift)
    builder.add_node("polish", polish)
    builder.add_node("combine", combine_keywords)
    builder.add_node("retrieve", retrieve)
    builder.add_edge(START, "gather")
    builder.add_edge("gather", "plan")
    builder.add_conditional_edges("plan", fan_out, ["reformulate", "sift"])
    builder.add_edge("reformulate", "sift")
    builder.add_edge("sift", "polish")
    builder.add_edge("polish", "combine")
    builder.add_edge("combine", "retrieve")
    builder.add_edge("retrieve", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
