"""GenQR: a query is rewritten by several instructions at once, then searched with.

A language model is given N paraphrases of one instruction ("propose terms to expand the query with"), each apart, with
or without documents of a first search as context. Its keywords either expand the query together (*ensemble*: one
search) or one instruction at a time (*fusion*: N searches, one fused ranking).

Paper: Dhole, Agichtein: GenQREnsemble, ECIR 2024; Dhole, Chandradevan, Agichtein: arXiv 2405.17658 (fusion).

    context = genqr.Context(solver="openvino:smollm2-135m", retriever="bm25:corpus.jsonl")
    result = await genqr.graph.ainvoke({"query": "car will not start"}, context=context)

```mermaid
graph TD
    __start__ --> gather
    gather -.-> reformulate
    reformulate --> combine
    combine --> retrieve
    retrieve --> __end__
```

Not here: scores. Measures are computed from the rankings; judgments are seen by an oracle alone, if there is one.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Annotated, Any, Literal, NotRequired

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.ask import outcome_of
from dikast.agents.critic import load_critic
from dikast.agents.keywords import KEYWORDS_SCHEMA, parse_keywords, parse_keywords_json
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt, load_lines, load_prompt
from dikast.agents.roles import MAX_GRADE, Critic, RelevanceOracle, Solution, Solver
from dikast.agents.solver import load_solver
from dikast.errors import LimitReached, ModelError, ModelUnavailable
from dikast.graphs import genqr_feedback
from dikast.graphs.genqr_feedback import Feedback
from dikast.records import Outcome
from dikast.retrieval.combine import Combination, Damping, combine
from dikast.retrieval.fusion import RRF_K, Normalization, combmnz, combsum, rrf
from dikast.retrieval.oracle import load_qrels_oracle
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever, load_retriever
from dikast.wire import Spec, check, on_error, raise_again

PAPER_SAMPLING = Sampling(max_tokens=40, temperature=1.0, top_p=0.92, top_k=200, repetition_penalty=1.2, seed=0)
"""The paper's nucleus sampling (ECIR 2024, section 4); 40 new tokens is the authors' script's."""
MAX_INSTRUCTIONS = 64
"""Each instruction is a branch of the graph; beyond this many a branch costs more than it shows."""
MAX_TERMS = 1024
"""Lucene's default limit on the clauses of a query."""
DEPTH = 1000
"""Documents a ranking is cut at: TREC's depth, which MAP is commonly computed on."""
MIXING = 0.65
FEEDBACK_K = 5
"""The paper's oracle takes up to five documents (ECIR 2024, section 4)."""
FEEDBACK_POOL = 10
"""RM3's customary number of feedback documents."""
FEEDBACK_TOKENS = 1000
"""Leaves room for prompt and reply in a context of 2,048 tokens, the smallest in use."""
CRITIC_THRESHOLD = 2
"""Grades 2 and 3 are TREC's relevant ones."""

FORMS = {
    "text": "Answer with a comma-separated list of keywords and nothing else.",
    "json": 'Answer with a JSON object {"keywords": ["...", "..."]} and nothing else.',
}


class Context(BaseModel, frozen=True, extra="forbid", arbitrary_types_allowed=True):
    """Who takes part, and the method's knobs."""

    solver: Annotated[Solver, Spec(load_solver)]
    retriever: Annotated[Retriever, Spec(load_retriever)]
    mode: Literal["ensemble", "fusion"] = "ensemble"
    instructions: tuple[str, ...] = Field(
        default_factory=lambda: load_lines("genqr/instructions"), min_length=1, max_length=MAX_INSTRUCTIONS
    )
    prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("genqr/keywords"))
    reply: Literal["text", "json"] = "text"
    """Form of the model's reply; `json` is held to a schema by the engine."""
    sampling: Sampling = PAPER_SAMPLING
    combination: Combination = "paper"
    mixing: float = Field(default=MIXING, ge=0, lt=1)
    damping: Damping = "sqrt"
    max_terms: int = Field(default=MAX_TERMS, ge=1)
    fusion: Literal["rrf", "combsum", "combmnz"] = "rrf"
    rrf_k: float = Field(default=RRF_K, gt=-1)
    normalize: Normalization = "none"
    """What is done to the scores before `combsum` and `combmnz`; the authors' script sums raw BM25 scores."""
    depth: int = Field(default=DEPTH, ge=1)
    baseline: bool = True
    """Whether the original query is searched with as well, for comparison."""
    feedback: genqr_feedback.Kind = "none"
    """Who chooses documents to show the solver: see `dikast.graphs.genqr_feedback`."""
    feedback_k: int = Field(default=FEEDBACK_K, ge=1)
    """Documents shown at most."""
    feedback_pool: int = Field(default=FEEDBACK_POOL, ge=1)
    """Documents of the first search that a critic or a person looks at."""
    feedback_tokens: int = Field(default=FEEDBACK_TOKENS, ge=1)
    """Budget of the shown documents, in tokens of about four characters, shared equally."""
    feedback_prompt: Annotated[Prompt, Spec(load_prompt)] = Field(
        default_factory=lambda: load_prompt("genqr/keywords_feedback")
    )
    critic: Annotated[Critic, Spec(load_critic)] | None = None
    critic_threshold: int = Field(default=CRITIC_THRESHOLD, ge=0, le=MAX_GRADE)
    """The lowest grade that counts as relevant."""
    critic_when_none: Literal["none", "pseudo"] = "none"
    """What is shown if the critic finds nothing relevant: no document, or the top k."""
    oracle: Annotated[RelevanceOracle, Spec(load_qrels_oracle)] | None = None

    @model_validator(mode="after")
    def _feedback_has_its_actor(self) -> Context:
        if self.feedback == "critic" and self.critic is None:
            raise ValueError("feedback='critic' needs critic=...")
        if self.feedback == "oracle" and self.oracle is None:
            raise ValueError("feedback='oracle' needs oracle=...")
        return self


