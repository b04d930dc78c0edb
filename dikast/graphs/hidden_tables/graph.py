"""HiddenTables: a Solver writes programs for a table that it never sees; an Oracle runs them and answers the user.

The Solver, a language model that is not trusted, is told role, instructions, schema and question (RISQ). Its program
runs in a sandbox beside the data. It learns one code from a closed set, and tries again while rounds and a budget of
bits last. The answer goes to the user.

Paper: Watson, Cho, Balch, Veloso: HiddenTables and PyQTax, EMNLP 2023 (arXiv 2406.10803).

    async with TableOracle("tables/") as oracle:
        context = hidden_tables.Context(solver=load_solver("server:http://..."), oracle=oracle, keep_answers=True)
        result = await hidden_tables.graph.ainvoke({"table": "sales", "question": "total of 2023?"}, context=context)

```mermaid
graph TD
    __start__ --> describe
    describe -.-> solve
    solve -.-> review
    solve -.-> execute
    review --> execute
    execute -.-> describe
    execute -.-> solve
    execute -.-> __end__
```

With `tick` each reply leaves at a fixed time; without, the time between two rounds tells more than all feedback. Not
here: what the answer says to the user. docs/methods/hidden_tables.md has the whole leakage model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from dikast.agents.failures import node_failure_of
from dikast.graphs.hidden_tables import pasting
from dikast.graphs.hidden_tables import rounds as rounds
from dikast.graphs.hidden_tables.context import Context, Input, Output, State, Update
from dikast.graphs.hidden_tables.language import Language
from dikast.graphs.hidden_tables.records import Execution, Reviewed, Round
from dikast.graphs.hidden_tables.roles import KeepsLedger, Late, Ran
from dikast.graphs.hidden_tables.rounds import Draft, Turn
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

GRAPH_NAME = "hidden_tables"


class Branch(TypedDict):
    """One reply to ask for: `reply` and `feedback` are of the round before, empty in the first."""

    turn: int
    round: int
    sample: int
    schema: str
    earlier: str
    question: str
    reply: str
    feedback: str


async def describe(state: State, runtime: Runtime[Context]) -> Update:
    """Begin a question: make sure that programs can be run before a model is asked, and describe the table."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, GRAPH_NAME, "describe", f"question {len(state['turns']) + 1} begins")
    tier = await context.oracle.ready()
    question, _ = get_question(state)
    schema = await context.oracle.describe(
        state["table"],
        question,
        level=context.level,
        secret=context.secret,
        columns=context.max_columns,
        **context.spoken,
    )
    told: Update = {"tier": tier, "schema": schema, "round": 0, "bits": state.get("bits", 0.0)}
    return {**told, "pasted": await pasting.count(context, state["table"], question)} if context.pasted else told


def get_question(state: State) -> tuple[str, str]:
    """The current question and its id."""
    turn = len(state["turns"])
    if turn == 0:
        return state["question"], state.get("id", "")
    follow_up = state.get("follow_ups", [])[turn - 1]
    return follow_up["question"], follow_up.get("id", "")


def fan_out(state: State, runtime: Runtime[Context]) -> list[Send]:
    """One branch a sample."""
    context = runtime.context
    question, _ = get_question(state)
    reply, feedback = said_before(state, context.written_in)
    turn, schema = len(state["turns"]), state["schema"]
    earlier = rounds.quote_earlier(state["turns"], context.samples, context.written_in)
    return [
        Send(
            "solve",
            Branch(
                turn=turn,
                round=state["round"],
                sample=sample,
                schema=schema,
                earlier=earlier,
                question=question,
                reply=reply,
                feedback=feedback,
            ),
        )
        for sample in range(context.samples)
    ]


