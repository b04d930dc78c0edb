"""GenQR: a query is rewritten by several instructions at once, then searched with.

A language model is given N paraphrases of one instruction ("propose terms to expand the query with"), each apart, with
or without documents of a first search as context. Its keywords either expand the query together (*ensemble*: one
search) or one instruction at a time (*fusion*: N searches, one fused ranking).

Paper: Dhole, Agichtein: GenQREnsemble, ECIR 2024; Dhole, Chandradevan, Agichtein: arXiv 2405.17658 (fusion).

    context = genqr.Context(solver="openvino:smollm2-135m", retriever="bm25:corpus.jsonl")
    result = await genqr.graph.ainvoke({"query": "car will not start"}, context=context)

Rivals are settings of the same graph: `genqr.Context(..., **genqr.preset("query2doc"))`; see `genqr_methods`.

```mermaid
graph TD
    __start__ --> gather
    gather --> plan
    plan -.-> reformulate
    plan -.-> sift
    reformulate --> sift
    sift --> polish
    polish --> combine
    combine --> retrieve
    retrieve --> __end__
```

Not here: scores. Measures are computed from the rankings; judgments are seen by an oracle alone, if there is one.
"""

from __future__ import annotations

import operator
from itertools import product
from typing import Annotated, Literal, NotRequired

from langgraph.errors import NodeError
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from pydantic import BaseModel, Field, FiniteFloat, model_validator
from typing_extensions import TypedDict

from dikast.agents.critic import load_critic
from dikast.agents.judge import load_judge
from dikast.agents.keywords import KEYWORDS_SCHEMA
from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt, load_lines, load_prompt
from dikast.agents.roles import MAX_GRADE, Critic, Judge, RelevanceOracle, Solver
from dikast.agents.solver import load_solver
from dikast.errors import LimitReached, ModelError, ModelUnavailable
from dikast.graphs import genqr_feedback, genqr_sift
from dikast.graphs.genqr_feedback import Feedback
from dikast.graphs.genqr_methods import PAPER_SAMPLING, preset
from dikast.graphs.genqr_records import (
    FORMS,
    Form,
    Reformulation,
    Said,
    Selection,
    Weighted,
    consult,
    lost,
    parse,
    planned,
    read,
    summarise,
)
from dikast.graphs.genqr_search import expand, fuse, listed
from dikast.records import Outcome
from dikast.retrieval.combine import QUERYGYM_REPEATS, Combination, Damping
from dikast.retrieval.fusion import RRF_K, Normalization
from dikast.retrieval.oracle import load_qrels_oracle
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import FEATURES
from dikast.retrieval.retriever import Retriever, load_retriever
from dikast.wire import Spec, check, on_error, raise_again

__all__ = ["FORMS", "PAPER_SAMPLING", "Context", "Input", "Output", "State", "Update", "build", "graph", "preset"]

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


