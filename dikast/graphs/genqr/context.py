"""GenQR's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast genqr run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt, load_lines, load_prompt
from dikast.agents.roles import MAX_GRADE, Critic, Judge, RelevanceOracle, Solver
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.genqr.presets import PAPER_SAMPLING
from dikast.graphs.genqr.records import (
    NEEDS_INDEX,
    By,
    Feedback,
    Form,
    Kind,
    Reformulation,
    Said,
    Selection,
    Weighted,
)
from dikast.retrieval.combine import QUERYGYM_REPEATS, Combination, Damping
from dikast.retrieval.fusion import RRF_K, Normalization
from dikast.retrieval.retriever import Retriever
from dikast.wire import CONTEXT, Spec

FEEDBACK, CHOICE = "Feedback", "Choice"
"""Panels of `dikast genqr run --help`."""

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


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Writes the keywords."""
    retriever: Annotated[Retriever, Spec("dikast.retrieval.load:load_retriever"), Flag(panel="Input")]
    """Searches before and after; another than BM25 over --corpus."""
    mode: Literal["ensemble", "fusion"] = "ensemble"
    """One search with all keywords, or one an instruction, fused."""
    instructions: Annotated[tuple[str, ...], NoFlag("--instructions names a file of them, -n takes the first few")] = (
        Field(default_factory=lambda: load_lines("genqr/instructions"), min_length=1, max_length=MAX_INSTRUCTIONS)
    )
    """What the solver is asked, each apart."""
    samples: int = Field(default=1, ge=1)
    """Replies drawn for each instruction."""
    plan: Annotated[Prompt, Spec(load_prompt)] | None = None
    """Asked first; the lines of its reply, `planned` at most, take the instructions' place."""
    planned: int = Field(default=3, ge=1, le=MAX_INSTRUCTIONS)
    """Lines of the plan's reply that are asked about at most."""
    prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("genqr/keywords"))
    """How an instruction is put to the solver."""
    reply: Form = "text"
    """Form of the model's reply; `json` is held to a schema by the engine, a `passage` is used as it is."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = PAPER_SAMPLING
    """Of the solver's replies."""
    combination: Combination = "paper"
    """How keywords join the query; see docs/methods/genqr.md."""
    mixing: float = Field(default=MIXING, ge=0, lt=1)
    """The keywords' share of the weight in `mix`."""
    damping: Damping = "sqrt"
    """What repeated keywords count in `mix`."""
    repeats: int = Field(default=QUERYGYM_REPEATS, ge=1)
    """Copies of the query in `querygym` and `dedup`."""
    max_terms: int = Field(default=MAX_TERMS, ge=1)
    """Expansion terms at most."""
    distinct: Annotated[float | None, Flag(panel=CHOICE)] = Field(default=None, gt=0, le=1)
    """Reformulations whose terms resemble an earlier one's this much (Jaccard) are left out."""
    select: Annotated[By, Flag(panel=CHOICE)] = "none"
    """What decides which reformulations are kept; sees no judgments. See `dikast.graphs.genqr.selection`."""
    keep: Annotated[int, Flag(panel=CHOICE)] = Field(default=1, ge=1)
    """How many reformulations `select` keeps: one is selection, more is filtering."""
    evidence_weights: Annotated[dict[str, float] | None, NoFlag("--select-weights names a file of them")] = None
    """Of the features of `evidence`, learnt on judged queries; the ones that ship with dikast by default."""
    judge: Annotated[Judge, Spec("dikast.agents.judge:load_judge", model=True)] | None = None
    """Scores what a reformulation finds, where `select` is judge; json+SPEC, logprobs+SPEC."""
    refine: Annotated[Prompt, Spec(load_prompt)] | None = None
    """Asked with all that was kept; its reply takes the place of that. For `ensemble` only."""
    fluent: bool = False
    """Whether one fluent query is written for people, too; it is not searched with."""
    fusion: Literal["rrf", "combsum", "combmnz"] = "rrf"
    """How rankings join in the mode `fusion`."""
    rrf_k: float = Field(default=RRF_K, gt=-1)
    """The k of `rrf`; ranks count from 1."""
    normalize: Normalization = "minmax"
    """What is done to the scores before `combsum` and `combmnz`; the authors' script sums raw BM25 scores: none."""
    weights: tuple[float, ...] = ()
    """Of the fused rankings: one a reformulation, then one for the original query if it takes part; all 1 if empty."""
    with_original: bool = False
    """Whether the original query takes part: as one more ranking to fuse, as one more candidate of `select`."""
    depth: int = Field(default=DEPTH, ge=1)
    """Documents a ranking keeps."""
    baseline: bool = True
    """Whether the original query is searched with as well, for comparison."""
    feedback: Annotated[Kind, Flag(panel=FEEDBACK)] = "none"
    """Who chooses documents to show the solver; oracle reads --qrels, human asks you."""
    feedback_k: Annotated[int, Flag(panel=FEEDBACK)] = Field(default=FEEDBACK_K, ge=1)
    """Documents shown at most."""
    feedback_pool: Annotated[int, Flag(panel=FEEDBACK)] = Field(default=FEEDBACK_POOL, ge=1)
    """Documents of the first search that a critic or a person looks at."""
    feedback_tokens: Annotated[int, Flag(panel=FEEDBACK)] = Field(default=FEEDBACK_TOKENS, ge=1)
    """Budget of the shown documents, in tokens of about four characters, shared equally."""
    feedback_prompt: Annotated[Prompt, Spec(load_prompt), Flag(panel=FEEDBACK)] = Field(
        default_factory=lambda: load_prompt("genqr/keywords_feedback")
    )
    """The same as `prompt`, with feedback documents."""
    both: Annotated[bool, Flag(panel=FEEDBACK)] = False
    """Whether everything is asked without the feedback documents as well as with them."""
    critic: Annotated[Critic, Spec("dikast.agents.critic:load_critic", model=True)] | None = None
    """Grades documents, where `feedback` is critic; list+SPEC grades all in one call."""
    critic_threshold: Annotated[int, Flag(panel=FEEDBACK)] = Field(default=CRITIC_THRESHOLD, ge=0, le=MAX_GRADE)
    """The lowest grade that counts as relevant."""
    critic_when_none: Annotated[Literal["none", "pseudo"], Flag(panel=FEEDBACK)] = "none"
    """What is shown if the critic finds nothing relevant: no document, or the top k."""
    oracle: (
        Annotated[
            RelevanceOracle, Spec("dikast.retrieval.oracle:load_qrels_oracle"), NoFlag("--qrels names its judgments")
        ]
        | None
    ) = None
    """Knows the relevant documents, where `feedback` is oracle."""

    @model_validator(mode="after")
    def _actors_are_there(self) -> Context:
        if self.feedback == "critic" and self.critic is None:
            raise ValueError("feedback='critic' needs critic=...")
        if self.feedback == "oracle" and self.oracle is None:
            raise ValueError("feedback='oracle' needs oracle=...")
        if self.select == "judge" and self.judge is None:
            raise ValueError("select='judge' needs judge=...")
        if self.select in NEEDS_INDEX:
            from dikast.retrieval.native import index_of

            if index_of(self.retriever) is None:
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
        if self.evidence_weights is not None:
            from dikast.retrieval.relevance import FEATURES

            if set(self.evidence_weights) != set(FEATURES):
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
    `selection` says which reformulations were kept and why, `None` if all were; `plan`, `refined` and `fluent`
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
    of the reformulations that were kept (-1: the original query), `lists` their keywords.
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
