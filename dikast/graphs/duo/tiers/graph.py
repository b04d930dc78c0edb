"""Duo-LLM's study over model tiers: a small model, a big one, or nobody, at each step of a question.

In Duo-LLM each layer of each token goes through a big module, a small one, or none, and an oracle finds the best route
under a budget by trying them. Here the modules are whole models: every plan of `steps` decisions is enumerated, each
call that some plan needs is made once, answers are checked against the gold one, and the cheapest plan that is right is
the oracle's. The report says what a router could gain, and how much of that is luck.

Paper: Alizadeh et al.: Duo-LLM, arXiv 2410.10846; over models: the same question as FrugalGPT's and RouteLLM's.

    context = tiers.Context(small="server:http://localhost:8001/v1#1B", big="server:http://localhost:8000/v1#70B")
    result = await tiers.graph.ainvoke({"question": "2 + 2?", "answer": "4"}, context=context)
    result["oracle"]        # [{"sample": 0, "plan": ["skip", "small"], "cost": 0.12}, ...]

```mermaid
graph TD
    __start__ -.-> ask
    ask --> gather
    gather -.-> ask
    gather -.-> weigh
    weigh --> __end__
```

Not here: routing of new questions, and what is fitted over many rows: router, null, budget (`report`). A call that
failed fails the row, since plans that need it have no score.
"""

from __future__ import annotations

from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.evaluation.answers import ENDINGS, Form, final_answer, normal, same
from dikast.graphs.duo.tiers.context import Context, Input, Output, State, Update
from dikast.graphs.duo.tiers.plans import TIERS, calls_of, plans
from dikast.graphs.duo.tiers.records import Asking, Best, Call, record_call, record_failure
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome, gravest_failure
from dikast.wire import check, check_input, on_error

NAME = "duo_tiers"


def begin(state: State, runtime: Runtime[Context]) -> list[Send]:
    """A branch for each tier and sample.

    Raises:
        DataError: There is no question, or the gold answer is none of its form.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    if not state["question"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="question", hint="give it a text")
    if normal(state["answer"], context.check) is None:
        hint = f"answers are {context.check}: give it one, or another --check"
        raise DataError(f"row {state.get('id', '')!r} has no such answer", field="answer", hint=hint)
    return askings(state, context, [])


def askings(state: State, context: Context, made: list[Call]) -> list[Send]:
    """The calls of the next depth: one a tier behind each answer of the depth before, where a step may still follow."""
    depth = max((len(one["state"]) for one in made), default=0)
    if made and (not context.revise or depth == context.steps or gravest_failure(made)):
        return []
    drafts: list[tuple[str, int, str | None]] = [
        (one["state"], one["sample"], one["text"]) for one in made if len(one["state"]) == depth
    ]
    if not made:
        brought = (state.get("cached") or "").strip() if context.revise else ""
        drafts = [("", sample, brought or None) for sample in range(context.samples)]
    return [
        Send("ask", Asking(question=state["question"], draft=draft, state=before + letter, sample=sample))
        for before, sample, draft in drafts
        for letter in TIERS
    ]


async def ask(state: Asking, runtime: Runtime[Context]) -> Update:
    """Ask one tier, and read its answer."""
    context, tier = runtime.context, TIERS[state["state"][-1]]
    tell_step(runtime, NAME, "ask", f"the {tier} model, sample {state['sample'] + 1} of {context.samples}")
    small = tier == "small"
    said = await (context.small if small else context.big).answer(
        state["question"],
        state["draft"],
        ENDINGS[context.check],
        sampling=context.small_sampling if small else context.big_sampling,
        sample=state["sample"],
        confidence=context.confidence,
    )
    found = final_answer(said.text, context.check)
    return {"made": [record_call(state, said, found, context.small_price if small else context.big_price)]}


@on_error
async def failed_call(state: Asking, error: NodeError) -> Command[Literal["gather"]]:
    """A call that failed is a record."""
    return Command(update=Update(made=[record_failure(state, *node_failure_of(error))]), goto="gather")


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """Put the calls in order."""
    tell_step(runtime, NAME, "gather", f"{len(state['made'])} answers are put side by side")
    return {"calls": sorted(state["made"], key=lambda one: (one["sample"], len(one["state"]), one["state"]))}


def after_gathering(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["weigh"]:
    """To the next depth, if a step may follow; else to the oracle."""
    return askings(state, runtime.context, state["calls"]) or "weigh"


async def weigh(state: State, runtime: Runtime[Context]) -> Update:
    """Check the answers, and find the cheapest right plan of each sample by trying all."""
    context, gold = runtime.context, state["answer"]
    tell_step(runtime, NAME, "weigh", f"{3**context.steps} plans are weighed")
    calls = [with_verdict(one, gold, context.check) for one in state["calls"]]
    failed = gravest_failure(calls)
    brought = (state.get("cached") or "").strip()
    cached = same(final_answer(brought, context.check), gold, context.check) if brought else None
    found = [one for sample in range(context.samples) if (one := best_of(calls, sample, bool(cached), context))]
    return {
        "calls": calls,
        "cached_right": cached,
        "oracle": [] if failed else found,
        "outcome": failed["outcome"] if failed else Outcome.OK,
        "reason": failed["reason"] if failed else "",
    }


def with_verdict(call: Call, gold: str, form: Form) -> Call:
    """The call, with whether its answer is the gold one."""
    return {**call, "right": same(call["found"], gold, form)}


def best_of(calls: list[Call], sample: int, cached: bool, context: Context) -> Best | None:
    """The cheapest right plan of a sample, of equal ones the first; `None` where none is right."""
    mine = {one["state"]: one for one in calls if one["sample"] == sample}
    right: list[tuple[float, int]] = []
    all_plans = plans(context.steps)
    for place, plan in enumerate(all_plans):
        made = calls_of(plan, context.revise)
        if any(one not in mine for one in made):
            continue  # behind a call that failed
        if mine[made[-1]]["right"] if made else cached:
            right.append((sum(mine[one]["cost"] for one in made), place))
    if not right:
        return None
    cost, place = min(right)
    return Best(sample=sample, plan=list(all_plans[place]), cost=cost)


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("ask", ask, error_handler=failed_call)
    builder.add_node("gather", gather)
    builder.add_node("weigh", weigh)
    builder.add_conditional_edges(START, begin, ["ask"])
    builder.add_edge("ask", "gather")
    builder.add_conditional_edges("gather", after_gathering, ["ask", "weigh"])
    builder.add_edge("weigh", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
