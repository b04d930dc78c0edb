"""Two policies on one prompt: each answers, and the judge scores both side by side, in both orders.

    output = await graph.ainvoke({"prompt": "Name a prime."}, context=Duel(new=..., old=..., judge=...))
    output["win"]           # 1 the new one is better, 0 the old one, 0.5 equally good; null where that is not known

The better answer is that with more points over both orders, so that what a judge gives to a place cancels. Equal
answers are equally good, and no judge is asked.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from langgraph.graph import END, START
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution, Solver
from dikast.graphs.dno.conversation import asked, messages_of
from dikast.graphs.dno.roles import Listing, ListJudge
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome, gravest_failure
from dikast.training.pairs import loops
from dikast.wire import CONTEXT, Spec

NAME = "dno_duel"


class Duel(BaseModel):
    """Who is compared, and by whom."""

    model_config = CONTEXT

    new: Annotated[Solver, Spec("dikast.agents.solver:load_solver")]
    old: Annotated[Solver, Spec("dikast.agents.solver:load_solver")]
    judge: Annotated[ListJudge, Spec("dikast.graphs.dno.judge:load_list_judge")]
    rubric: Annotated[Prompt, Spec("dikast.agents.prompt:load_prompt")]
    sampling: Sampling
    judging: Sampling


class Input(TypedDict):
    """A prompt, as `dikast.graphs.dno` takes it."""

    prompt: str | list[dict[str, Any]]


class Said(TypedDict):
    """An answer, or how the call ended."""

    text: str
    loops: bool
    outcome: str
    reason: str


class Order(TypedDict):
    """What the judge said in one order: the points of the new and of the old policy's answer."""

    new: float | None
    old: float | None
    outcome: str
    reason: str


class Output(TypedDict):
    """Who is better."""

    new: Said
    old: Said
    orders: list[Order]
    win: float | None
    outcome: str
    reason: str


class State(Input, Output):
    """What the nodes share."""


class Update(TypedDict, total=False):
    """What a node may write."""

    new: Said
    old: Said
    orders: list[Order]
    win: float | None
    outcome: str
    reason: str


async def answer(state: State, runtime: Runtime[Duel]) -> Update:
    """Both answer."""
    tell_step(runtime, NAME, "answer", "both policies answer")
    context = runtime.context
    prompt, fields = asked(messages_of(state))

    async def one(solver: Solver) -> Said:
        try:
            solution: Solution = await solver.solve(prompt, fields, sampling=context.sampling)
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return Said(text="", loops=False, outcome=outcome, reason=reason)
        return Said(text=solution.text, loops=loops(solution.text), outcome=solution.outcome, reason=solution.reason)

    new, old = await asyncio.gather(one(context.new), one(context.old))
    return {"new": new, "old": old}


async def judge(state: State, runtime: Runtime[Duel]) -> Update:
    """Score both, in both orders; say who is better."""
    tell_step(runtime, NAME, "judge", "both answers are scored, in both orders")
    new, old = state["new"], state["old"]
    ended = [one for one in (new, old) if one["outcome"] != Outcome.OK]
    if ended:
        worst = gravest_failure(ended) or ended[0]
        return {"orders": [], "win": None, "outcome": worst["outcome"], "reason": worst["reason"]}
    if new["text"].strip() == old["text"].strip():
        return {"orders": [], "win": 0.5, "outcome": Outcome.OK, "reason": ""}
    orders = list(await asyncio.gather(*(score(state, runtime.context, swapped=one) for one in (False, True))))
    lacking = [one for one in orders if one["outcome"] != Outcome.OK]
    if lacking:
        worst = gravest_failure(lacking) or lacking[0]
        return {"orders": orders, "win": None, "outcome": worst["outcome"], "reason": worst["reason"]}
    ahead = sum((one["new"] or 0.0) - (one["old"] or 0.0) for one in orders)
    return {"orders": orders, "win": 0.5 if not ahead else float(ahead > 0), "outcome": Outcome.OK, "reason": ""}


async def score(state: State, context: Duel, *, swapped: bool) -> Order:
    """The points in one order."""
    texts = (state["old"]["text"], state["new"]["text"]) if swapped else (state["new"]["text"], state["old"]["text"])
    try:
        said = await context.judge.score(Listing(messages_of(state), texts, context.rubric), sampling=context.judging)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return Order(new=None, old=None, outcome=outcome, reason=reason)
    if said.outcome is not Outcome.OK:
        return Order(new=None, old=None, outcome=said.outcome, reason=said.reason)
    first, second = said.points
    new, old = (second, first) if swapped else (first, second)
    return Order(new=new, old=old, outcome=Outcome.OK, reason="")


def build() -> AsyncStateGraph[State, Duel, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Duel, input_schema=Input, output_schema=Output)
    builder.add_node("answer", answer)
    builder.add_node("judge", judge)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", "judge")
    builder.add_edge("judge", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
