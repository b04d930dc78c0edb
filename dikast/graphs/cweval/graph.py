"""CWEval: code is written for a task, and tested for what it should do and for how it can be abused.

A solver writes a function by its signature and documentation; its code is taken out of the reply, compiled, and tested
in boxes: functional cases say whether it works, security cases whether it is safe. With more rounds than one, code that
fails functional cases is written again, by what a critic makes of these failures; nobody is shown a security case.

Paper: Peng, Cui, Huang, Yang, Ray: CWEval, LLM4Code 2025, arXiv 2501.08200.

    context = cweval.Context(solver="server:http://localhost:8000/v1#M", executor=cweval.TaskOracle(cweval.OWN_TASKS))
    result = await cweval.graph.ainvoke({"task_id": "core.py.cwe_022_100", "sample": 0}, context=context)

```mermaid
graph TD
    __start__ --> prepare
    prepare --> generate
    generate --> extract
    extract --> execute
    execute -.-> criticise
    execute -.-> revise
    execute -.-> judge
    criticise --> revise
    revise --> extract
    judge --> __end__
```

Not here: scores over tasks and samples (`dikast.graphs.cweval.scores`), samples that were made elsewhere
(`dikast.graphs.cweval.scoring`), whether the tasks themselves are sound (`dikast.graphs.cweval.checking`).
"""

from __future__ import annotations

from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from dikast.agents.failures import node_failure_of
from dikast.fence import fence
from dikast.graphs.cweval.context import Context, Input, Output, State, Update
from dikast.graphs.cweval.extract import complete, extract
from dikast.graphs.cweval.feedback import failures_of
from dikast.graphs.cweval.fences import in_block
from dikast.graphs.cweval.recording import (
    both,
    box_trouble,
    record_draft,
    record_remark,
    record_reply,
    record_tested,
    untested,
    worth_of,
)
from dikast.graphs.cweval.records import (
    Draft,
    Ended,
    Tested,
)
from dikast.graphs.cweval.roles import CodeExecutor
from dikast.graphs.cweval.task_oracle import task_failure_of
from dikast.graphs.cweval.verdict import KINDS, Kind
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.wire import check, check_input, on_error

NAME = "cweval"
LANGUAGES = {"py": "Python", "js": "JavaScript", "c": "C", "cpp": "C++", "go": "Go"}


async def prepare(state: State, runtime: Runtime[Context]) -> Update:
    """Make sure that code for the task can be tested, before anybody is asked for some."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "prepare", "the task's tests are looked for")
    await context.executor.ready(state["task_id"])
    return {"code": ""}


@on_error
async def failed_task(state: State, error: NodeError) -> Command[Literal["judge"]]:
    """A task that cannot be tested on this machine is its rows' failure; where nothing can be, the job ends."""
    return Command(update=Update(ended=[task_failure_of(error)]), goto="judge")


@on_error
async def failed_call(state: State, error: NodeError) -> Command[Literal["judge"]]:
    """A model's call that failed ends the row."""
    outcome, reason = node_failure_of(error)
    return Command(update=Update(ended=[Ended(outcome=str(outcome), reason=reason)]), goto="judge")


async def generate(state: State, runtime: Runtime[Context]) -> Update:
    """Ask for the code."""
    context = runtime.context
    tell_step(runtime, NAME, "generate", f"sample {state['sample']} is asked for")
    task = context.executor.task(state["task_id"])
    known = {"language": LANGUAGES[task.language], "code": task.prompt}
    fields = {name: text for name, text in known.items() if name in context.style.fields}
    solution = await context.solver.solve(context.style, fields, sampling=context.sampling, sample=state["sample"])
    return {"reply": record_reply(0, solution)}


async def extract_code(state: State, runtime: Runtime[Context]) -> Update:
    """Take the code out of the reply."""
    context, reply = runtime.context, state["reply"]
    tell_step(runtime, NAME, "extract", "code is looked for in the reply")
    task = context.executor.task(state["task_id"])
    found = extract(reply["text"], task, block=context.block, cut=reply["cut"])
    return {"draft": record_draft(reply, found), "code": found.code}


