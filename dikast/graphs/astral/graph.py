"""ASTRAL: a safety test is written for a cell of the space, given to a system under test, and judged.

A generator writes one test prompt for a category, a writing style and a persuasion technique, with the operator's own
examples and the day's headlines as its sources; the target answers; oracles say whether the answer is safe. One run of
the graph is one case against one target. For people who own the system they test.

Paper: Ugarte, Valle, Parejo, Segura, Arrieta, arXiv 2501.17132 (AST 2025).

    context = astral.Context(targets=("server:http://localhost:8000/v1#M",), oracles=("json+server:...",),
                             generator="seeds", authority={"server:http://localhost:8000/v1#M": "we run it"})
    result = await astral.graph.ainvoke({"id": "1", "cell": {"category": "self_harm"}}, context=context)

```mermaid
graph TD
    __start__ --> generate
    generate -.-> execute
    generate -.-> __end__
    execute --> judge
    judge --> __end__
```

What the target says is in the output only where every oracle calls it safe; otherwise its hash is, and the text is in
the vault (`dikast.graphs.astral.vault`). It is never part of the state.

Not here: which cells are tested (`dikast.evaluation.covering`), rates and reports (`dikast.graphs.astral.results`).
"""

from __future__ import annotations

import asyncio
from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.agents.ask import digest_of
from dikast.agents.failures import CALL_FAILURES, outcome_of
from dikast.agents.roles import Solver
from dikast.errors import DikastError, LimitReached, ModelError, ModelUnavailable, UsageError
from dikast.graphs.astral import generator, panel, vault
from dikast.graphs.astral.context import Context, Input, Output, State, Update
from dikast.graphs.astral.panel import Said
from dikast.graphs.astral.roles import SafetyOracle, Target
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.records import Outcome
from dikast.wire import check, check_input

NAME = "astral"
NOTHING = Update(
    test="",
    test_hash="",
    tries=0,
    sources=[],
    asked=False,
    replied="",
    refusal="",
    reply="",
    reply_hash="",
    verdict=None,
    votes=[],
    agreement=None,
    judged=[],
)
"""An output before anything has happened."""


async def generate(state: State, runtime: Runtime[Context]) -> Update:
    """Write the test, unless the case brings one."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    given = state.get("prompt") or ""
    tell_step(runtime, NAME, "generate", "the test was given" if given.strip() else "a test is written")
    target_of(state, context)
    closed = refused_categories(state, context)
    if closed:
        hint = f"name it in opt_in (--opt-in) if you are entitled to; only refusals count as safe there: {closed}"
        raise UsageError(f"case {state['id']!r}: its category is not tested without an opt-in", hint=hint)
    if given.strip():
        return store_test(state, context, given, 0, [])
    if context.generator is None:
        raise UsageError(f"case {state['id']!r} has no prompt", hint="give it one, or name a generator")
    if vault.refusal_only(state.get("cell") or {}):
        with vault.leave_unrecorded(context.vault):
            return await write(state, context, context.generator)
    return await write(state, context, context.generator)


async def write(state: State, context: Context, writer: Solver) -> Update:
    """Have a test written, in as many attempts as are allowed."""
    cell = state.get("cell") or {}
    examples = await context.examples.similar(cell, context.shown_examples) if context.examples else []
    outcome, reason = Outcome.UNPARSED, ""
    number, tries = state.get("sample") or 0, 0
    try:
        topic = generator.topic_of(cell)
        headlines = await context.news.headlines(topic, context.shown_headlines) if context.news else []
        fields = generator.fields_of(cell, examples, headlines, context.meanings)
        for tries in range(1, context.attempts + 1):
            sample = number * context.attempts + tries - 1
            solution = await writer.solve(context.prompt, fields, sampling=context.generating, sample=sample)
            test, reason = generator.read_test(solution)
            if test:
                sources = [*(document.docid for document in examples), *headlines]
                return store_test(state, context, test, tries, sources)
    except CALL_FAILURES as error:
        if isinstance(error, ModelUnavailable):
            raise
        # A server's words may quote the request, of which no text is kept in some categories.
        reason = panel.describe_failure(error, lambda _: None) if vault.refusal_only(cell) else str(error)
        # A filtered generator is a test that was not written, not a finding about the target.
        outcome = outcome_of(error) if outcome_of(error).failed else Outcome.UNPARSED
    return {**NOTHING, "tries": tries, "outcome": outcome, "reason": f"no test was written: {reason}"}


def store_test(state: State, context: Context, text: str, tries: int, sources: list[str]) -> Update:
    """Put a test into the state; where no text is kept the vault holds it, and the state has a token."""
    made = Update(test_hash=digest_of(text), tries=tries, sources=sources, asked=True)
    if vault.refusal_only(state.get("cell") or {}):
        return {**NOTHING, **made, "question": "", "token": context.vault.hold(text)}
    return {**NOTHING, **made, "test": text, "question": text, "token": ""}


def target_of(state: State, context: Context) -> Target:
    """The target that the case is for.

    Raises:
        UsageError: It names none, and there are several, or one that is not here.
    """
    name = state.get("target")
    if name is None and len(context.targets) == 1:
        return context.targets[0]
    for target in context.targets:
        if target.spec == name:
            return target
    specs = ", ".join(target.spec for target in context.targets)
    raise UsageError(f"case {state['id']!r}: no target {name!r}", hint=f"targets: {specs}")


def refused_categories(state: State, context: Context) -> str:
    """The value of the case's cell that needs an opt-in and has none."""
    values = (state.get("cell") or {}).values()
    return next((value for value in values if value in vault.REFUSAL_ONLY - context.opt_in), "")


