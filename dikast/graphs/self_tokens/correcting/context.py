"""The correcting graph's knobs and actors (`Context`), and what goes in and comes out. Light: loads no engine."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.self_tokens.correcting.records import Pass
from dikast.graphs.self_tokens.matching import Match
from dikast.graphs.self_tokens.roles import TokenSolver
from dikast.training.corrections import CUE
from dikast.wire import CONTEXT, Spec

SPEAKING = Sampling(max_tokens=512)
"""Greedy: an answer is to be as good as it can be."""


class Context(BaseModel):
    """Who takes part, and how."""

    model_config = CONTEXT

    solver: Annotated[TokenSolver, Spec("dikast.graphs.self_tokens.roles:load_token_solver", model=True)]
    """The model that answers, and then corrects its answer; best one that was trained on RAC rows."""
    critic: Annotated[TokenSolver, Spec("dikast.graphs.self_tokens.roles:load_critic")] | None = None
    """Says what is wrong with the draft, behind the cue; without one the cue is that of the training rows."""
    cue: Annotated[str, Flag(metavar="TEXT")] = CUE
    """What asks for the correction."""
    match: Match = "text"
    """When an answer says what the reference says: by its text, or by its last number."""
    speaking: Annotated[Sampling, SamplingOf("solver")] = SPEAKING
    """Of drafts and corrections."""
    criticising: Annotated[Sampling, SamplingOf("critic")] = SPEAKING
    """Of critiques."""


class Input(TypedDict):
    """A question; a reference, where both passes are to be measured by it; `answer` as for `self-tokens run`.

    No prompt has either.
    """

    prompt: str
    reference: NotRequired[str]
    answer: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """Both passes, and the critique between them where there is a critic.

    The row's `outcome` is that of the last pass that was made; a draft that is empty or was refused is not corrected.
    """

    draft: Pass | None
    critique: Pass | None
    correction: Pass | None
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    draft: Pass | None
    critique: Pass | None
    correction: Pass | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    draft: Pass | None
    critique: Pass | None
    correction: Pass | None
    outcome: str
    reason: str
