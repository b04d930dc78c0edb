"""SummHay's synthesizer: a haystack made to order, of which it is known what every document says.

A solver thinks up subtopics of a topic and insights on each, which rules (and a critic) accept or reject; or a plan
brings them. Which document is to say which insights is solved before any document is asked for. A writer is given one
document's insights at a time; an oracle looks for every insight in every document; what is missing or leaked is mended
by the writer, a bounded number of times. What the oracle finds in the end is the truth that the file states.

The authors describe how they made their haystacks and published no program for it; this follows their paper: Laban et
al.: Summary of a Haystack, EMNLP 2024, arXiv 2407.01370.

    context = make.Context(writer="server:http://localhost:8000/v1#M", solver="server:http://localhost:8000/v1#M")
    result = await make.graph.ainvoke({"topic": "Harbour cranes"}, context=context)
    parse_haystack(result["haystack"])

```mermaid
graph TD
    __start__ --> outline
    outline --> criticise
    criticise -.-> outline
    criticise -.-> plan
    criticise -.-> assemble
    plan -.-> write
    plan -.-> assemble
    write --> verify
    verify -.-> repair
    verify -.-> replace
    verify -.-> assemble
    repair --> verify
    replace --> verify
    assemble --> __end__
```

Not here: documents out of real articles, as the authors' news have; documents are invented throughout. And no measure
of how well they read.
"""

from __future__ import annotations

from typing import Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from dikast.agents.failures import CALL_FAILURES, failure_of
from dikast.errors import UsageError
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.summhay.make import assembling
from dikast.graphs.summhay.make.content import insights_of, parse_content, subtopics_of
from dikast.graphs.summhay.make.context import Context, Input, Output, State, Update
from dikast.graphs.summhay.make.criticising import refuse_content
from dikast.graphs.summhay.make.outline import accept, is_enough, lacking, suggest
from dikast.graphs.summhay.make.planting import plant
from dikast.graphs.summhay.make.records import Content, Draft, Failure
from dikast.graphs.summhay.make.tasks import (
    blank,
    bounds_of,
    content_of,
    ending_of,
    failure,
    sample_of,
    seed_of,
    task_of,
    texts_of,
    tokens_in,
    with_participants,
)
from dikast.graphs.summhay.make.templates import choose_participants
from dikast.graphs.summhay.make.together import together
from dikast.graphs.summhay.make.verifying import check_drafts, count_round, is_faulty
from dikast.graphs.summhay.make.writers import TemplateWriter
from dikast.records import Outcome
from dikast.wire import check, check_input

NAME = "summhay_make"


