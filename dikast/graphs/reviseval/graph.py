"""RevisEval: a judge that measures responses by a reference made from the responses themselves.

A reviser improves a response under a rubric; the result, the *response-adapted reference*, is what a judge (or a
panel) compares the responses with. A pair shares one reference: one response is revised, the other is its guide.
Rivals are one knob away: no reference (`free`), the model's own reply (`direct`), a given one (`human`), and a judge
that answers before it looks (`commit-first`). Pairs are judged in both orders, always.

Paper: Zhang et al.: RevisEval, ICLR 2025, arXiv 2410.05193.

    context = reviseval.Context(solver="server:http://localhost:8000/v1#M", judges=("server:http://localhost:8000/v1#M",))
    pair = {"instruction": "2 + 2?", "response_1": "4", "response_2": "5"}
    result = await reviseval.graph.ainvoke(pair, context=context)

```mermaid
graph TD
    __start__ -.-> revise
    __start__ -.-> answer
    __start__ -.-> commit
    __start__ -.-> convene
    revise --> convene
    answer --> convene
    commit --> convene
    convene -.-> judge
    convene -.-> decide
    judge --> review
    review -.-> synthesise
    review -.-> decide
    synthesise --> decide
    decide --> __end__
```

Not here: labels. A row's human verdict, if it has one, reaches no prompt; judges are measured by
`dikast.graphs.reviseval.results`. Nor a second try for a reply without a verdict: `unparsed` is a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import node_failure_of
from dikast.agents.prompt import load_prompt
from dikast.agents.quoting import quote_messages
from dikast.agents.roles import Case, Solver
from dikast.conversation import Message
from dikast.errors import DataError
from dikast.evaluation.orders import OnConflict
from dikast.fence import fence
from dikast.graphs.reviseval import votes
from dikast.graphs.reviseval.cases import befores_of, choose_primaries, make_judging, other, responses_of, rubric_of
from dikast.graphs.reviseval.context import ANSWERED, Context, Input, Output, State, Update
from dikast.graphs.reviseval.records import (
    Judging,
    Making,
    Number,
    Order,
    record_given,
    record_judgement,
    record_made,
    record_no_judgement,
    record_no_reference,
)
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "reviseval"
ORDERS: Mapping[Order, tuple[Number, Number]] = {"ab": ("1", "2"), "ba": ("2", "1")}
"""Order -> which response is shown first, which second."""


def begin(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["convene"]:
    """The references that have to be made."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    instruction, responses = state["instruction"], responses_of(state)
    before = befores_of(state, len(responses))
    if context.mode in ANSWERED and any(before):
        hint = "take the mode reviseval, human or free"
        raise DataError(f"row {state.get('id', '')!r}: mode {context.mode!r} answers no conversation", hint=hint)
    rubric = rubric_of(state, context)
    blank = Making(
        kind="answer",
        instruction=instruction,
        primary=None,
        response="",
        guide="",
        judge=None,
        before=before[0],
        rubric=rubric,
    )
    if context.mode == "direct":
        return [Send("answer", blank)]
    if context.mode == "commit-first":
        return [Send("commit", {**blank, "kind": "commitment", "judge": judge}) for judge in range(len(context.judges))]
    if context.mode != "reviseval":
        return "convene"
    if len(responses) == 1:
        return [Send("revise", {**blank, "kind": "revision", "response": responses[0]})]
    text: dict[Number, str] = {"1": responses[0], "2": responses[1]}
    led: dict[Number, list[Message]] = {"1": before[0], "2": before[1]}
    made: list[Making] = [
        {
            **blank,
            "kind": "revision",
            "primary": one,
            "response": text[one],
            "guide": text[other(one)],
            "before": led[one],
        }
        for one in choose_primaries(context, instruction, responses)
    ]
    return [Send("revise", one) for one in made]


async def revise(state: Making, runtime: Runtime[Context]) -> Update:
    """Make a response-adapted reference."""
    context = runtime.context
    tell_step(runtime, NAME, "revise", f"response {state['primary'] or 1} is revised")
    asked = quote_messages(state["before"]) if state["before"] else fence(state["instruction"], "instruction")
    fields = {
        "rubric": state["rubric"],
        "instruction": asked,
        "response": fence(state["response"], "response"),
    }
    name = "reviseval/revise"
    if state["primary"] is not None:
        name, fields["guide"] = "reviseval/revise_guided", fence(state["guide"], "guide")
    solution = await solver_of(context).solve(load_prompt(name), fields, sampling=context.revising)
    diagnosis = votes.diagnosis_of(
        state["response"], solution.text, guide=state["guide"], instruction=state["instruction"]
    )
    made = record_made(state, solution)
    return {"references": [{**made, "diagnosis": diagnosis} if made["outcome"] == Outcome.OK else made]}


async def answer(state: Making, runtime: Runtime[Context]) -> Update:
    """Let the model answer the instruction itself; its reply is the reference."""
    context = runtime.context
    tell_step(runtime, NAME, "answer", "the model answers the instruction")
    fields = {"instruction": state["instruction"]}
    solution = await solver_of(context).solve(load_prompt("reviseval/answer"), fields, sampling=context.revising)
    return {"references": [record_made(state, solution)]}


async def commit(state: Making, runtime: Runtime[Context]) -> Update:
    """Let a judge answer before it sees any response."""
    context = runtime.context
    tell_step(runtime, NAME, "commit", f"judge {(state['judge'] or 0) + 1} answers the instruction")
    solution = await context.judges[state["judge"] or 0].answer(state["instruction"], sampling=context.revising)
    return {"references": [record_made(state, solution)]}


