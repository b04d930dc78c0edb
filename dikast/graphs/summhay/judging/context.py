"""The judging graph's knobs and actor (`Context`), and what goes into it and comes out. Light: it loads no engine."""

from __future__ import annotations

import operator
from typing import Annotated, NotRequired

from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import SamplingOf
from dikast.graphs.summhay.coverage.roles import CoverageJudge
from dikast.graphs.summhay.judging.records import Judged, Sought
from dikast.wire import CONTEXT, Spec

JUDGING = Sampling(max_tokens=256)
"""Greedy, since a verdict is a measurement. A verdict has 20 tokens; what is left is for a few thoughts."""


class Context(BaseModel):
    """Who judges, and how."""

    model_config = CONTEXT

    judge: Annotated[CoverageJudge, Spec("dikast.graphs.summhay.coverage.load:load_coverage_judge", model=True)]
    """Says which insights a summary covers: a model, batch+MODEL for one call a summary, words, encoder,
    ladder+MODEL, recorded:FILE."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of verdicts."""


class Input(TypedDict):
    """A summary's lines, and the insights that it is searched for: one, or all of a subtopic."""

    bullets: list[str]
    insights: list[Sought]
    topic_id: NotRequired[str]
    subtopic_id: NotRequired[str]
    system: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """A verdict an insight, in their order.

    The row's `outcome` is the worst failure (`error`, `timeout`, `limit`) that befell a verdict, else `ok` if every
    insight has its coverage, else what befell most of those that have none.
    """

    verdicts: list[Judged]
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    verdicts: Annotated[list[Judged], operator.add]
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    verdicts: list[Judged]
    outcome: str
    reason: str
