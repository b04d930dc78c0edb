"""TAPIR's expansion: new instructions of the same task, as hard as one that the student finds hard, and their answers.

A teacher writes new instructions; a classifier drops those whose task is another one than before; near-repeats of the
given one or of each other are dropped; the teacher answers the rest in the style of the task: step by step, with
commented code, in structured prose. Nothing is dropped in silence.

Paper: Yue et al.: Distilling Instruction-following Abilities of Large Language Models with Task-aware Curriculum
Planning (TAPIR), Findings of EMNLP 2024, arXiv 2405.13448.

    context = expand.Context(teacher="server:http://localhost:8000/v1#M", classifier="server:http://localhost:8000/v1#M")
    result = await expand.graph.ainvoke({"instruction": "17 * 23?", "task": "Math"}, context=context)

```mermaid
graph TD
    __start__ --> name
    name -.-> propose
    name -.-> finish
    propose --> gate
    gate --> answer
    answer --> finish
    finish --> __end__
```

Not here: near-repeats among rows, which the report and the exports leave out, since a row sees no other. Nor a check
that a new instruction is as hard, which is a run of `dikast.graphs.tapir` over it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.errors import DataError
from dikast.evaluation.diversity import shingles, similarity
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.tapir.expand.context import Context, Input, Output, State, Update
from dikast.graphs.tapir.expand.records import Failure, New, blank
from dikast.records import Outcome, gravest_failure
from dikast.wire import check, check_input

NAME = "tapir_expand"


async def name(state: State, runtime: Runtime[Context]) -> Update:
    """Name the task of the given instruction, unless the row says it."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "name", "the task is named")
    if not state["instruction"].strip():
        raise DataError(f"row {state.get('id', '')!r} is empty", field="instruction", hint="leave it out of the file")
    given = (state.get("task") or "").strip()
    if given:
        return {"task": given, "made": [], "failures": []}
    task, failure = await task_of(state["instruction"], context)
    return {"task": task, "made": [], "failures": [] if failure is None else [failure]}


def after_name(state: State) -> Literal["propose", "finish"]:
    """Without a task there is nothing that new instructions could be held to."""
    return "finish" if state["task"] is None else "propose"


async def propose(state: State, runtime: Runtime[Context]) -> Update:
    """Have the teacher write new instructions, and drop those that nearly repeat the given one or each other."""
    context = runtime.context
    tell_step(runtime, NAME, "propose", f"{context.count} new instructions are asked for")
    try:
        said = await context.teacher.propose(
            state["instruction"], state["task"] or "", context.count, sampling=context.expanding
        )
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return {"failures": [*state["failures"], Failure(step="propose", outcome=outcome, reason=reason)]}
    if said.outcome is not Outcome.OK:
        missing = Failure(step="propose", outcome=said.outcome, reason=said.reason)
        return {"failures": [*state["failures"], missing]}
    return {"made": without_repeats(state["instruction"], said.instructions, context.near)}


def without_repeats(given: str, instructions: Sequence[str], near: float) -> list[New]:
    """New instructions, with those marked that nearly repeat the given one or an earlier one."""
    kept = [shingles(given)]
    made: list[New] = []
    for one in instructions:
        mine = shingles(one)
        if any(similarity(mine, other) >= near for other in kept):
            made.append({**blank(one), "dropped": "repeat"})
        else:
            kept.append(mine)
            made.append(blank(one))
    return made


async def gate(state: State, runtime: Runtime[Context]) -> Update:
    """Drop the instructions whose task is another one than that of the given one."""
    context, wanted = runtime.context, state["task"]
    tell_step(runtime, NAME, "gate", f"{len(state['made'])} new instructions are classified")

    async def one(new: New) -> tuple[New, Failure | None]:
        task, failure = await task_of(new["instruction"], context)
        if failure is not None:
            ended: New = {**new, "outcome": failure["outcome"], "reason": failure["reason"]}
            return {**ended, "dropped": "unclassified"}, failure
        return {**new, "task": task, "dropped": None if task == wanted else "task"}, None

    return await of_each(one, state)


async def answer(state: State, runtime: Runtime[Context]) -> Update:
    """Have the teacher answer what is left, in the style of the task."""
    context, style = runtime.context, runtime.context.style_of(state["task"])
    tell_step(runtime, NAME, "answer", "new instructions are answered")

    async def one(new: New) -> tuple[New, Failure | None]:
        try:
            said = await context.teacher.answer(new["instruction"], style, sampling=context.expanding)
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            ended: New = {**new, "outcome": outcome, "reason": reason, "dropped": "unanswered"}
            return ended, Failure(step="answer", outcome=outcome, reason=reason)
        answered: New = {
            **new, "answer": said.text, "outcome": said.outcome, "reason": said.reason,
            "provenance": said.provenance.as_dict(),
        }  # fmt: skip
        if said.outcome is not Outcome.OK:
            return {**answered, "dropped": "unanswered"}, None
        return {**answered, "dropped": "cut" if said.provenance.cut else None}, None

    return await of_each(one, state)


async def of_each(do: Callable[[New], Awaitable[tuple[New, Failure | None]]], state: State) -> Update:
    """Do something about each instruction that is not dropped, all at once; the others stay as they are."""
    there = [place for place, new in enumerate(state["made"]) if new["dropped"] is None]
    results = await asyncio.gather(*(do(state["made"][place]) for place in there))
    made = list(state["made"])
    for place, (new, _) in zip(there, results, strict=True):
        made[place] = new
    failed = [failure for _, failure in results if failure is not None]
    return {"made": made, "failures": [*state["failures"], *failed]}


async def task_of(instruction: str, context: Context) -> tuple[str | None, Failure | None]:
    """The task of an instruction, or what befell the call."""
    try:
        said = await context.classifier.classify(instruction, context.tasks, sampling=context.classifying)
    except CALL_FAILURES as error:
        outcome, reason = failure_of(error)
        return None, Failure(step="classify", outcome=outcome, reason=reason)
    if said.task is None:
        return None, Failure(step="classify", outcome=said.outcome, reason=said.reason)
    return said.task, None


async def finish(state: State, runtime: Runtime[Context]) -> Update:
    """Say how the row ended."""
    tell_step(runtime, NAME, "finish", "it is counted what was kept")
    worst = gravest_failure(state["failures"])
    if worst is not None:
        return {"outcome": worst["outcome"], "reason": worst["reason"]}
    if state["made"]:
        return {"outcome": Outcome.OK, "reason": ""}
    first = state["failures"][0]
    return {"outcome": first["outcome"], "reason": first["reason"]}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("name", name)
    builder.add_node("propose", propose)
    builder.add_node("gate", gate)
    builder.add_node("answer", answer)
    builder.add_node("finish", finish)
    builder.add_edge(START, "name")
    builder.add_conditional_edges("name", after_name, ["propose", "finish"])
    builder.add_edge("propose", "gate")
    builder.add_edge("gate", "answer")
    builder.add_edge("answer", "finish")
    builder.add_edge("finish", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
