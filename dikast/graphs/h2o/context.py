"""H2O's knobs and actor (`Context`), and what goes into the graph and comes out. Light: loads no engine."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.agents.models.request import Sampling
from dikast.flags import Flag, SamplingOf
from dikast.graphs.h2o.records import Compared, Measured, Observed
from dikast.graphs.h2o.roles import Bench
from dikast.wire import CONTEXT, Spec

SPEAKING = Sampling(max_tokens=64)
"""Greedy: a reply that differs then differs for the cache's sake."""


class Context(BaseModel):
    """Which model is measured, and under which caches."""

    model_config = CONTEXT

    solver: Annotated[Bench, Spec("dikast.graphs.h2o.roles:load_bench", model=True)]
    """The model whose cache is made small: `transformers:` and a folder or a name."""
    policies: tuple[str, ...] = ("h2o", "sink", "window")
    """Who says what is kept: h2o, h2o-normalised, window, sink, snapkv; the full cache is measured beside them."""
    budgets: Annotated[tuple[float, ...], Flag(metavar="SHARE,...")] = (0.5, 0.2)
    """Slots of a cache, as shares of the prompt; each policy gets each of them."""
    split: float = Field(default=0.5, ge=0, le=1)
    """Of a budget, how much is for heavy hitters; the rest is for the last tokens. The paper's is half."""
    observations: bool = True
    """The paper's two observations: who gets the attention, and what removing the heavy hitters does."""
    speaking: Annotated[Sampling, SamplingOf("solver")] = SPEAKING
    """Of replies; `max_tokens` also bounds the text that is read. Always greedy."""

    @model_validator(mode="after")
    def _can_be(self) -> Context:
        from dikast.errors import UsageError
        from dikast.graphs.h2o.removal import policy_for

        for budget in self.budgets:
            if not 0 < budget <= 1:
                raise ValueError(f"a budget is a share of the prompt, above 0 and at most 1: {budget}")
        for name in self.policies:
            try:
                policy_for(name, 1, 1)
            except UsageError as error:
                raise ValueError(str(error)) from error
        if len(set(self.policies)) < len(self.policies) or len(set(self.budgets)) < len(self.budgets):
            raise ValueError("a policy or a budget is named twice")
        if not self.policies or not self.budgets:
            raise ValueError("nothing to measure: name a policy and a budget")
        if self.speaking.temperature:
            raise ValueError("replies are greedy here, so that a difference is the cache's")
        return self


class Input(TypedDict):
    """A prompt, and a cache to read it with.

    `reference` is a text that is read behind the prompt (without it the full cache's own reply is); `answer` is what a
    reply has to hold. `heavy` and `recent` are shares of the prompt.
    """

    prompt: str
    policy: str
    heavy: float
    recent: float
    id: NotRequired[str]
    reference: NotRequired[str]
    answer: NotRequired[str]
    depth: NotRequired[float]
    """Where in the prompt the needle stands, from 0 to 1."""


class Output(TypedDict):
    """What was measured; `None` where it did not come about."""

    full: Measured | None
    small: Measured | None
    compared: Compared | None
    observed: Observed | None
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    full: Measured | None
    small: Measured | None
    compared: Compared | None
    observed: Observed | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    full: Measured | None
    small: Measured | None
    compared: Compared | None
    observed: Observed | None
    outcome: str
    reason: str