class Context(BaseModel, frozen=True, extra="forbid", arbitrary_types_allowed=True):
    """Who takes part, and the method's knobs."""

    solver: Annotated[Solver, Spec(load_solver)]
    retriever: Annotated[Retriever, Spec(load_retriever)]
    mode: Literal["ensemble", "fusion"] = "ensemble"
    instructions: tuple[str, ...] = Field(
        default_factory=lambda: load_lines("genqr/instructions"), min_length=1, max_length=MAX_INSTRUCTIONS
    )
    samples: int = Field(default=1, ge=1)
    """Replies drawn for each instruction."""
    plan: Annotated[Prompt, Spec(load_prompt)] | None = None
    """Asked first; the lines of its reply, `planned` at most, take the instructions' place."""
    planned: int = Field(default=3, ge=1, le=MAX_INSTRUCTIONS)
    prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("genqr/keywords"))
    reply: Form = "text"
    """Form of the model's reply; `json` is held to a schema by the engine, a `passage` is used as it is."""
    sampling: Sampling = PAPER_SAMPLING
    combination: Combination = "paper"
    mixing: float = Field(default=MIXING, ge=0, lt=1)
    damping: Damping = "sqrt"
    repeats: int = Field(default=QUERYGYM_REPEATS, ge=1)
    """Copies of the query in `querygym` and `dedup`."""
    max_terms: int = Field(default=MAX_TERMS, ge=1)
    distinct: float | None = Field(default=None, gt=0, le=1)
    """Reformulations whose terms resemble an earlier one's this much (Jaccard) are left out."""
    select: genqr_sift.By = "none"
    """What decides which reformulations are kept: see `dikast.graphs.genqr_sift`."""
    keep: int = Field(default=1, ge=1)
    """How many reformulations `select` keeps: one is selection, more is filtering."""
    evidence_weights: dict[str, FiniteFloat] | None = None
    """Of the features of `evidence`, learnt on judged queries; the ones that ship with dikast by default."""
    judge: Annotated[Judge, Spec(load_judge)] | None = None
    refine: Annotated[Prompt, Spec(load_prompt)] | None = None
    """Asked with all that was kept; its reply takes the place of that. For `ensemble` only."""
    fluent: bool = False
    """Whether one fluent query is written for people, too; it is not searched with."""
    fusion: Literal["rrf", "combsum", "combmnz"] = "rrf"
    rrf_k: float = Field(default=RRF_K, gt=-1, allow_inf_nan=False)
    normalize: Normalization = "none"
    """What is done to the scores before `combsum` and `combmnz`; the authors' script sums raw BM25 scores."""
    weights: tuple[FiniteFloat, ...] = ()
    """Of the fused rankings: one a reformulation, then one for the original query if it takes part; all 1 if empty."""
    with_original: bool = False
    """Whether the original query takes part: as one more ranking to fuse, as one more candidate of `select`."""
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
    both: bool = False
    """Whether everything is asked without the feedback documents as well as with them."""
    critic: Annotated[Critic, Spec(load_critic)] | None = None
    critic_threshold: int = Field(default=CRITIC_THRESHOLD, ge=0, le=MAX_GRADE)
    """The lowest grade that counts as relevant."""
    critic_when_none: Literal["none", "pseudo"] = "none"
    """What is shown if the critic finds nothing relevant: no document, or the top k."""
    oracle: Annotated[RelevanceOracle, Spec(load_qrels_oracle)] | None = None

    @model_validator(mode="after")
    def _actors_are_there(self) -> Context:
        if self.feedback == "critic" and self.critic is None:
            raise ValueError("feedback='critic' needs critic=...")
        if self.feedback == "oracle" and self.oracle is None:
            raise ValueError("feedback='oracle' needs oracle=...")
        if self.select == "judge" and self.judge is None:
            raise ValueError("select='judge' needs judge=...")
        if self.select in genqr_sift.NEEDS_INDEX and genqr_sift.index_of(self.retriever) is None:
            raise ValueError(f"select={self.select!r} looks into a bm25: or rm3: index; try 'agreement' or 'judge'")
        return self

    @model_validator(mode="after")
    def _knobs_fit_together(self) -> Context:
        if self.reformulations > MAX_INSTRUCTIONS:
            raise ValueError(f"{self.reformulations} reformulations of a query: {MAX_INSTRUCTIONS} at most")
        for prompt in (self.prompt, self.feedback_prompt):
            if unknown := sorted(prompt.fields - {"context", "instruction", "query", "form"}):
                raise ValueError(f"prompt {prompt.name!r} declares {', '.join(unknown)}, which GenQR has no value for")
        if self.refine is not None and self.mode == "fusion":
            raise ValueError("refine=... leaves one text: there is nothing to fuse")
        if self.evidence_weights is not None and set(self.evidence_weights) != set(FEATURES):
            raise ValueError(f"evidence_weights=... has to name these features: {', '.join(FEATURES)}")
        if self.weights and self.mode == "ensemble":
            raise ValueError("weights=... are those of rankings to fuse: mode='fusion'")
        if self.weights and len(self.weights) != (rankings := self.reformulations + self.with_original):
            raise ValueError(f"{len(self.weights)} weights for {rankings} rankings")
        return self

    @property
    def reformulations(self) -> int:
        """Reformulations of a query: fewer where there is no feedback document, or a plan is short."""
        asked = len(self.instructions) if self.plan is None else self.planned
        return asked * self.samples * (2 if self.both else 1)


class Input(TypedDict):
    """A query to rewrite."""

    query: str
    qid: NotRequired[str]