def solver_of(context: Context) -> Solver:
    """The solver, which the context has checked to be there."""
    if context.solver is None:
        raise RuntimeError(f"no solver in mode {context.mode!r}")
    return context.solver


@on_error
async def failed_reference(state: Making, error: NodeError) -> Command[Literal["convene"]]:
    """A reference that could not be made is a record."""
    missing = record_no_reference(state["kind"], state["primary"], state["judge"], *node_failure_of(error))
    return Command(update=Update(references=[missing]), goto="convene")


async def convene(state: State, runtime: Runtime[Context]) -> Update:
    """Lay a given reference beside the made ones.

    Raises:
        DataError: The mode is `human`, and the row has no reference.
    """
    tell_step(
        runtime, NAME, "convene", f"{len(runtime.context.judges)} judges, {len(state['references'])} made references"
    )
    if runtime.context.mode != "human":
        return {}
    text = state.get("reference") or ""
    if not text.strip():
        hint = "give the row a reference, or take another mode"
        raise DataError(f"row {state.get('id', '')!r}: mode 'human' needs one", field="reference", hint=hint)
    return {"references": [record_given(text)]}


def fan_out(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["decide"]:
    """One branch a judge, reference and order; straight to the end if no reference could be made."""
    context, made = runtime.context, state["references"]
    usable: list[int | None] = [place for place, one in enumerate(made) if one["outcome"] == Outcome.OK]
    if context.mode == "free":
        usable = [None]
    seats = [
        (judge, place)
        for judge in range(len(context.judges))
        for place in usable
        if place is None or made[place]["judge"] in (None, judge)
    ]
    orders: tuple[Order, ...] = ("ab", "ba") if len(responses_of(state)) > 1 else ("one",)
    rubric = rubric_of(state, context)
    branches = [make_judging(state, judge, place, order, rubric) for judge, place in seats for order in orders]
    return [Send("judge", branch) for branch in branches] or "decide"


async def judge(state: Judging, runtime: Runtime[Context]) -> Update:
    """One judge, one order."""
    context = runtime.context
    step = "synthesise" if state["said"] else "judge"
    tell_step(runtime, NAME, step, f"judge {state['judge'] + 1} is asked, order {state['order']}")
    case = Case(
        instruction=state["instruction"],
        responses=tuple(state["responses"]),
        rubric=state["rubric"],
        reference=state["text"],
        own=state["own"],
        said=tuple(state["said"]),
        ties=context.ties,
        scale=context.scale,
        before=tuple(tuple(one) for one in state["before"]) if any(state["before"]) else (),
    )
    judgement = await context.judges[state["judge"]].judge(case, sampling=context.judging)
    return {"judgements": [record_judgement(state, judgement)]}


@on_error
async def failed_judgement(state: Judging, error: NodeError) -> Command[Literal["review"]]:
    """A judgement that could not be had is a record."""
    return Command(update=Update(judgements=[record_no_judgement(state, *node_failure_of(error))]), goto="review")


@on_error
async def failed_synthesis(state: Judging, error: NodeError) -> Command[Literal["decide"]]:
    """A judgement after a conflict that could not be had is a record."""
    return Command(update=Update(judgements=[record_no_judgement(state, *node_failure_of(error))]), goto="decide")


async def review(state: State, runtime: Runtime[Context]) -> Update:
    """Put each judge's two orders side by side."""
    tell_step(runtime, NAME, "review", f"{len(state['judgements'])} judgements are laid side by side")
    return {"votes": votes.votes_of(state["judgements"], "unparsed")}


def settle(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["decide"]:
    """Where a judge contradicts itself and is to be asked again: both orders, each with what it said before."""
    if runtime.context.on_conflict != "synthesise":
        return "decide"
    branches: list[Judging] = []
    rubric = rubric_of(state, runtime.context)
    for vote in state["votes"]:
        if vote["conflict"]:
            said = votes.said_by(state["judgements"], vote)
            for order in ORDERS:
                branch = make_judging(state, vote["judge"], vote["reference"], order, rubric)
                branches.append({**branch, "said": [said[order], said["ba" if order == "ab" else "ab"]]})
    return [Send("synthesise", branch) for branch in branches] or "decide"


async def decide(state: State, runtime: Runtime[Context]) -> Update:
    """The panel's verdict."""
    context = runtime.context
    tell_step(runtime, NAME, "decide", "the panel's votes are counted")
    conflict: OnConflict = "unparsed" if context.on_conflict == "unparsed" else "tie"
    cast = votes.votes_of(state["judgements"], conflict)
    panel = votes.count_votes(cast, context.weights, context.no_majority)
    outcome, reason = votes.summarise(state["references"], state["judgements"], panel)
    return {
        "votes": cast,
        "winner": panel.winner,
        "score": panel.score,
        "ab": panel.ab,
        "ba": panel.ba,
        "outcome": outcome,
        "reason": reason,
    }


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("revise", revise, error_handler=failed_reference)
    builder.add_node("answer", answer, error_handler=failed_reference)
    builder.add_node("commit", commit, error_handler=failed_reference)
    builder.add_node("convene", convene)
    builder.add_node("judge", judge, error_handler=failed_judgement)
    builder.add_node("review", review)
    builder.add_node("synthesise", judge, error_handler=failed_synthesis)
    builder.add_node("decide", decide)
    builder.add_conditional_edges(START, begin, ["revise", "answer", "commit", "convene"])
    for name in ("revise", "answer", "commit"):
        builder.add_edge(name, "convene")
    builder.add_conditional_edges("convene", fan_out, ["judge", "decide"])
    builder.add_edge("judge", "review")
    builder.add_conditional_edges("review", settle, ["synthesise", "decide"])
    builder.add_edge("synthesise", "decide")
    builder.add_edge("decide", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
