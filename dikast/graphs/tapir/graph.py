"""TAPIR: how hard is an instruction for this student, and of which task is it?

The student answers; a judge that sees the teacher's answer and the student's side by side gives each 1 to 10 points,
once in either order; the *model-fitting difficulty* is the teacher's points minus the student's, the mean of both
orders, so that what the judge gives to a place cancels. Hard instructions are what the student should be trained on,
in a mix of tasks that is chosen rather than found.

Paper: Yue et al.: Distilling Instruction-following Abilities of Large Language Models with Task-aware Curriculum
Planning (TAPIR), Findings of EMNLP 2024, arXiv 2405.13448.

    context = tapir.Context(solver="transformers:student", judge="server:http://localhost:8000/v1#M")
    row = {"instruction": "2 + 2?", "answer": "4", "task": "Math"}
    result = await tapir.graph.ainvoke(row, context=context)       # result["difficulty"]

```mermaid
graph TD
    __start__ --> classify
    classify -.-> answer
    answer --> pair
    pair -.-> judge
    pair -.-> measure
    judge --> measure
    measure --> __end__
```

Not here: new instructions (`dikast.graphs.tapir.expand`), and training. Nor a second try for a reply that cannot be
read: `unparsed` is a result, and its row has no difficulty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeVar

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import CALL_FAILURES, failure_of, node_failure_of
from dikast.agents.prompt import load_prompt
from dikast.errors import DataError
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.tapir.context import Context, Input, Named, Output, State, Update
from dikast.graphs.tapir.records import (
    WHOSE,
    Answer,
    Asking,
    Judging,
    Scores,
    Who,
    record_answer,
    record_given,
    record_no_answer,
    record_no_scores,
    record_scores,
)
from dikast.records import Outcome, gravest_failure
from dikast.training.difficulty import difficulty
from dikast.wire import check, check_input, on_error

NAME = "tapir"
UNNAMED = "the row has no task, and there is no classifier"

R = TypeVar("R", Answer, Scores)


async def classify(state: State, runtime: Runtime[Context]) -> Update:
    """Name the task, unless the row says it. It comes first, since the teacher answers in the style of the task."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "classify", "the task is named")
    if not state["instruction"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="instruction", hint="leave it out of the file")
    if (state.get("task") or "").strip():
        return {"named": Named(task=state.get("task"), outcome=Outcome.OK, reason="")}
    if context.classifier is None:
        return {"named": Named(task=None, outcome=Outcome.UNPARSED, reason=UNNAMED)}
    try:
        said = await context.classifier.classify(state["instruction"], context.tasks, sampling=context.classifying)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return {"named": Named(task=None, outcome=outcome, reason=reason)}
    return {"named": Named(task=said.task, outcome=said.outcome, reason=said.reason)}


def to_answers(state: State, runtime: Runtime[Context]) -> list[Send]:
    """One branch for the student, and one for the teacher unless the row has its answer."""
    given = bool((state.get("answer") or "").strip())
    if not given and runtime.context.teacher is None:
        hint = "give every row an answer (--columns answer=...), or a --teacher who writes it"
        raise DataError(f"row {state.get('id', '')!r} has no answer", field="answer", hint=hint)
    style = runtime.context.style_of(state["named"]["task"])
    wanted: tuple[Who, ...] = ("student",) if given else WHOSE
    return [Send("answer", Asking(who=who, instruction=state["instruction"], style=style)) for who in wanted]


async def answer(state: Asking, runtime: Runtime[Context]) -> Update:
    """Let student or teacher answer the instruction."""
    context, instruction = runtime.context, state["instruction"]
    tell_step(runtime, NAME, "answer", f"the {state['who']} answers")
    if state["who"] == "student":
        fields = {"instruction": instruction}
        solution = await context.solver.solve(load_prompt("tapir/student"), fields, sampling=context.answering)
    elif context.teacher is None:
        raise RuntimeError("no teacher")
    else:
        solution = await context.teacher.answer(instruction, state["style"], sampling=context.teaching)
    return {"answers": [record_answer(state["who"], solution)]}