class Output(TypedDict):
    """Rankings, and how they came about.

    `feedback` holds every document that was looked at for feedback; those with `used` were shown to the solver.
    `selection` says which reformulations were gone on with and why, `None` if all were; `plan`, `refined` and `fluent`
    are single replies, `None` where none was asked for.

    `hits` and `baseline` are `[docid, score]` pairs, best first. `queries` holds the one expanded query of an ensemble,
    or in fusion one a reformulation. The row's `outcome` is the worst that befell a call if that was a failure
    (`error`, `timeout`, `limit`), else `ok` if any instruction gave keywords, else what befell most of them.
    """

    feedback: list[Feedback]
    plan: Said | None
    reformulations: list[Reformulation]
    selection: Selection | None
    refined: Said | None
    fluent: Said | None
    queries: list[Weighted]
    hits: list[tuple[str, float]]
    baseline: list[tuple[str, float]]
    outcome: str
    reason: str


class State(Input):
    """What the nodes share.

    `context` is the feedback documents' text as the solver sees it, `instructions` what it is asked, `kept` the indices
    of the reformulations that are gone on with (-1: the original query), `lists` their keywords.
    """

    feedback: list[Feedback]
    context: str
    plan: Said | None
    instructions: list[str]
    reformulations: Annotated[list[Reformulation], operator.add]
    selection: Selection | None
    kept: list[int]
    lists: list[list[str]]
    refined: Said | None
    fluent: Said | None
    queries: list[Weighted]
    hits: list[tuple[str, float]]
    baseline: list[tuple[str, float]]
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    feedback: list[Feedback]
    context: str
    plan: Said | None
    instructions: list[str]
    reformulations: list[Reformulation]
    selection: Selection | None
    kept: list[int]
    lists: list[list[str]]
    refined: Said | None
    fluent: Said | None
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
    instruction: str
    sample: int


async def gather(state: State, runtime: Runtime[Context]) -> Update:
    """Choose the feedback documents, if any are wanted."""
    context = check(runtime.context, Context)
    chosen = await genqr_feedback.look(state["query"], state.get("qid", ""), context)
    documents = await context.retriever.documents(genqr_feedback.used(chosen))
    return {"feedback": chosen, "context": genqr_feedback.quote(documents, context.feedback_tokens)}


async def plan(state: State, runtime: Runtime[Context]) -> Update:
    """Say what the solver is asked: the instructions, or what a first call makes of the query."""
    context = runtime.context
    if context.plan is None:
        return {"plan": None, "instructions": list(context.instructions)}
    said = await consult(context.solver, context.plan, {"query": state["query"]}, context.sampling)
    told, lines = planned(said, context.planned)
    return {"plan": told, "instructions": lines}


def branches(state: State, context: Context) -> list[Branch]:
    """Everything that is asked: contexts by instructions by samples."""
    contexts = ["", state["context"]] if context.both and state["context"] else [state["context"]]
    asked = product(contexts, state["instructions"], range(context.samples))
    return [
        Branch(query=state["query"], context=text, index=index, instruction=instruction, sample=sample)
        for index, (text, instruction, sample) in enumerate(asked)
    ]


def fan_out(state: State, runtime: Runtime[Context]) -> list[Send] | Literal["sift"]:
    """One branch an instruction and sample; none if a plan came to nothing."""
    return [Send("reformulate", branch) for branch in branches(state, runtime.context)] or "sift"


async def reformulate(state: Branch, runtime: Runtime[Context]) -> Update:
    """Ask for keywords by one instruction."""
    context = runtime.context
    prompt = context.feedback_prompt if state["context"] else context.prompt
    known = {
        "context": state["context"],
        "instruction": state["instruction"],
        "query": state["query"],
        "form": FORMS[context.reply],
    }
    solution = await context.solver.solve(
        prompt,
        {name: text for name, text in known.items() if name in prompt.fields},
        sampling=context.sampling,
        structured=Structured(json_schema=KEYWORDS_SCHEMA) if context.reply == "json" else None,
        sample=state["sample"],
    )
    return {"reformulations": [read(solution, state["index"], state["instruction"], context.reply)]}


