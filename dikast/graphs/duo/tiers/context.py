"""The study's knobs and actors (`Context`), and what goes into its graph and comes out. Light: loads no engine."""

from __future__ import annotations

import operator
from typing import Annotated, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import MethodSampling, Sampling
from dikast.evaluation.answers import Form
from dikast.flags import Flag, SamplingOf
from dikast.graphs.duo.tiers.records import Best, Call
from dikast.graphs.duo.tiers.roles import TierSolver
from dikast.wire import CONTEXT, Spec

ANSWERING = MethodSampling(max_tokens=512, temperature=0.7, seed=0)
"""Drawn, not greedy: whether a reply is right is then an event that a second sample can be held against."""
MOST_STEPS = 3
"""27 plans; with `revise` 14 calls a sample."""
PRICES, REPORT = "Prices", "Report"
"""Headings of flags."""


class Context(BaseModel):
    """Who takes part, and the study's knobs."""

    model_config = CONTEXT

    small: Annotated[TierSolver, Spec("dikast.graphs.duo.tiers.roles:load_small", model=True)]
    """The cheap model."""
    big: Annotated[TierSolver, Spec("dikast.graphs.duo.tiers.roles:load_big", model=True)]
    """The dear one."""
    steps: int = Field(default=2, ge=1, le=MOST_STEPS)
    """Decisions a question: at each the small model is asked, the big one, or nobody. With 1 the router knows the
    question alone; with 2 it can ask the small model first and look at its reply."""
    revise: bool = False
    """Show a later step the solution so far, to check and rewrite; without it every call sees the question alone."""
    samples: int = Field(default=2, ge=1, le=16)
    """Replies of each tier to a question. With 2 or more the oracle is also cross-fitted: its plan is chosen by some
    of them, and scored on another."""
    check: Form = "numeric"
    """When an answer is right: by the number, by the letter of a choice, by the exact text."""
    confidence: bool = True
    """Ask for the log-probabilities of replies, which the router looks at; not every server gives them."""
    small_price: Annotated[float, Flag(panel=PRICES)] = Field(default=1.0, ge=0)
    """Of 1,000 tokens, read or written, in any unit."""
    big_price: Annotated[float, Flag(panel=PRICES)] = Field(default=10.0, gt=0)
    """The same of the big model."""
    budget: Annotated[float, Flag(panel=REPORT)] = Field(
        default=0.5, ge=0, le=1, json_schema_extra={"fingerprint": False}
    )
    """What questions may cost on average at most, as a share of asking the big model once each."""
    folds: Annotated[int, Flag(panel=REPORT)] = Field(default=5, ge=2, le=50, json_schema_extra={"fingerprint": False})
    """Parts of the questions: each is routed by a router that has learnt on the others."""
    seed: int = 0
    """Of folds and permutations."""
    small_sampling: Annotated[Sampling, SamplingOf("small")] = ANSWERING
    """Of the small model; each sample raises the seed by one."""
    big_sampling: Annotated[Sampling, SamplingOf("big")] = ANSWERING
    """Of the big one."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        for name, sampling in (("small", self.small_sampling), ("big", self.big_sampling)):
            if self.samples > 1 and sampling.temperature == 0:
                raise ValueError(f"samples={self.samples} of the {name} model at temperature 0 are all the same")
        return self


class Input(TypedDict):
    """A question, and its gold answer, which no tier is told. `cached` is an answer that is there for nothing."""

    question: str
    answer: str
    cached: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """Every call that some plan needs, and the oracle's plans.

    `calls` are ordered by sample and state. `cached_right` is whether the answer that the row brought is the gold one;
    `None` where it brought none. `oracle` holds, for each sample in which some plan is right, the cheapest that is.
    The row's `outcome` is the gravest failure of a call, else `ok`.
    """

    calls: list[Call]
    cached_right: bool | None
    oracle: list[Best]
    outcome: str
    reason: str


class State(Input):
    """What the nodes share; `made` are calls in the order in which they came."""

    made: Annotated[list[Call], operator.add]
    calls: list[Call]
    cached_right: bool | None
    oracle: list[Best]
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    made: list[Call]
    calls: list[Call]
    cached_right: bool | None
    oracle: list[Best]
    outcome: str
    reason: str