def said_before(state: State, language: Language) -> tuple[str, str]:
    """What the Solver said in the round before, and what it is told of it; empty in a question's first round."""
    if state["round"] == 0:
        return "", ""
    last, told = state["rounds"][-1], ""
    drafts = [one for one in state["drafts"] if (one["turn"], one["round"]) == (last["turn"], last["round"])]
    draft = min(drafts, key=lambda one: one["sample"])
    if last["feedback"] == "objected":
        objection = next(one for one in select_reviews(state["reviews"], last) if one["approved"] is False)
        draft = next(one for one in drafts if one["sample"] == objection["sample"])
        told = f" {objection['remark']}"
    reply = language.quoted(draft["program"]) if draft["program"] else draft["text"]
    return reply, rounds.message(last["feedback"], language) + told


def select_reviews(reviews: list[Reviewed], round_: Round) -> list[Reviewed]:
    """The reviews of one round, by sample."""
    found = [one for one in reviews if (one["turn"], one["round"]) == (round_["turn"], round_["round"])]
    return sorted(found, key=lambda one: one["sample"])


async def solve(state: Branch, runtime: Runtime[Context]) -> Update:
    """Ask for a program."""
    context = runtime.context
    tell_step(runtime, GRAPH_NAME, "solve", f"round {state['round'] + 1}, program {state['sample'] + 1} is asked for")
    prompt = context.retry_prompt if state["feedback"] else context.prompt
    fields = rounds.fields_of(prompt, state["schema"], state["earlier"], state["question"])
    if state["feedback"]:
        fields |= {"reply": state["reply"], "feedback": state["feedback"]}
    solution = await context.solver.solve(prompt, fields, sampling=context.sampling, sample=state["sample"])
    return {"drafts": [rounds.make_draft(state["turn"], state["round"], state["sample"], solution, context.written_in)]}


@on_error
async def failed_draft(
    state: Branch, runtime: Runtime[Context], error: NodeError
) -> Command[Literal["review", "execute"]]:
    """Turn a failed call into a record; a bug is raised again, and so is a model that cannot be reached at all."""
    draft = rounds.record_no_draft(state["turn"], state["round"], state["sample"], *node_failure_of(error))
    return Command(update=Update(drafts=[draft]), goto=who_is_next(runtime.context))


def who_is_next(context: Context) -> Literal["review", "execute"]:
    """Where drafts go: past the critic only if there is one, since each step of a graph costs a millisecond."""
    return "execute" if context.critic is None else "review"


def next_after_solving(state: State, runtime: Runtime[Context]) -> Literal["review", "execute"]:
    """Where the graph goes after `solve`: see `who_is_next`."""
    del state
    return who_is_next(runtime.context)


def select_drafts(state: State) -> list[Draft]:
    """The drafts of this round, by sample."""
    here = (len(state["turns"]), state["round"])
    return sorted(
        (one for one in state["drafts"] if (one["turn"], one["round"]) == here), key=lambda one: one["sample"]
    )


async def review(state: State, runtime: Runtime[Context]) -> Update:
    """Have the critic read the programs, if it may still send some back."""
    critic, context = runtime.context.critic, runtime.context
    turn = len(state["turns"])
    tell_step(runtime, GRAPH_NAME, "review", f"round {state['round'] + 1} is before the critic")
    sent_back = sum(one["turn"] == turn and one["feedback"] == "objected" for one in state["rounds"])
    if critic is None or sent_back >= context.reviews or state["round"] + 1 >= context.rounds:
        return {}
    question, _ = get_question(state)
    programs = [one for one in select_drafts(state) if one["program"]]
    schema, told = state["schema"], context.spoken
    said = await asyncio.gather(*(critic.review(question, schema, one["program"], **told) for one in programs))
    reviews = [
        Reviewed(
            turn=turn,
            round=state["round"],
            sample=draft["sample"],
            approved=one.approved,
            remark=one.remark,
            outcome=one.outcome,
            reason=one.reason,
        )
        for draft, one in zip(programs, said, strict=True)
    ]
    return {"reviews": reviews}


