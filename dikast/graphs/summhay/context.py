"""SummHay's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast summhay run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated

from pydantic import BaseModel, Field, field_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.prompt import Prompt, load_prompt
from dikast.agents.roles import Solver
from dikast.flags import Flag, NoFlag, SamplingOf
from dikast.graphs.summhay.coverage.roles import CoverageJudge
from dikast.graphs.summhay.haystack import HaystackSource
from dikast.graphs.summhay.judging.context import JUDGING
from dikast.graphs.summhay.judging.records import Judged, Sought
from dikast.graphs.summhay.ranking import Ranker, load_ranker
from dikast.graphs.summhay.records import Attempt, Given, RowScores, Scored
from dikast.graphs.summhay.selection import Order
from dikast.wire import CONTEXT, Spec

BUDGET = 15_000
"""The authors' budget of retrieved tokens; theirs are one vendor's, here the model's own."""

WORDS = 300
"""What the authors allow a summary."""

TRIES = 2
MAX_TRIES = 8

SUMMARISING = Sampling(max_tokens=1000, seed=0)
"""Greedy; the authors' bound on a reply's length."""


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    haystacks: tuple[
        Annotated[HaystackSource, Spec("dikast.graphs.summhay.haystack:HaystackFile"), NoFlag("made of --haystack")],
        ...,
    ] = Field(min_length=1)
    """Where the documents, subtopics and insights are."""
    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Writes the summaries."""
    judge: Annotated[CoverageJudge, Spec("dikast.graphs.summhay.coverage.load:load_coverage_judge", model=True)]
    """Says which insights a summary covers: SPEC, one call an insight; batch+SPEC, one a summary; ladder+SPEC, a model
    for the uncertain alone; words, none."""
    retriever: Annotated[Ranker, Spec(load_ranker), Flag(metavar="RANKER")] = Field(
        default_factory=lambda: load_ranker("bm25")
    )
    """What chooses documents: bm25, rm3, dense, keyword, hybrid:bm25+dense, random, oracle, full, file:NAME, or a
    retriever of 'dikast search'."""
    budget: Annotated[int | None, Flag(metavar="TOKENS", nothing="none")] = Field(default=BUDGET, ge=1)
    """Tokens of documents that are shown; none for no bound."""
    order: Order = "best-first"
    """Of the documents shown; given is the file's. With --retriever oracle --budget none, a study of positions."""
    words: int = Field(default=WORDS, ge=1)
    """Words that a summary is allowed."""
    tries: int = Field(default=TRIES, ge=1, le=MAX_TRIES)
    """Summaries asked for at most, where one has not the number of bullets asked for; the nearest is taken."""
    summarising: Annotated[Sampling, SamplingOf("solver")] = SUMMARISING
    """Of the summaries."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of the verdicts."""
    prompt: Annotated[Prompt, Spec(load_prompt)] = Field(default_factory=lambda: load_prompt("summhay/summarise"))
    """How a summary is asked for."""
    again_prompt: Annotated[Prompt, Spec(load_prompt)] = Field(
        default_factory=lambda: load_prompt("summhay/summarise_again")
    )
    """The same from the second time on."""

    @field_validator("retriever", mode="before")
    @classmethod
    def _around_a_retriever(cls, value: object) -> object:
        return value if isinstance(value, str) else load_ranker(value)


class Input(TypedDict):
    """A subtopic of one of the context's haystacks, by their ids."""

    topic_id: str
    subtopic_id: str


class Output(TypedDict):
    """The summary, what it was made from, what the judge says, and what it is worth.

    `documents` are those shown, in their order; `counted_by` says whose tokens are counted: the model's (`model`), or
    those of a rule of thumb (`characters`). `bullets` are the nearest attempt's, no more than `wanted`. `scored` is
    what a run's pooled scores are made of. The row's `outcome` is the worst failure (`error`, `timeout`, `limit`) that
    befell a call, else that of the summary, else `unparsed` where a verdict is missing.
    """

    documents: list[Given]
    counted_by: str
    wanted: int
    attempts: list[Attempt]
    bullets: list[str]
    unknown_citations: int
    verdicts: list[Judged]
    scores: RowScores
    scored: Scored
    domain: str
    outcome: str
    reason: str


class State(Input):
    """What the nodes share. `texts` are those of `documents`; `insights` is what the judge looks for."""

    documents: list[Given]
    texts: list[str]
    counted_by: str
    wanted: int
    attempts: Annotated[list[Attempt], operator.add]
    bullets: list[str]
    unknown_citations: int
    insights: list[Sought]
    verdicts: Annotated[list[Judged], operator.add]
    scores: RowScores
    scored: Scored
    domain: str
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    documents: list[Given]
    texts: list[str]
    counted_by: str
    wanted: int
    attempts: list[Attempt]
    bullets: list[str]
    unknown_citations: int
    insights: list[Sought]
    verdicts: list[Judged]
    scores: RowScores
    scored: Scored
    domain: str
    outcome: str
    reason: str
