"""SummHay: a haystack's documents retrieved, summarised in bullets that cite, and the summary judged and scored.

For each subtopic of a haystack: documents are retrieved into a budget of tokens, a solver summarises them in exactly as
many bullets as there are insights to find, each citing its documents, and a judge says which insights the summary
covers, and where. Since it is known which documents hold which insight, citations are scored without any judge.

Paper: Laban, Fabbri, Xiong, Wu: Summary of a Haystack, EMNLP 2024, arXiv 2407.01370.

    context = summhay.Context(haystacks=["topic.json"], solver="server:http://localhost:8000/v1#M", judge="words")
    row = {"topic_id": "...", "subtopic_id": "..."}
    result = await summhay.graph.ainvoke(row, context=context)

```mermaid
graph TD
    __start__ --> retrieve
    retrieve -.-> summarise
    retrieve -.-> score
    summarise -.-> summarise
    summarise -.-> judge
    summarise -.-> score
    judge --> score
    score --> __end__
```

Not here: haystacks of your own, which `dikast.graphs.summhay.make` writes; other people's summaries, which
`dikast.graphs.summhay.judging` judges; scores, which are `dikast.graphs.summhay.scores`.
"""

from __future__ import annotations

from typing import Literal

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send

from dikast.agents.failures import node_failure_of
from dikast.errors import DataError
from dikast.fence import fence
from dikast.graphs.stepping import AsyncStateGraph, tell_step
from dikast.graphs.summhay.bullets import read_bullets
from dikast.graphs.summhay.citations import read_citations
from dikast.graphs.summhay.context import Context, Input, Output, State, Update
from dikast.graphs.summhay.coverage.roles import read_insights
from dikast.graphs.summhay.haystack import Haystack, Subtopic
from dikast.graphs.summhay.judging.graph import group
from dikast.graphs.summhay.judging.records import Judging, Sought, record_empty, record_failed, record_verdicts
from dikast.graphs.summhay.records import (
    Attempt,
    outcome_of_row,
    record_attempt,
    record_given,
    record_no_attempt,
    record_scored,
    record_scores,
)
from dikast.graphs.summhay.scores import Covered, score_summary
from dikast.graphs.summhay.selection import Count, count_by_characters, select
from dikast.records import Outcome
from dikast.wire import check, check_input, on_error

NAME = "summhay"
KINDS = {"news": "articles", "conversation": "conversations"}


async def retrieve(state: State, runtime: Runtime[Context]) -> Update:
    """Rank the documents, fill the budget."""
    context = check(runtime.context, Context)
    check_input(state, Input)
    tell_step(runtime, NAME, "retrieve", "documents are ranked and chosen")
    haystack, subtopic = await find(context, state)
    ranking = await context.retriever.rank_haystack(haystack, subtopic)
    count, counted_by = await counter_of(context)
    shown = await select(haystack, ranking, budget=context.budget, order=context.order, count=count)
    update: Update = {
        "documents": [record_given(one) for one in shown],
        "texts": [one.text for one in shown],
        "counted_by": counted_by,
        "wanted": len(haystack.planted(subtopic)) or len(subtopic.insights),
        "insights": [Sought(insight_id=one.insight_id, insight=one.insight) for one in subtopic.insights],
        "bullets": [],
    }
    if not shown:
        told = "no document was found" if not ranking else f"no document fits into {context.budget} tokens"
        update["attempts"] = [record_no_attempt(Outcome.EMPTY, told)]
    return update


async def find(context: Context, state: State) -> tuple[Haystack, Subtopic]:
    """The row's haystack and subtopic.

    Raises:
        DataError: There is none of these ids.
    """
    opened = [await source.open() for source in context.haystacks]
    haystack = next((one for one in opened if one.topic_id == state["topic_id"]), None)
    if haystack is None:
        hint = f"there are {', '.join(one.topic_id for one in opened)}"
        raise DataError(f"no haystack {state['topic_id']!r}", field="topic_id", hint=hint)
    return haystack, haystack.subtopic(state["subtopic_id"])


async def counter_of(context: Context) -> tuple[Count, str]:
    """What counts tokens, and whose they are: the solver's own model's where it has a tokenizer at hand."""
    own = getattr(context.solver, "count_tokens", None)
    if own is None or context.budget is None or await own("a") is None:
        return count_by_characters, "characters"
    return own, "model"


def after_retrieval(state: State) -> Literal["summarise", "score"]:
    """On to the summary, unless there is nothing to summarise."""
    return "summarise" if state["documents"] else "score"


