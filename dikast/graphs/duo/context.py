"""The study's knobs and actor (`Context`), and what goes into its graph and comes out. Light: loads no engine."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from dikast.flags import Flag
from dikast.graphs.duo.records import Fixed, Routed, Searched
from dikast.graphs.duo.roles import RoutedModel, Way
from dikast.wire import CONTEXT, Spec

TOKENS = 256
"""Of a text: what is tried once a route; a study, not a corpus's perplexity."""


class Context(BaseModel):
    """Which model, and the study's knobs."""

    model_config = CONTEXT

    duo: Annotated[RoutedModel, Flag(metavar="FOLDER"), Spec("dikast.graphs.duo.torch_duo:load_duo")]
    """A model with two modules a layer: a folder that 'dikast duo train' wrote."""
    budget: float = Field(default=0.5, ge=0, le=1)
    """What the oracle's feed-forward modules may cost, as a share of all big."""
    search: Way = "exhaustive"
    """How the oracle searches: all 3 ** layers routes (8 layers at most), a few dozen by beam, or layer by layer."""
    tokens: int = Field(default=TOKENS, ge=2)
    """Of each text at most; what is beyond is cut, and counted."""
    seed: int = 0
    """Of random routes and permutations."""


class Input(TypedDict):
    """A text."""

    text: str
    id: NotRequired[str]


class Output(TypedDict):
    """What the oracle and the routers make of the text.

    Losses are nats a token, costs shares of what all big costs. `layers` and `small_cost` are the model's. A text of
    fewer than two tokens is `empty`, and has nothing of it all.
    """

    tokens: int
    cut: bool
    layers: int
    small_cost: float
    fixed: Fixed | None
    oracle: Searched | None
    router: Routed | None
    outcome: str
    reason: str


class State(Input):
    """What the nodes share."""

    ids: list[int]
    tokens: int
    cut: bool
    layers: int
    small_cost: float
    fixed: Fixed | None
    oracle: Searched | None
    router: Routed | None
    outcome: str
    reason: str


class Update(TypedDict, total=False):
    """What a node may write."""

    ids: list[int]
    tokens: int
    cut: bool
    layers: int
    small_cost: float
    fixed: Fixed | None
    oracle: Searched | None
    router: Routed | None
    outcome: str
    reason: str
