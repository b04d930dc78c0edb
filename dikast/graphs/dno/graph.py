"""DNO, one prompt of an iteration: the student's answers and a gold one are scored side by side, and become pairs.

K answers of the current policy, with the gold answer beside them, go to a judge that gives each 0 to 6 points under a
rubric, all in one call, in an order drawn from seed and prompt. Pairs are made of the points: the better answer has 5
or more and is ahead by 2, or by 1 where it is the student's own; ties never pair, and an answer that loops is never the
better one. Training on them with the current policy as reference is the next step (`dikast dno rounds`).

Paper: Rosset et al.: Direct Nash Optimization, arXiv 2404.03715, algorithm 2 (DNO-Prct).

    context = dno.Context(solver="transformers:MODEL", judge="server:http://localhost:8000/v1#M")
    result = await dno.graph.ainvoke({"prompt": "Name a prime.", "gold": "Seven."}, context=context)
    result["pairs"]         # [{"chosen": 0, "rejected": 3, "margin": 4.0, "kind": "teacher>student"}, ...]

```mermaid
graph TD
    __start__ -.-> sample
    __start__ -.-> teach
    sample --> gather
    teach --> gather
    gather -.-> judge
    gather -.-> pair
    judge --> pair
    pair --> __end__
```

Not here: a second try for a reply without scores, since `unparsed` is a result; scores without their length slope,
which is fitted over many rows (`dikast.graphs.dno.pairing`, used by report and exports).
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.graphs.dno.context import Context, Input, Output, State, Update
from dikast.graphs.dno.conversation import asked, messages_of
from dikast.graphs.dno.pairing import distinct, mark_repeats, pairs_among, rule_of, with_scores
from dikast.graphs.dno.records import (
    Answer,
    Asking,
    Judged,
    Lengths,
    record_answer,
    record_gold,
    record_judged,
    record_no_answer,
    record_not_judged,
)
from dikast.graphs.dno.roles import Listing
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome, gravest_failure
from dikast.training.pairs import Source, in_place, shuffled
from dikast.training.splits import digest_of
from dikast.wire import check, check_input, on_error

NAME = "dno"


def begin(state: State, runtime: Runtime[Context]) -> list[Send]:
    """A branch for each of the student's answers, and one for a gold answer that the row does not bring.

    Raises:
        DataError: The prompt is none, or there is no gold answer and nobody who writes one.
    """
    context = check(runtime.context, Context)
    check_input(state, Input)
    messages = [{"role": str(one["role"]), "content": one["content"]} for one in messages_of(state)]
    branches = [
        Send("sample", Asking(messages=messages, source="student", sample=sample)) for sample in range(context.samples)
    ]
    if gold_of(state):
        return branches
    if context.teacher is None:
        hint = "give the row a gold answer, or name a teacher that writes it"
        raise DataError(f"row {state.get('id', '')!r} has no gold answer", field="gold", hint=hint)
    return [Send("teach", Asking(messages=messages, source="teacher", sample=0)), *branches]


def gold_of(state: State) -> str:
    """The gold answer that the row brings; empty if it brings none."""
    gold = state.get("gold") or ""
    return gold if gold.strip() else ""


async def sample(state: Asking, runtime: Runtime[Context]) -> Update:
    """Draw one answer of the student."""
    context = runtime.context
    tell_step(runtime, NAME, "sample", f"answer {state['sample'] + 1} of {context.samples} is drawn")
    prompt, fields = asked(messages_of({"prompt": state["messages"]}))
    solution = await context.solver.solve(prompt, fields, sampling=context.sampling, sample=state["sample"])
    return {"drafts": [record_answer(state, solution)]}


async def teach(state: Asking, runtime: Runtime[Context]) -> Update:
    """Have the teacher write the gold answer."""
    context = runtime.context
    tell_step(runtime, NAME, "teach", "the teacher writes the gold answer")
    if context.teacher is None:
        raise RuntimeError("no teacher")
    solution = await context.teacher.answer(messages_of({"prompt": state["messages"]}), sampling=context.teaching)
    return {"drafts": [record_answer(state, solution)]}


@on_error
async def failed_answer(state: Asking, error: NodeError) -> Command[Literal["gather"]]:
    """An answer that could not be had is a record."""
    return Command(update=Update(drafts=[record_no_answer(state, *node_failure_of(error))]), goto="gather")


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """Put the answers in order, the gold one first."""
    tell_step(runtime, NAME, "gather", f"{len(state['drafts'])} answers are put side by side")
    given = [record_gold(gold)] if (gold := gold_of(state)) else []
    drawn = sorted(state["drafts"], key=lambda one: (one["source"] == "student", one["sample"]))
    return {"answers": mark_repeats([*given, *drawn]), "judged": None}


def after_gathering(state: State) -> Literal["judge", "pair"]:
    """To the judge, if there are two different answers to compare."""
    return "judge" if len(distinct(state["answers"])) > 1 else "pair"


async def judge(state: State, runtime: Runtime[Context]) -> Update:
    """Have all different answers scored in one call, in an order of the prompt's own."""
    context, answers, messages = runtime.context, state["answers"], messages_of(state)
    places = distinct(answers)
    tell_step(runtime, NAME, "judge", f"{len(places)} answers are scored")
    key = digest_of([{"role": one["role"], "content": one["content"]} for one in messages])
    order = [places[at] for at in shuffled(len(places), seed=context.seed, key=key)]
    shown = tuple(answers[place]["text"] for place in order)
    scores = await context.judge.score(Listing(messages, shown, context.rubric), sampling=context.judging)
    judged = record_judged(order, scores)
    if scores.outcome is not Outcome.OK:
        return {"judged": judged}
    by_place = in_place([places.index(place) for place in order], scores.points)
    return {"judged": judged, "answers": with_scores(answers, dict(zip(places, by_place, strict=True)))}