@on_error
async def failed_answer(state: Asking, error: NodeError) -> Command[Literal["pair"]]:
    """An answer that could not be had is a record."""
    missing = record_no_answer(state["who"], *node_failure_of(error))
    return Command(update=Update(answers=[missing]), goto="pair")


async def pair(state: State, runtime: Runtime[Context]) -> Update:
    """Lay both answers side by side."""
    tell_step(runtime, NAME, "pair", "both answers are laid side by side")
    found: dict[Who, Answer] = {one["who"]: one for one in state["answers"]}
    given = (state.get("answer") or "").strip()
    return {"teacher": record_given(given) if given else found["teacher"], "student": found["student"]}


def to_judge(state: State) -> list[Send] | Literal["measure"]:
    """Both orders; straight on where an answer is missing, or there is nothing to tell apart."""
    teacher, student = state["teacher"], state["student"]
    if are_same(teacher, student) or any(one["outcome"] != Outcome.OK for one in (teacher, student)):
        return "measure"
    texts = {"instruction": state["instruction"], "teacher": teacher["text"], "student": student["text"]}
    return [Send("judge", Judging(**texts, first=first)) for first in WHOSE]


def are_same(teacher: Answer, student: Answer) -> bool:
    """Whether both are there and say the same; no judge can tell them apart."""
    both = (teacher, student)
    return all(one["outcome"] == Outcome.OK for one in both) and teacher["text"].split() == student["text"].split()


async def judge(state: Judging, runtime: Runtime[Context]) -> Update:
    """One call: both answers, in one order."""
    context, first = runtime.context, state["first"]
    tell_step(runtime, NAME, "judge", f"the judge is asked, the {first}'s answer first")
    shown = (state["teacher"], state["student"]) if first == "teacher" else (state["student"], state["teacher"])
    score = await context.judge.score(state["instruction"], *shown, context.rubric, sampling=context.judging)
    return {"scores": [record_scores(state, score)]}


@on_error
async def failed_judge(state: Judging, error: NodeError) -> Command[Literal["measure"]]:
    """Points that could not be had are a record."""
    return Command(update=Update(scores=[record_no_scores(state, *node_failure_of(error))]), goto="measure")


async def measure(state: State, runtime: Runtime[Context]) -> Update:
    """Take the difference, and say how the row ended."""
    tell_step(runtime, NAME, "measure", f"{len(state['scores'])} replies of the judge are read")
    scores = sorted(state["scores"], key=lambda one: WHOSE.index(one["first"]))
    value = 0.0 if are_same(state["teacher"], state["student"]) else difficulty_of(scores)
    outcome, reason = ending_of(state, scores, value)
    return {"difficulty": value, "task": state["named"]["task"], "outcome": outcome, "reason": reason}


def difficulty_of(scores: Sequence[Scores]) -> float | None:
    """The model-fitting difficulty out of the judge's replies in both orders."""
    points = {
        one["first"]: (float(one["teacher"]), float(one["student"]))
        for one in scores
        if one["teacher"] is not None and one["student"] is not None
    }
    return difficulty(points.get("teacher"), points.get("student"))


def ending_of(state: State, scores: Sequence[Scores], value: float | None) -> tuple[str, str]:
    """The row's outcome out of its calls': see `dikast.graphs.tapir.Output`."""
    calls: list[Answer | Scores | Named] = [state["teacher"], state["student"], *scores, state["named"]]
    worst = gravest_failure(calls)
    if worst is not None:
        return worst["outcome"], worst["reason"]
    if value is not None and state["named"]["task"] is not None:
        return Outcome.OK, ""
    first = next(one for one in calls if one["outcome"] != Outcome.OK)
    return first["outcome"], first["reason"]


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("classify", classify)
    builder.add_node("answer", answer, error_handler=failed_answer)
    builder.add_node("pair", pair)
    builder.add_node("judge", judge, error_handler=failed_judge)
    builder.add_node("measure", measure)
    builder.add_edge(START, "classify")
    builder.add_conditional_edges("classify", to_answers, ["answer"])
    builder.add_edge("answer", "pair")
    builder.add_conditional_edges("pair", to_judge, ["judge", "measure"])
    builder.add_edge("judge", "measure")
    builder.add_edge("measure", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
