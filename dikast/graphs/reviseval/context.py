"""RevisEval's knobs and actors (`Context`), and what goes into its graph and comes out.

Light on purpose: the command line reads the flags of `dikast judge run` off this file, so it loads no engine.
"""

from __future__ import annotations

import operator
from typing import Annotated, Literal, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Judge, Solver
from dikast.conversation import Message
from dikast.evaluation.orders import OnConflict
from dikast.flags import Flag, SamplingOf
from dikast.graphs.reviseval.records import Judged, Reference, Vote
from dikast.verdicts import Winner
from dikast.wire import CONTEXT, Spec

Mode = Literal["free", "direct", "human", "reviseval", "commit-first"]
ANSWERED: tuple[Mode, ...] = ("direct", "commit-first")
"""Modes whose reference is a reply to the instruction alone, so that they cannot judge a later turn."""

RUBRIC = "It carries out the instruction faithfully and completely, and what it says is correct."
"""What the paper's reviser and judge look at: accuracy, and faithful execution of the instruction."""

REVISING = Sampling(max_tokens=2048, temperature=0.3, seed=0)
"""The temperature is that of the authors' notebook; a revision is about as long as its response."""

JUDGING = Sampling(max_tokens=1024, temperature=0.1, seed=0)
"""The temperature is that of the authors' notebook."""

SCALE = (1.0, 5.0)
"""SummEval's, on which G-Eval and the paper score."""

MAX_JUDGES = 16
"""With two references and both orders, 64 branches: beyond that a branch costs more than it shows."""

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Context(BaseModel):
    """Who takes part, and the method's knobs."""

    model_config = CONTEXT

    judges: tuple[Annotated[Judge, Spec("dikast.graphs.reviseval.metric_judge:load_judge", model=True)], ...] = Field(
        min_length=1, max_length=MAX_JUDGES
    )
    """Model that judges, or metrics:bleu,chrf,...; several times for a panel."""
    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)] | None = None
    """Revises (`reviseval`), or writes the reply that serves as reference (`direct`)."""
    mode: Mode = "reviseval"
    """Where the reference comes from; see docs/methods/reviseval.md."""
    rubric: Annotated[str, Flag(metavar="TEXT")] = RUBRIC
    """What makes a response good; a row's own `rubric` takes its place."""
    primary: Literal["random", "1", "2", "both"] = "random"
    """Which response of a pair is revised; the other is the guide. `random` depends on `seed` and on the pair alone;
    `both` makes two references, each of which is judged with."""
    seed: int = 0
    """Of `random`."""
    ties: bool = False
    """Whether a judge may call two responses equally good; the paper's may not."""
    on_conflict: Literal["tie", "unparsed", "synthesise"] = "tie"
    """The vote of a judge that contradicts itself in the two orders. `synthesise` shows it both of its comparisons, in
    either order, and takes what it says then; if it contradicts itself again, that is a tie."""
    weights: Annotated[
        tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] | None, Flag(metavar="W,W,...")
    ] = None
    """How much each judge's vote counts, 0 for not at all; all the same without."""
    no_majority: OnConflict = "tie"
    """The panel's verdict where two have equally many votes."""
    scale: Annotated[tuple[float, float], Flag(metavar="LOW,HIGH")] = SCALE
    """Lowest and highest score of a single response."""
    revising: Annotated[Sampling, SamplingOf("solver")] = REVISING
    """Of references."""
    judging: Annotated[Sampling, SamplingOf("judge")] = JUDGING
    """Of judgements."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        if self.mode in ("reviseval", "direct") and self.solver is None:
            raise ValueError(f"mode={self.mode!r} needs solver=...")
        if self.weights is not None and (len(self.weights) != len(self.judges) or not any(self.weights)):
            raise ValueError(f"weights: give one for each of the {len(self.judges)} judges, not all 0")
        if self.scale[0] >= self.scale[1]:
            raise ValueError("scale: the lowest score comes first")
        return self


class Input(TypedDict):
    """An instruction with two responses to compare, or one `response` to score; `reference` for the mode `human`.

    `before_1`, `before_2` and `before` are the conversations that a later turn's responses end, each up to the user's
    message that is replied to, of which `instruction` is the text. `rubric` takes the place of the context's.
    """

    instruction: str
    response: NotRequired[str]
    response_1: NotRequired[str]
    response_2: NotRequired[str]
    reference: NotRequired[str]
    before: NotRequired[list[Message]]
    before_1: NotRequired[list[Message]]
    before_2: NotRequired[list[Message]]
    rubric: NotRequired[str]
    id: NotRequired[str]


class Output(TypedDict):
    """The verdict, and how it came about.

    `winner` is the panel's verdict on a pair, `score` on a single response; `None` where there is none. `ab` and `ba`
    are what most judges say with response 1, or response 2, shown first, as the response's own number. The row's
    `outcome` is the worst failure (`error`, `timeout`, `limit`) that befell a call, else `ok` if there is a verdict,
    else what befell most of the calls.
    """

    winner: Winner | None
    score: float | None
    ab: Winner | None
    ba: Winner | None
    references: list[Reference]
    judgements: list[Judged]
    votes: list[Vote]
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    references: Annotated[list[Reference], operator.add]
    judgements: Annotated[list[Judged], operator.add]
    votes: list[Vote]
    winner: Winner | None
    score: float | None
    ab: Winner | None
    ba: Winner | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    references: list[Reference]
    judgements: list[Judged]
    votes: list[Vote]
    winner: Winner | None
    score: float | None
    ab: Winner | None
    ba: Winner | None
    outcome: str
    reason: str