@on_error
async def failed_judgement(state: State, error: NodeError) -> Command[Literal["pair"]]:
    """Scores that could not be had are a record."""
    del state
    return Command(update=Update(judged=record_not_judged(*node_failure_of(error))), goto="pair")


async def pair(state: State, runtime: Runtime[Context]) -> Update:
    """Make the pairs, and say how the row ended."""
    tell_step(runtime, NAME, "pair", "pairs are made of the scores")
    answers = state["answers"]
    pairs = pairs_among(answers, rule_of(runtime.context))
    outcome, reason = ending_of(answers, state["judged"])
    return {
        "pairs": pairs,
        "counts": dict(Counter(one["kind"] for one in pairs)),
        "lengths": Lengths(student=mean_length(answers, "student"), teacher=mean_length(answers, "teacher")),
        "outcome": outcome,
        "reason": reason,
    }


def ending_of(answers: list[Answer], judged: Judged | None) -> tuple[str, str]:
    """Outcome and reason of the row."""
    ended = [*answers, *([judged] if judged else [])]
    lacking = next((one for one in answers if one["outcome"] != Outcome.OK), None)
    decides = gravest_failure(ended) or judged or lacking
    return (decides["outcome"], decides["reason"]) if decides else (Outcome.OK, "")


def mean_length(answers: list[Answer], source: Source) -> float | None:
    """Mean characters of a source's answers that came."""
    found = [one["length"] for one in answers if one["source"] == source and one["outcome"] == Outcome.OK]
    return sum(found) / len(found) if found else None


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("sample", sample, error_handler=failed_answer)
    builder.add_node("teach", teach, error_handler=failed_answer)
    builder.add_node("gather", gather)
    builder.add_node("judge", judge, error_handler=failed_judgement)
    builder.add_node("pair", pair)
    builder.add_conditional_edges(START, begin, ["sample", "teach"])
    builder.add_edge("sample", "gather")
    builder.add_edge("teach", "gather")
    builder.add_conditional_edges("gather", after_gathering, ["judge", "pair"])
    builder.add_edge("judge", "pair")
    builder.add_edge("pair", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