async def execute(state: State, runtime: Runtime[Context]) -> Update:
    """Run the programs, choose an answer, and decide whether there is another try."""
    context = runtime.context
    drafts = select_drafts(state)
    tell_step(runtime, GRAPH_NAME, "execute", f"round {state['round'] + 1} has {len(drafts)} replies")
    programs, objected = select_approved(state, [one for one in drafts if one["program"]])
    last = state["round"] + 1 >= context.rounds
    if objected:
        return close_round(state, [], None, "objected", 0.0)
    if not programs:
        draft = rounds.choose_failed_draft(drafts)
        if draft["outcome"] == Outcome.UNPARSED and not last:
            return close_round(state, [], None, draft["problem"], 0.0)
        ended = record_turn(state, "", draft["problem"] or "no_reply", Outcome(draft["outcome"]), draft["reason"])
        ended["correct"] = context.oracle.unanswered(ended["id"])
        return end_turn(state, ended, [], None, 0.0)
    begun = asyncio.get_running_loop().time()
    ran = await run_by_the_tick(state, context, programs)
    chosen = rounds.choose_majority(ran)
    executions = [record_execution(draft, one) for draft, one in zip(programs, ran, strict=True)]
    done = ran[chosen].status == "ok" or (ran[chosen].status == "empty" and not context.retry_empty)
    bits = rounds.count_bits(context.oracle.codes(context.feedback))
    observed = not last and state["bits"] + bits <= context.bits and await may_tell(state, context, bits)
    await reply_at(begun, context.tick)
    if observed and not done:
        first = drafts[0]
        unrun = "objected" if first["program"] else first["problem"] or "failed"
        told = next((one["code"] for one in executions if one["sample"] == first["sample"]), unrun)
        return close_round(state, executions, programs[chosen]["sample"], told, bits)
    return answer(state, context, executions, programs[chosen], ran[chosen], bits if observed else 0.0)


def select_approved(state: State, programs: list[Draft]) -> tuple[list[Draft], bool]:
    """The programs that the critic lets pass, and false; all of them and true, if it objects to each."""
    here = (len(state["turns"]), state["round"])
    against = {
        one["sample"] for one in state["reviews"] if (one["turn"], one["round"]) == here and one["approved"] is False
    }
    passed = [one for one in programs if one["sample"] not in against]
    return (passed, False) if passed or not programs else (programs, True)


async def may_tell(state: State, context: Context, bits: float) -> bool:
    """Whether the table's ledger allows these bits to be told; if so, they are booked."""
    oracle = context.oracle
    if not context.keeps_ledger or not isinstance(oracle, KeepsLedger):
        return True
    return await oracle.charge(state["table"], context.user, bits, budget=context.table_bits, ledger=context.ledger)


async def reply_at(begun: float, tick: float | None) -> None:
    """Wait until a reply is due. After a question's last program too: when the next question comes tells as much."""
    if tick is not None:
        await asyncio.sleep(begun + tick - asyncio.get_running_loop().time())


async def run_by_the_tick(state: State, context: Context, programs: list[Draft]) -> Sequence[Ran]:
    """Run the programs of a round; with a tick, what has not ended when the reply is due is a timeout."""
    if context.tick is None:
        return await run(state, context, programs)
    running = asyncio.ensure_future(run(state, context, programs))
    try:
        await asyncio.wait([running], timeout=context.tick)
    finally:
        if not running.done():
            abandon_run(running)
    if running.done():
        return running.result()
    codes = context.oracle.codes(context.feedback)
    _, question_id = get_question(state)
    late = Late("timeout" if "timeout" in codes else "failed", context.oracle.unanswered(question_id))
    return [late for _ in programs]


ENDING: set[asyncio.Future[list[Ran]]] = set()
"""Runs that are being ended: nobody waits for them, since how long that takes would tell something."""


def abandon_run(running: asyncio.Future[list[Ran]]) -> None:
    """Cancel a run of programs without waiting until they have ended."""
    ENDING.add(running)
    running.add_done_callback(discard_run)
    running.cancel()


