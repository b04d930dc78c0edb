"""Routes: what each layer does with a token, and their numbers in base 3.

    route_of(5, 3)              # (0, 1, 2): the first layer is skipped, the second small, the third big
    index_of((0, 1, 2))         # 5
    every_route(2).shape        # (9, 2)

A tensor of routes has the shape (layers,), (sequences, layers) or (sequences, tokens, layers); a smaller one stands for
all sequences, or all tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SKIP, SMALL, BIG = 0, 1, 2
NAMES = ("skip", "small", "big")
CHOICES = len(NAMES)
MOST_LAYERS = 8
"""6,561 routes: beyond, all of them are not tried."""


def index_of(route: Sequence[int]) -> int:
    """A route's number; its first layer is the highest digit.

    Raises:
        ValueError: A layer does something else.
    """
    number = 0
    for one in route:
        if one not in (SKIP, SMALL, BIG):
            raise ValueError(f"a layer skips (0), is small (1) or big (2), not {one}")
        number = number * CHOICES + int(one)
    return number


def route_of(index: int, layers: int) -> tuple[int, ...]:
    """The route of a number.

    Raises:
        ValueError: There is none of so many layers.
    """
    if not 0 <= index < CHOICES**layers:
        raise ValueError(f"no route of {layers} layers has the number {index}")
    return tuple(index // CHOICES**place % CHOICES for place in reversed(range(layers)))


def every_route(layers: int) -> NDArray[np.int64]:
    """All routes, (3 ** layers, layers), in the order of their numbers."""
    return np.asarray([route_of(index, layers) for index in range(CHOICES**layers)], np.int64)


def words(route: Sequence[int]) -> str:
    """A route in letters: `-` for a skip, `s`, `B`."""
    return "".join("-sB"[one] for one in route)
