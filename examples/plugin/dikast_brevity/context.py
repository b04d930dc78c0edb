"""The knobs: each documented field is a flag of `dikast brevity run`. Nothing heavy is imported here."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solver
from dikast.flags import SamplingOf
from dikast.wire import CONTEXT, Spec

ANSWERING = Sampling(max_tokens=200)


class Context(BaseModel):
    """Ask a model, then have it say the same in fewer words until it fits."""

    model_config = CONTEXT

    solver: Annotated[Solver, Spec("dikast.agents.solver:load_solver", model=True)]
    """Answers and shortens."""
    words: int = Field(default=20, ge=1, le=1000)
    """Words that an answer may have."""
    rounds: int = Field(default=2, ge=0, le=10)
    """How often it is shortened at most."""
    sampling: Annotated[Sampling, SamplingOf("solver")] = ANSWERING
    """Of answers."""


class Input(TypedDict):
    """One question."""

    question: str


class State(Input):
    """What a row comes to."""

    answers: list[str]
    """The first answer, and each that was made of it."""
    fits: bool
    outcome: str
    """How the last call ended; `outcome` and `reason` of a graph's output are the row's."""
    reason: str