@on_error
async def lose(state: Branch, error: NodeError) -> Command[Literal["sift"]]:
    """Turn a failed call into a record. A bug is raised again, and so is a model that cannot be reached at all.

    A handler does not follow its node's edges, so it names the next node itself: else a row whose every instruction
    failed would end here.
    """
    if not isinstance(error.error, ModelError | LimitReached) or isinstance(error.error, ModelUnavailable):
        raise_again(error)
    return Command(update=Update(reformulations=[lost(state["index"], state["instruction"], error)]), goto="sift")


async def sift(state: State, runtime: Runtime[Context]) -> Update:
    """Leave near-duplicates out, then keep the best, if that is wanted."""
    context, made = runtime.context, state["reformulations"]
    expected = len(branches(state, context))
    if sorted(one["index"] for one in made) != list(range(expected)):
        raise RuntimeError(f"{expected} branches must have run exactly once each: {[one['index'] for one in made]}")
    selection = await genqr_sift.choose(state["query"], made, context)
    left_out = {one["index"] for one in selection["candidates"] if not one["kept"]} if selection else set[int]()
    every = [*range(expected), *genqr_sift.original(context)]
    kept = [index for index in every if index not in left_out]
    return {"selection": selection, "kept": kept, "lists": listed(made, kept)}


async def polish(state: State, runtime: Runtime[Context]) -> Update:
    """What is asked once all reformulations are there: a refined text to search with, a fluent query for people."""
    context = runtime.context
    written = "\n".join(", ".join(keywords) for keywords in state["lists"] if keywords)
    fields = {"query": state["query"], "generated": written}
    update = Update(refined=None, fluent=None)
    if context.refine is not None and written:
        said = await consult(context.solver, context.refine, fields, context.sampling)
        update["refined"] = said
        if said["outcome"] == Outcome.OK and (passage := parse(said["text"], "passage")):
            update["lists"] = [passage]
    if context.fluent and written:
        update["fluent"] = await consult(context.solver, load_prompt("genqr/fluent"), fields, context.sampling)
    return update


async def combine_keywords(state: State, runtime: Runtime[Context]) -> Update:
    """Make the weighted queries: one for all keywords, or in fusion one a reformulation."""
    queries = expand(state["query"], state["lists"], runtime.context)
    judged = state["selection"]["candidates"] if state["selection"] else []
    singles = {name: said for name in ("plan", "refined", "fluent") if (said := state[name])}
    others = [*singles.items(), *(("judge", one) for one in judged)]
    outcome, reason = summarise(
        state["reformulations"], [(name, one["outcome"], one["reason"]) for name, one in others]
    )
    weighted = [Weighted(terms=dict(query.terms), text=query.text) for query in queries]
    return {"queries": weighted, "outcome": outcome, "reason": reason}


async def retrieve(state: State, runtime: Runtime[Context]) -> Update:
    """Search with every query, the original one among them if a baseline is wanted, and fuse."""
    context = runtime.context
    queries = [WeightedQuery(query["terms"], query["text"]) for query in state["queries"]]
    if context.baseline:
        queries.append(WeightedQuery.from_text(state["query"], context.retriever.analyze))
    rankings = await context.retriever.search(queries, context.depth)
    baseline = rankings.pop() if context.baseline else []
    return {"hits": list(fuse(rankings, context, state["kept"])), "baseline": list(baseline)}


def build() -> StateGraph[State, Context, Input, Output]:
    """The graph, not yet compiled."""
    builder = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    builder.add_node("gather", gather)
    builder.add_node("plan", plan)
    builder.add_node("reformulate", reformulate, error_handler=lose)
    builder.add_node("sift", sift)
    builder.add_node("polish", polish)
    builder.add_node("combine", combine_keywords)
    builder.add_node("retrieve", retrieve)
    builder.add_edge(START, "gather")
    builder.add_edge("gather", "plan")
    builder.add_conditional_edges("plan", fan_out, ["reformulate", "sift"])
    builder.add_edge("reformulate", "sift")
    builder.add_edge("sift", "polish")
    builder.add_edge("polish", "combine")
    builder.add_edge("combine", "retrieve")
    builder.add_edge("retrieve", END)
    return builder


graph = build().compile(checkpointer=False, name="genqr")