async def outline(state: State, runtime: Runtime[Context]) -> Update:
    """Ask the solver for what is lacking, unless the row brings its content."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "outline", "subtopics and insights are thought up")
    failures, asked = state.get("failures") or [], state.get("asked") or 0
    if given := state.get("content"):
        return {"candidates": parse_content(given), "failures": failures, "asked": asked}
    people = list(context.participants) if context.domain == "conversation" else []
    accepted = state.get("outline") or Content(
        topic=state["topic"], domain=context.domain, participants=people, subtopics=[]
    )
    sample = seed_of(state, context) * context.attempts + asked
    candidates, failed = await suggest(context, accepted, sample)
    return {"outline": accepted, "candidates": candidates, "failures": [*failures, *failed], "asked": asked + 1}


async def criticise(state: State, runtime: Runtime[Context]) -> Update:
    """Reject what is vague or overlaps; a given content is taken whole or refused."""
    tell_step(runtime, NAME, "criticise", "insights are checked")
    context, accepted = runtime.context, state.get("outline")
    if accepted is None or state.get("content"):
        refuse_content(state["candidates"], context.specific)
        return {"outline": state["candidates"], "rejected": [], "enough": True}
    sample = seed_of(state, context) * context.attempts + state["asked"] - 1
    taken, rejected, failed = await accept(context, accepted, state["candidates"], sample)
    return {
        "outline": taken,
        "rejected": [*(state.get("rejected") or []), *rejected],
        "failures": [*state["failures"], *failed],
        "enough": is_enough(taken, context),
    }


def after_criticism(state: State, runtime: Runtime[Context]) -> Literal["plan", "outline", "assemble"]:
    """On with the plan, or once more, or to the end: too few insights are an outcome."""
    if state["enough"]:
        return "plan"
    return "outline" if state["asked"] < runtime.context.attempts else "assemble"


async def plan(state: State, runtime: Runtime[Context]) -> Update:
    """Say which document is to say which insights.

    Raises:
        UsageError: No plan keeps to the bounds, with the content that the row brought.
    """
    tell_step(runtime, NAME, "plan", "it is planned which document says what")
    context, content, seed = runtime.context, content_of(state), seed_of(state, runtime.context)
    if content["domain"] == "conversation" and not content["participants"]:
        texts = [content["topic"], *(one["insight"] for one in insights_of(content))]
        content = with_participants(content, choose_participants(seed, texts))
    try:
        planned = plant(subtopics_of(content), tokens_in(content), bounds_of(context), seed)
    except UsageError as error:
        if state.get("content"):
            raise
        return {"outcome": Outcome.UNPARSED, "reason": str(error), "drafts": []}
    return {"outline": content, "drafts": [blank(number, list(own)) for number, own in enumerate(planned)]}


def after_planning(state: State) -> Literal["write", "assemble"]:
    """Nothing to write where there is no plan."""
    return "write" if state["drafts"] else "assemble"


async def write(state: State, runtime: Runtime[Context]) -> Update:
    """Ask for every document, in a call of its own; a call that fails leaves its document out."""
    tell_step(runtime, NAME, "write", "documents are written")
    context, content, seed = runtime.context, content_of(state), seed_of(state, runtime.context)

    async def one(draft: Draft) -> Draft:
        task, sample = task_of(draft, content, context, seed), sample_of(draft, context, seed, 0)
        try:
            solution = await context.writer.write(task, sampling=context.writing, sample=sample)
        except CALL_FAILURES as error:
            outcome, reason = failure_of(error)
            return {**draft, "outcome": outcome, "reason": reason}
        outcome, reason = ending_of(solution)
        text = solution.text.strip() if outcome is Outcome.OK else ""
        return {**draft, "text": text, "outcome": outcome, "reason": reason}

    drafts = await together(one, state["drafts"])
    failed = [failure("write", one, one["outcome"], one["reason"]) for one in drafts if one["outcome"] != Outcome.OK]
    return {"drafts": drafts, "failures": [*state["failures"], *failed], "repaired": 0, "replaced": False}


async def verify(state: State, runtime: Runtime[Context]) -> Update:
    """Look for every insight in every document that is new or was changed."""
    tell_step(runtime, NAME, "verify", "insights are looked for in the documents")
    context, content = runtime.context, content_of(state)
    drafts, failed = await check_drafts(context, content, state["drafts"])
    rounds = state.get("rounds") or []
    name = f"repair {state['repaired']}" if state["repaired"] else "drafts"
    name = "template" if state["replaced"] else name
    counted = count_round(name, drafts, len(insights_of(content)))
    return {"drafts": drafts, "failures": [*state["failures"], *failed], "rounds": [*rounds, counted]}


def after_verification(state: State, runtime: Runtime[Context]) -> Literal["repair", "replace", "assemble"]:
    """Mend what is not as planned, as often as is allowed; then what is to become of it."""
    context = runtime.context
    if not any(map(is_faulty, state["drafts"])) or state["replaced"]:
        return "assemble"
    if state["repaired"] < context.repairs:
        return "repair"
    return "replace" if context.on_failure == "template" else "assemble"


async def repair(state: State, runtime: Runtime[Context]) -> Update:
    """Ask the writer to mend each document that is not as planned; a call that fails leaves it as it is."""
    tell_step(runtime, NAME, "repair", "documents are asked for again")
    context, content, seed = runtime.context, content_of(state), seed_of(state, runtime.context)
    insights, again = [one["insight"] for one in insights_of(content)], state["repaired"] + 1

    async def one(draft: Draft) -> tuple[Draft, Failure | None]:
        best = draft["best"]
        if best is None or not is_faulty(draft):
            return draft, None
        tried: Draft = {**draft, "repairs": draft["repairs"] + 1}
        missing, leaked = texts_of(best["missing"], insights), texts_of(best["leaked"], insights)
        task, sample = task_of(draft, content, context, seed), sample_of(draft, context, seed, again)
        try:
            solution = await context.writer.revise(
                task, best["text"], missing, leaked, sampling=context.writing, sample=sample
            )
        except CALL_FAILURES as error:
            return tried, failure("repair", draft, *failure_of(error))
        outcome, reason = ending_of(solution)
        if outcome is not Outcome.OK:
            return tried, failure("repair", draft, outcome, reason)
        return {**tried, "text": solution.text.strip()}, None

    results = await together(one, state["drafts"])
    failed = [failure for _, failure in results if failure]
    return {"drafts": [draft for draft, _ in results], "failures": [*state["failures"], *failed], "repaired": again}


async def replace(state: State, runtime: Runtime[Context]) -> Update:
    """Put set phrases in the place of documents that no repair has mended."""
    tell_step(runtime, NAME, "replace", "documents are written out of set phrases")
    context, content, seed = runtime.context, content_of(state), seed_of(state, runtime.context)
    drafts = list(state["drafts"])
    for place, draft in enumerate(drafts):
        if is_faulty(draft):
            task = task_of(draft, content, context, seed)
            solution = await TemplateWriter().write(task, sampling=context.writing)
            drafts[place] = {**draft, "text": solution.text, "best": None, "written_by": "template"}
    return {"drafts": drafts, "replaced": True}


async def assemble(state: State, runtime: Runtime[Context]) -> Update:
    """Make the haystack of the documents that there are, or say why there is none."""
    tell_step(runtime, NAME, "assemble", "the haystack is put together")
    context, seed = runtime.context, seed_of(state, runtime.context)
    nothing = Update(haystack=None, made=None, rounds=state.get("rounds") or [])
    if not state["enough"]:
        told = f"{lacking(content_of(state), context)} after {state['asked']} askings"
        outcome, reason = assembling.worst_of(state["failures"]) or (Outcome.UNPARSED, told)
        return {**nothing, "outcome": outcome, "reason": reason}
    if not state["drafts"]:
        return nothing
    content, drafts = content_of(state), state["drafts"]
    kept = assembling.kept_of(drafts, context)
    outcome, reason = assembling.ending_of(drafts, state["failures"], context)
    rounds = state["rounds"]
    if context.on_failure == "drop" and len(kept) < rounds[-1]["documents"]:
        rounds = [*rounds, count_round("kept", kept, len(insights_of(content)))]
    return {
        "haystack": assembling.assemble(content, kept, seed, context.writer.spec) if kept else None,
        "made": assembling.describe(content, drafts, context, seed, bounds_of(context)),
        "rounds": rounds,
        "outcome": outcome,
        "reason": reason,
    }


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("outline", outline)
    builder.add_node("criticise", criticise)
    builder.add_node("plan", plan)
    builder.add_node("write", write)
    builder.add_node("verify", verify)
    builder.add_node("repair", repair)
    builder.add_node("replace", replace)
    builder.add_node("assemble", assemble)
    builder.add_edge(START, "outline")
    builder.add_edge("outline", "criticise")
    builder.add_conditional_edges("criticise", after_criticism, ["plan", "outline", "assemble"])
    builder.add_conditional_edges("plan", after_planning, ["write", "assemble"])
    builder.add_edge("write", "verify")
    builder.add_conditional_edges("verify", after_verification, ["repair", "replace", "assemble"])
    builder.add_edge("repair", "verify")
    builder.add_edge("replace", "verify")
    builder.add_edge("assemble", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
