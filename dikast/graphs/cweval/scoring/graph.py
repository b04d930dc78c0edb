"""Scoring: a sample that was made elsewhere is tested as one that was made here; no model is asked.

    context = scoring.Context(executor=cweval.TaskOracle("benchmark"))
    row = {"task_id": "core.py.cwe_022_0", "sample": 0, "text": "...", "form": "reply"}
    result = await scoring.graph.ainvoke(row, context=context)

Paper: Peng et al.: CWEval, LLM4Code 2025, arXiv 2501.08200.

```mermaid
graph TD
    __start__ --> prepare
    prepare --> execute
    execute --> judge
    judge --> __end__
```

Not here: reading samples (`dikast.graphs.cweval.samples`), scores (`dikast.graphs.cweval.scores`).
"""

from __future__ import annotations

from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.graphs.cweval.recording import record_tested, untested, worth_of
from dikast.graphs.cweval.records import Draft
from dikast.graphs.cweval.samples import Sample, program_of
from dikast.graphs.cweval.scoring.context import Context, Input, Output, State, Update
from dikast.graphs.cweval.task_oracle import task_failure_of
from dikast.graphs.cweval.verdict import KINDS
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "cweval_scoring"


async def prepare(state: State, runtime: Runtime[Context]) -> Update:
    """Find the code, and make sure that it can be tested."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "prepare", "code is looked for in the sample")
    await context.executor.ready(state["task_id"])
    sample = Sample(state["task_id"], state["sample"], state["text"], state["form"])
    task = context.executor.task(state["task_id"])
    program, missing = program_of(sample, task, context.executor.shared, context.block)
    draft = Draft(
        round=0, code=program, missing=str(missing or ""), place=state["form"], blocks=0, outcome=str(Outcome.OK),
        reason="", usage={}, provenance={},
    )  # fmt: skip
    return {"draft": draft, "code": program}


@on_error
async def failed_task(state: State, error: NodeError) -> Command[Literal["judge"]]:
    """A task that cannot be tested on this machine is its rows' failure; where nothing can be, the job ends."""
    return Command(update=Update(ended=[task_failure_of(error)], code=""), goto="judge")


async def execute(state: State, runtime: Runtime[Context]) -> Update:
    """Run all cases."""
    context, draft = runtime.context, state["draft"]
    tell_step(runtime, NAME, "execute", f"sample {state['sample']} is tested")
    if draft["missing"]:
        return {"rounds": [{"draft": draft, "tested": untested(draft["missing"])}]}
    execution = await context.executor.test(state["task_id"], draft["code"], KINDS)
    return {"rounds": [{"draft": draft, "tested": record_tested(execution)}]}


async def judge(state: State, runtime: Runtime[Context]) -> Update:
    """What the sample is worth."""
    tell_step(runtime, NAME, "judge", "the sample is judged")
    return {**worth_of(state["ended"], state["rounds"]), "code": state["code"]}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("prepare", prepare, error_handler=failed_task)
    builder.add_node("execute", execute, error_handler=failed_task)
    builder.add_node("judge", judge)
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "execute")
    builder.add_edge("execute", "judge")
    builder.add_edge("judge", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