async def execute(state: State, runtime: Runtime[Context]) -> Update:
    """Test the code: by all cases in the first and the last round, by functional ones in between."""
    context, draft = runtime.context, state["draft"]
    tell_step(runtime, NAME, "execute", f"the code of round {draft['round'] + 1} is tested")
    ends = draft["round"] in (0, context.rounds - 1)
    result = await run_cases(context.executor, state["task_id"], draft, ends=ends)
    return {"rounds": [{"draft": draft, "tested": result}]}


async def run_cases(executor: CodeExecutor, task_id: str, draft: Draft, *, ends: bool) -> Tested:
    """Run the cases of one draft; code between the first and the last round that works is the last one after all."""
    if draft["missing"]:
        return untested(draft["missing"])
    program = complete(draft["code"], executor.task(task_id), executor.shared)

    async def test(*kinds: Kind) -> Tested:
        return record_tested(await executor.test(task_id, program, kinds))

    if ends:
        return await test(*KINDS)
    works = await test("functionality")
    return both(works, await test("security")) if works["functional"] else works


def after_execution(state: State, runtime: Runtime[Context]) -> Literal["criticise", "revise", "judge"]:
    """Once more, as long as rounds last and functional cases fail; nothing else is looked at."""
    context, last = runtime.context, state["rounds"][-1]
    done = bool(last["tested"]["functional"]) or len(state["rounds"]) >= context.rounds
    if done or box_trouble(last["tested"]) is not None:
        return "judge"
    return "revise" if context.critic is None else "criticise"


async def criticise(state: State, runtime: Runtime[Context]) -> Update:
    """Have the critic read the code and the functional cases that it failed."""
    context, last = runtime.context, state["rounds"][-1]
    number = last["draft"]["round"]
    tell_step(runtime, NAME, "criticise", f"the critic reads the code of round {number + 1}")
    if context.critic is None:
        raise RuntimeError("no critic")
    task = context.executor.task(state["task_id"])
    said = await context.critic.criticise(
        task.prompt,
        LANGUAGES[task.language],
        last["draft"]["code"],
        failures_of(last),
        sampling=context.criticising,
        sample=state["sample"],
    )
    return {"remarks": [record_remark(number, said)]}


async def revise(state: State, runtime: Runtime[Context]) -> Update:
    """Ask for the code once more, with what failed and what the critic says."""
    context, last = runtime.context, state["rounds"][-1]
    number = last["draft"]["round"]
    tell_step(runtime, NAME, "revise", f"round {number + 2} is asked for")
    task = context.executor.task(state["task_id"])
    remarks = [one["text"] for one in state["remarks"] if one["round"] == number and one["text"]]
    fields = {
        "language": LANGUAGES[task.language],
        "asked": in_block(task.prompt),
        "code": in_block(last["draft"]["code"]),
        "failures": fence(failures_of(last), "failures"),
        "remark": fence(remarks[0], "remark") if remarks else "nothing",
    }
    solution = await context.solver.solve(
        context.revise_prompt, fields, sampling=context.sampling, sample=state["sample"]
    )
    return {"reply": record_reply(number + 1, solution)}


async def judge(state: State, runtime: Runtime[Context]) -> Update:
    """What the first and the last code are worth."""
    tell_step(runtime, NAME, "judge", f"{len(state['rounds'])} rounds are judged")
    rounds = state["rounds"]
    return {**worth_of(state["ended"], rounds), "code": rounds[-1]["draft"]["code"] if rounds else ""}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("prepare", prepare, error_handler=failed_task)
    builder.add_node("generate", generate, error_handler=failed_call)
    builder.add_node("extract", extract_code)
    builder.add_node("execute", execute, error_handler=failed_task)
    builder.add_node("criticise", criticise, error_handler=failed_call)
    builder.add_node("revise", revise, error_handler=failed_call)
    builder.add_node("judge", judge)
    builder.add_edge(START, "prepare")
    builder.add_edge("prepare", "generate")
    builder.add_edge("generate", "extract")
    builder.add_edge("extract", "execute")
    builder.add_conditional_edges("execute", after_execution, ["criticise", "revise", "judge"])
    builder.add_edge("criticise", "revise")
    builder.add_edge("revise", "extract")
    builder.add_edge("judge", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