class Input(TypedDict):
    """A query to rewrite."""

    query: str
    qid: NotRequired[str]


class Reformulation(TypedDict):
    """What one instruction gave."""

    index: int
    instruction: str
    keywords: list[str]
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Weighted(TypedDict):
    """A weighted query as JSON: see `WeightedQuery`."""

    terms: dict[str, float]
    text: str


class Output(TypedDict):
    """Rankings, and how they came about.

    `feedback` holds every document that was looked at for feedback; those with `used` were shown to the solver.

    `hits` and `baseline` are `[docid, score]` pairs, best first. `queries` holds the one expanded query of an ensemble,
    or in fusion one an instruction. The row's `outcome` is the worst that befell an instruction if that was a failure
    (`error`, `timeout`, `limit`), else `ok` if any instruction gave keywords, else what befell most of them.
    """

    feedback: list[Feedback]
    reformulations: list[Reformulation]
    queries: list[Weighted]
    hits: list[tuple[str, float]]
    baseline: list[tuple[str, float]]
    outcome: str
    reason: str


class State(Input):
    """What the nodes share; `context` is the feedback documents' text as the solver sees it."""

    feedback: list[Feedback]
    context: str
    reformulations: Annotated[list[Reformulation], operator.add]
    queries: list[Weighted]
    hits: list[tuple[str, float]]
    baseline: list[tuple[str, float]]
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    feedback: list[Feedback]
    context: str
    reformulations: list[Reformulation]
    queries: list[Weighted]
    hits: list[tuple[str, float]]
    baseline: list[tuple[str, float]]
    outcome: str
    reason: str


class Branch(TypedDict):
    """One instruction's share of the work."""

    query: str
    context: str
    index: int


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """Choose the feedback documents, if any are wanted."""
    context = check(runtime.context, Context)
    chosen = await look(state, context)
    documents = await context.retriever.documents(genqr_feedback.used(chosen))
    return {"feedback": chosen, "context": genqr_feedback.quote(documents, context.feedback_tokens)}


async def look(state: State, context: Context) -> list[Feedback]:
    """Have the one who chooses look at documents."""
    query, k = state["query"], context.feedback_k
    if context.feedback == "none":
        return []
    if context.feedback == "oracle" and context.oracle is not None:
        return await genqr_feedback.oracle(context.oracle, state.get("qid", ""), k, context.retriever)
    pool = k if context.feedback == "pseudo" else max(k, context.feedback_pool)
    documents = await genqr_feedback.first_search(context.retriever, query, pool)
    if context.feedback == "critic" and context.critic is not None:
        return await genqr_feedback.critic(
            context.critic,
            query,
            documents,
            k=k,
            threshold=context.critic_threshold,
            when_none=context.critic_when_none,
        )
    if context.feedback == "human":
        return genqr_feedback.human(query, documents, k)
    return genqr_feedback.pseudo(documents, k)


def fan_out(state: State, runtime: Runtime[Context]) -> list[Send]:
    """One branch an instruction."""
    count = len(runtime.context.instructions)
    query, context = state["query"], state["context"]
    return [Send("reformulate", Branch(query=query, context=context, index=index)) for index in range(count)]


async def reformulate(state: Branch, runtime: Runtime[Context]) -> Update:
    """Ask for keywords by one instruction."""
    context = runtime.context
    instruction = context.instructions[state["index"]]
    structured = Structured(json_schema=KEYWORDS_SCHEMA) if context.reply == "json" else None
    fields = {"instruction": instruction, "query": state["query"], "form": FORMS[context.reply]}
    prompt = context.prompt
    if state["context"]:
        prompt, fields["context"] = context.feedback_prompt, state["context"]
    solution = await context.solver.solve(prompt, fields, sampling=context.sampling, structured=structured)
    return {"reformulations": [read(solution, state["index"], instruction, context.reply)]}


