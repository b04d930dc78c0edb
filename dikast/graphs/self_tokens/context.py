"""BASH's and RAC's knobs and actor (`Context`), and what goes into the graph and comes out. Light: loads no engine."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.self_tokens.matching import Match
from dikast.graphs.self_tokens.records import Bash, Draft, Point, Read
from dikast.graphs.self_tokens.roles import TokenSolver
from dikast.wire import CONTEXT, Spec

SPEAKING = Sampling(max_tokens=512, temperature=1.0)
"""The method is about what the model itself would say: its own distribution, as it is."""
BASH, RAC, GAP = "BASH", "RAC", "Gap"
"""Headings of the flags."""


class Context(BaseModel):
    """Who takes part, and the methods' knobs."""

    model_config = CONTEXT

    solver: Annotated[TokenSolver, Spec("dikast.graphs.self_tokens.roles:load_token_solver", model=True)]
    """The model that is to be trained: its own tokens and answers are drawn."""
    bash: Annotated[bool, Flag(panel=BASH)] = True
    """Make BASH rows, which need a model that tells token ids (transformers:, vllm:, vLLM's server)."""
    p: Annotated[float, Flag(panel=BASH)] = Field(default=0.25, ge=0, le=1)
    """The share of context tokens that become the model's own, at its highest; the paper's could not be read."""
    schedule: Annotated[Literal["constant", "linear", "exponential", "inverse-sigmoid"], Flag(panel=BASH)] = "constant"
    """How the share grows over the epochs, from 0 or nearly so; see docs/methods/self_tokens.md."""
    pace: Annotated[float | None, Flag(panel=BASH)] = Field(default=None, gt=0)
    """k of exponential (below 1; 0.5 without) and of inverse-sigmoid (from 1 up; 1 without)."""
    draws: Annotated[Literal["parallel", "sequential"], Flag(panel=BASH)] = "parallel"
    """Own tokens after the reference's tokens before them, all at once; or after what the row has before them."""
    epochs: int = Field(default=1, ge=1)
    """Rows of each question, one an epoch, each with draws of its own."""
    rac: Annotated[bool, Flag(panel=RAC)] = True
    """Have the model answer, for RAC rows."""
    share: Annotated[float, Flag(panel=RAC)] = Field(default=0.5, gt=0, le=1)
    """Of the exported RAC rows, how many are corrections; the others are plain. The paper's could not be read."""
    keep_right: Annotated[bool, Flag(panel=RAC)] = True
    """Whether answers that say what the reference says become rows, too: they teach to leave right ones alone."""
    match: Annotated[Match, Flag(panel=RAC)] = "text"
    """When an answer says what the reference says: by its text, or by its last number."""
    gap: Annotated[int, Flag(panel=GAP)] = Field(default=0, ge=0)
    """Places of each reference at which the loss after own tokens is measured beside that after the reference's; a
    call each."""
    seed: int = 0
    """Of all draws, with the question and the epoch."""
    speaking: Annotated[Sampling, SamplingOf("solver")] = SPEAKING
    """Of own tokens and answers; a seed of its own is replaced by that of the row."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        from dikast.errors import UsageError
        from dikast.graphs.self_tokens.mixing import probability

        if not (self.bash or self.rac or self.gap):
            raise ValueError("nothing to make: bash, rac, gap are all off")
        if self.schedule in ("exponential", "linear") and self.epochs == 1:
            raise ValueError(f"schedule={self.schedule!r} grows over epochs, of which there is one")
        try:
            probability(self.schedule, self.p, 0, self.epochs, self.pace)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return self


class Input(TypedDict):
    """A question with the answer that it should have.

    `answer` is what is right, where the reference does not end with it: own answers are compared with it, and no row
    and no prompt has it.
    `question` names the question where several rows are of it, one an epoch; random numbers depend on it, or on the id.
    """

    prompt: str
    reference: str
    answer: NotRequired[str]
    id: NotRequired[str]
    question: NotRequired[str]
    epoch: NotRequired[int]


class Output(TypedDict):
    """What the row gave.

    `bash`, `draft` are `None` where they were not wanted or did not come about; `beyond` counts the places at which the
    gap was to be measured and the model's own answer had ended before. The row's `outcome` is that of the call that
    failed, or of the own answer.
    """

    read: Read | None
    bash: Bash | None
    draft: Draft | None
    gap: list[Point]
    beyond: int
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    read: Read | None
    bash: Bash | None
    draft: Draft | None
    gap: list[Point]
    beyond: int
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    read: Read | None
    bash: Bash | None
    draft: Draft | None
    gap: list[Point]
    beyond: int
    outcome: str
    reason: str