async def after_generation(state: State) -> Literal["execute", "__end__"]:
    """Name the next node: the target's, or the end where there is no test."""
    return "execute" if state["asked"] else "__end__"


async def execute(state: State, runtime: Runtime[Context]) -> Update:
    """Give the test to the target; the vault holds what it says."""
    context = runtime.context
    tell_step(runtime, NAME, "execute", "the target is asked")
    target = target_of(state, context)
    question = context.vault.take(state["token"]) if state["token"] else state["question"]
    try:
        said = await target.respond(question, sampling=context.answering, sample=state.get("sample") or 0)
    except CALL_FAILURES as error:
        if isinstance(error, ModelUnavailable):
            raise panel.hide_server_words(error, target.spec, choose_keeper(state, context)) from None
        return record_failed_target(state, context, error)
    except DikastError:
        raise
    except Exception as error:
        raise panel.hide_bug_words("the target", error, choose_keeper(state, context)) from None
    replied, refusal = panel.reading_of(said)
    token = context.vault.hold(said.text)
    reply_hash = digest_of(said.text) if said.text else ""
    return {"token": token, "replied": replied, "refusal": refusal, "reply_hash": reply_hash, "reason": said.reason}


def record_failed_target(state: State, context: Context, error: ModelError | LimitReached) -> Update:
    """Record that the target gave no reply; what its server said goes into the vault."""
    reason = panel.describe_failure(error, choose_keeper(state, context))
    return {"token": "", "replied": outcome_of(error), "reason": reason}


def choose_keeper(state: State, context: Context) -> panel.Keep:
    """A function that puts this case's texts into the vault, or drops them in categories whose texts are never kept."""
    if vault.refusal_only(state.get("cell") or {}):
        return lambda record: None
    who = {"case": state["id"], "target": target_of(state, context).spec}
    return lambda record: context.vault.keep({**who, **record})


async def judge(state: State, runtime: Runtime[Context]) -> Update:
    """Have the oracles read the reply, and decide what may be shown of it."""
    context, keep = runtime.context, choose_keeper(state, runtime.context)
    tell_step(runtime, NAME, "judge", f"{len(context.oracles)} oracles for one reply")
    replied = Outcome(state["replied"])
    text = context.vault.take(state["token"]) if state["token"] else ""
    # What a filter stopped half way was said all the same.
    if replied not in (Outcome.OK, Outcome.REFUSED, Outcome.FILTERED) or not text.strip():
        return {"outcome": replied, "reason": state["reason"]}
    if vault.refusal_only(state.get("cell") or {}):
        return {**panel.without_reading(replied)}
    if state.get("benign"):
        keep({"reply": text, "sha256": state["reply_hash"]})
        return {"outcome": replied, "reason": state["reason"]}
    prompt = state["question"] if context.oracle_sees == "both" else None
    said = await asyncio.gather(*(assess(oracle, text, prompt, context, keep) for oracle in context.oracles))
    return {**panel.decide(text, state["reply_hash"], replied, said, keep)}


async def assess(oracle: SafetyOracle, text: str, prompt: str | None, context: Context, keep: panel.Keep) -> Said:
    """Ask one oracle about the reply; a call that fails counts as a missing vote."""
    try:
        found = await oracle.assess(text, prompt=prompt, policy=context.policy, sampling=context.judging)
    except CALL_FAILURES as error:
        if isinstance(error, ModelUnavailable):
            raise panel.hide_server_words(error, oracle.spec, keep) from None
        return panel.record_no_reply(outcome_of(error), panel.describe_failure(error, keep))
    except DikastError:
        raise
    except Exception as error:
        raise panel.hide_bug_words("an oracle", error, keep) from None
    return Said(found.verdict, found.reason, found.text, found.outcome, found.usage, found.provenance)


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("generate", generate)
    builder.add_node("execute", execute)
    builder.add_node("judge", judge)
    builder.add_edge(START, "generate")
    builder.add_conditional_edges("generate", after_generation, ["execute", END])
    builder.add_edge("execute", "judge")
    builder.add_edge("judge", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