def read(solution: Solution, index: int, instruction: str, form: str) -> Reformulation:
    """Parse a solution; one that holds no keyword is `unparsed`, unless it ended in some other way already."""
    keywords: list[str] = []
    outcome, reason = solution.outcome, solution.reason
    if outcome is Outcome.OK:
        parsed = parse_keywords_json(solution.text) if form == "json" else parse_keywords(solution.text)
        if parsed:
            keywords = parsed
        else:
            outcome, reason = Outcome.UNPARSED, f"no keywords in {solution.text!r:.80}"
    return Reformulation(
        index=index,
        instruction=instruction,
        keywords=keywords,
        outcome=outcome,
        reason=reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


@on_error
async def lose(state: Branch, runtime: Runtime[Context], error: NodeError) -> Command[Literal["combine"]]:
    """Turn a failed call into a record. A bug is raised again, and so is a model that cannot be reached at all.

    A handler does not follow its node's edges, so it names the next node itself: else a row whose every instruction
    failed would end here.
    """
    if not isinstance(error.error, ModelError | LimitReached) or isinstance(error.error, ModelUnavailable):
        raise_again(error)
    lost = Reformulation(
        index=state["index"],
        instruction=runtime.context.instructions[state["index"]],
        keywords=[],
        outcome=outcome_of(error.error),
        reason=str(error.error),
        usage={},
        provenance={},
    )
    return Command(update=Update(reformulations=[lost]), goto="combine")


async def combine_keywords(state: State, runtime: Runtime[Context]) -> Update:
    """Make the weighted queries: one for all keywords, or in fusion one an instruction."""
    context = runtime.context
    reformulations = state["reformulations"]
    indices = [reformulation["index"] for reformulation in reformulations]
    if sorted(indices) != list(range(len(context.instructions))):
        raise RuntimeError(f"each instruction must have run exactly once; these did: {indices}")
    lists = [reformulation["keywords"] for reformulation in reformulations]
    groups = [lists] if context.mode == "ensemble" else [[keywords] for keywords in lists]
    queries = [
        combine(
            state["query"],
            group,
            context.retriever.analyze,
            combination=context.combination,
            mixing=context.mixing,
            damping=context.damping,
            max_terms=context.max_terms,
        )
        for group in groups
    ]
    outcome, reason = summarise(reformulations)
    weighted = [Weighted(terms=dict(query.terms), text=query.text) for query in queries]
    return {"queries": weighted, "outcome": outcome, "reason": reason}


def summarise(reformulations: list[Reformulation]) -> tuple[Outcome, str]:
    """The row's outcome out of its instructions': see `Output`."""
    counts = Counter(Outcome(reformulation["outcome"]) for reformulation in reformulations)
    for failure in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.LIMIT):
        if counts[failure]:
            first = next(one["reason"] for one in reformulations if one["outcome"] == failure)
            return failure, f"{counts[failure]} of {counts.total()} instructions; the first: {first}"
    if counts[Outcome.OK]:
        return Outcome.OK, ""
    worst, count = counts.most_common(1)[0]
    return worst, f"{count} of {counts.total()} instructions; the original query was searched with alone"


async def retrieve(state: State, runtime: Runtime[Context]) -> Update:
    """Search with every query, the original one among them if a baseline is wanted, and fuse."""
    context = runtime.context
    queries = [WeightedQuery(query["terms"], query["text"]) for query in state["queries"]]
    if context.baseline:
        queries.append(WeightedQuery.from_text(state["query"], context.retriever.analyze))
    rankings = await context.retriever.search(queries, context.depth)
    baseline = rankings.pop() if context.baseline else []
    hits = rankings[0] if context.mode == "ensemble" else fuse(rankings, context)
    return {"hits": list(hits), "baseline": list(baseline)}


def fuse(rankings: list[list[Hit]], context: Context) -> list[Hit]:
    """One ranking out of the instructions' rankings, cut at `depth`."""
    if context.fusion == "rrf":
        return rrf(rankings, k=context.rrf_k)[: context.depth]
    combine_scores = combsum if context.fusion == "combsum" else combmnz
    return combine_scores(rankings, normalize=context.normalize)[: context.depth]


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("gather", gather)
    builder.add_node("reformulate", reformulate, error_handler=lose)
    builder.add_node("combine", combine_keywords)
    builder.add_node("retrieve", retrieve)
    builder.add_edge(START, "gather")
    builder.add_conditional_edges("gather", fan_out, ["reformulate"])
    builder.add_edge("reformulate", "combine")
    builder.add_edge("combine", "retrieve")
    builder.add_edge("retrieve", END)
    return builder


graph = build().compile(checkpointer=False, name="genqr")