def discard_run(running: asyncio.Future[list[Ran]]) -> None:
    """Drop a cancelled run that has ended, whatever its result or error."""
    ENDING.discard(running)
    if not running.cancelled():
        running.exception()


async def run(state: State, context: Context, programs: list[Draft]) -> list[Ran]:
    """Run the programs of a round."""
    _, question_id = get_question(state)
    ran = await context.oracle.run(
        state["table"],
        [one["program"] for one in programs],
        question_id=question_id,
        earlier=[turn["program"] for turn in state["turns"]],
        secret=context.secret,
        detail=context.feedback,
        **context.spoken,
    )
    return list(ran)


def record_execution(draft: Draft, ran: Ran) -> Execution:
    """Make the record of one program's run."""
    return Execution(sample=draft["sample"], status=ran.status, code=ran.code, group=ran.group)


def close_round(state: State, executions: list[Execution], chosen: int | None, feedback: str, bits: float) -> Update:
    """Close a round; `feedback` is empty in a question's last one."""
    done = Round(
        turn=len(state["turns"]),
        round=state["round"],
        executions=executions,
        chosen=chosen,
        feedback=feedback,
        bits=bits,
    )
    return {"rounds": [done], "round": state["round"] + 1, "bits": state["bits"] + bits}


def answer(state: State, context: Context, executions: list[Execution], draft: Draft, ran: Ran, bits: float) -> Update:
    """Close a question with the chosen program's end, and give the user the answer, if there is one."""
    _, question_id = get_question(state)
    revealed: Sequence[str] | None = None
    if ran.answer is not None:
        context.oracle.tell(question_id, ran.answer)
        revealed = ran.answer.reveal() if context.keep_answers else None
    outcome = rounds.turn_outcome(ran.status)
    reason = "" if outcome is Outcome.OK else f"the program ended with {ran.status}"
    ended = record_turn(state, draft["program"], ran.status, outcome, reason)
    turn = Turn({**ended, "correct": ran.correct, **rounds.keep_answer(revealed)})
    return end_turn(state, turn, executions, draft["sample"], bits)


def record_turn(state: State, program: str, status: str, outcome: Outcome, reason: str) -> Turn:
    """Make the record of a question that has ended, before its answer is judged."""
    question, question_id = get_question(state)
    ended = Turn(
        id=question_id,
        question=question,
        schema=state["schema"],
        rounds=state["round"] + 1,
        status=status,
        program=program,
        correct=None,
        answer=None,
        table=None,
        outcome=outcome,
        reason=reason,
    )
    if pasted := state.get("pasted"):
        ended["pasted"] = pasted
    return ended


def end_turn(state: State, turn: Turn, executions: list[Execution], chosen: int | None, bits: float) -> Update:
    """Close a question's last round; after the last question, sum the game up."""
    update: Update = {**close_round(state, executions, chosen, "", bits), "turns": [turn]}
    turns = [*state["turns"], turn]
    if len(turns) > len(state.get("follow_ups", [])):
        outcome, reason, correct = rounds.summarise(turns)
        update |= {"outcome": outcome, "reason": reason, "correct": correct}
    return update


def after(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["describe", "__end__"]:
    """Name the next node: for another try, for the next question, or the end."""
    if len(state["turns"]) == state["rounds"][-1]["turn"]:
        return fan_out(state, runtime)
    return "describe" if len(state["turns"]) <= len(state.get("follow_ups", [])) else "__end__"


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("describe", describe)
    builder.add_node("solve", solve, error_handler=failed_draft)
    builder.add_node("review", review)
    builder.add_node("execute", execute)
    builder.add_edge(START, "describe")
    builder.add_conditional_edges("describe", fan_out, ["solve"])
    builder.add_conditional_edges("solve", next_after_solving, ["review", "execute"])
    builder.add_edge("review", "execute")
    builder.add_conditional_edges("execute", after, ["solve", "describe", END])
    return builder


graph = build().compile(checkpointer=False, name=GRAPH_NAME)