async def summarise(state: State, runtime: Runtime[Context]) -> Update:
    """Ask for the summary; from the second time on, saying how many bullets the one before had."""
    context, before = runtime.context, state["attempts"][-1:]
    tell_step(runtime, NAME, "summarise", f"a summary of {len(state['documents'])} documents is asked for")
    haystack, subtopic = await find(context, state)
    documents = zip(state["documents"], state["texts"], strict=True)
    fields = {
        "count": str(len(state["documents"])),
        "kind": KINDS[haystack.domain],
        "topic": haystack.topic,
        "documents": "\n\n".join(f"[{one['number']}]\n{fence(text, 'document')}" for one, text in documents),
        "query": subtopic.query or subtopic.subtopic,
        "subtopic": subtopic.subtopic,
        "bullets": str(state["wanted"]),
        "words": str(context.words),
    }
    prompt = context.prompt
    if before:
        prompt = context.again_prompt
        fields |= {"before": fence(before[0]["text"], "summary"), "had": str(count_of(before[0]))}
    solution = await context.solver.solve(prompt, fields, sampling=context.summarising)
    usable = solution.text if solution.outcome is Outcome.OK else ""
    attempt = record_attempt(solution, *read_bullets(usable, state["wanted"]))
    best = min([*state["attempts"], attempt], key=lambda one: distance(one, state["wanted"]))
    unknown = sum(read_citations(line, len(haystack.documents)).unknown for line in best["bullets"])
    return {"attempts": [attempt], "bullets": best["bullets"], "unknown_citations": unknown}


def count_of(attempt: Attempt) -> int:
    """How many bullets a summary had."""
    return len(attempt["bullets"]) + attempt["surplus"]


def distance(attempt: Attempt, wanted: int) -> tuple[bool, int]:
    """How far a summary is from what was asked for; one without a bullet is farthest."""
    return not attempt["bullets"], abs(count_of(attempt) - wanted)


@on_error
async def failed_summary(state: State, error: NodeError) -> Command[Literal["score"]]:
    """A summary that could not be had is a record, and a row without verdicts."""
    missing = record_no_attempt(*node_failure_of(error))
    return Command(update=Update(attempts=[missing], bullets=[]), goto="score")


def after_summary(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["summarise", "score"]:
    """Once more where the number of bullets is not what was asked for, else to the judge."""
    last = state["attempts"][-1]
    again = count_of(last) != state["wanted"] and last["outcome"] in (Outcome.OK, Outcome.UNPARSED)
    if again and len(state["attempts"]) < runtime.context.tries:
        return "summarise"
    if not state["bullets"]:
        return "score"
    groups = group(state["bullets"], state["insights"], together=runtime.context.judge.batched)
    return [Send("judge", one) for one in groups]


async def judge(state: Judging, runtime: Runtime[Context]) -> Update:
    """One call of the judge: an insight, or all of them."""
    context, insights = runtime.context, read_insights(state["insights"])
    tell_step(runtime, NAME, "judge", f"{len(insights)} insights are looked for")
    verdicts = await context.judge.cover(state["bullets"], insights, sampling=context.judging)
    return {"verdicts": record_verdicts(state, verdicts)}


@on_error
async def failed_judging(state: Judging, error: NodeError) -> Command[Literal["score"]]:
    """A call of the judge that failed is a record an insight."""
    return Command(update=Update(verdicts=record_failed(state, *node_failure_of(error))), goto="score")


async def score(state: State, runtime: Runtime[Context]) -> Update:
    """What the summary is worth, by the judge's verdicts and the known incidence."""
    tell_step(runtime, NAME, "score", "the summary is scored")
    haystack, subtopic = await find(runtime.context, state)
    added = [] if state["bullets"] else record_empty(state["insights"])
    verdicts = [*state["verdicts"], *added]
    gold = {insight.insight_id: haystack.gold[insight.insight_id] for insight in subtopic.insights}
    texts = {insight.insight_id: insight.insight for insight in subtopic.insights}
    labels = {one["insight_id"]: Covered(one["coverage"], one["bullet"]) for one in verdicts}
    outcome, reason = outcome_of_row(state["attempts"], verdicts)
    scored = score_summary(state["bullets"], labels, gold, texts)
    matched = {insight_id: label.bullet for insight_id, label in labels.items()}
    return {
        "verdicts": added,
        "domain": haystack.domain,
        "scored": record_scored(scored, gold, matched, state["bullets"]),
        "unknown_citations": state.get("unknown_citations", 0),
        "scores": record_scores(scored),
        "outcome": outcome,
        "reason": reason,
    }


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = AsyncStateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("retrieve", retrieve)
    builder.add_node("summarise", summarise, error_handler=failed_summary)
    builder.add_node("judge", judge, error_handler=failed_judging)
    builder.add_node("score", score)
    builder.add_edge(START, "retrieve")
    builder.add_conditional_edges("retrieve", after_retrieval, ["summarise", "score"])
    builder.add_conditional_edges("summarise", after_summary, ["summarise", "judge", "score"])
    builder.add_edge("judge", "score")
    builder.add_edge("score", END)
    return builder


graph = build().compile(checkpointer=False, name=NAME)
