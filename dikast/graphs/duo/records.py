"""What the study inside a model keeps of each text: all of it JSON."""

from __future__ import annotations

from typing_extensions import TypedDict


class Searched(TypedDict):
    """What the oracle found.

    `losses` are nats by route, in the order of the routes' numbers in base 3: for each the sum over every other
    predicted token, and over the rest; `None` where not all routes were tried. `tried` counts routes.
    """

    route: list[int]
    loss: float
    cost: float
    tried: int
    losses: list[tuple[float, float]] | None


class Routed(TypedDict):
    """What the routers did.

    `cost` is of the feed-forward modules, a share of all big; `flops` as hooks counted them. `big` and `skipped` are
    the shares of tokens, by layer. `by_place` is the share of big modules in the first, second, third and last quarter
    of the text.
    """

    loss: float
    cost: float
    flops: int
    big: list[float]
    skipped: list[float]
    by_place: list[float]


class Fixed(TypedDict):
    """Nats a token on the plainest routes."""

    big: float
    small: float
    skip: float
