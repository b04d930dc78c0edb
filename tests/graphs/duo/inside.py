"""A model of two layers for tests without torch: losses by route that are written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from dikast.graphs.duo.records import Fixed, Routed, Searched
from dikast.graphs.duo.roles import Way

LAYERS, SMALL_COST = 2, 0.1


class Written:
    """A token is a letter. Texts of `e` are easy: all routes are alike but for skips; of others a big layer 2 helps."""

    spec = "python:written"

    def __init__(self, layers: int = LAYERS) -> None:
        self.layers = layers

    def fingerprint(self) -> Mapping[str, object]:
        return {"written": 1}

    async def shape(self) -> tuple[int, float]:
        return self.layers, SMALL_COST

    async def read(self, text: str, most: int) -> tuple[list[int], bool]:
        ids = [ord(letter) for letter in text.replace(" ", "")]
        return ids[:most], len(ids) > most

    def loss(self, tokens: Sequence[int], route: Sequence[int]) -> float:
        easy = tokens[0] == ord("e")
        return 3.0 - 0.5 * sum(one > 0 for one in route) - (0 if easy else float(route[-1] == 2))

    def cost(self, route: Sequence[int]) -> float:
        return sum((0, SMALL_COST, 1.0)[one] for one in route) / len(route)

    async def fixed(self, tokens: Sequence[int]) -> Fixed:
        big, small, skip = (self.loss(tokens, (way,) * self.layers) for way in (2, 1, 0))
        return Fixed(big=big, small=small, skip=skip)

    async def search(self, tokens: Sequence[int], budget: float, way: Way) -> Searched:
        routes = list(product(range(3), repeat=self.layers))
        within = [one for one in routes if self.cost(one) <= budget + 1e-9]
        best = min(within, key=lambda one: (self.loss(tokens, one), self.cost(one)))
        count = len(tokens) - 1
        even, odd = (count + 1) // 2, count // 2
        losses = [(self.loss(tokens, one) * even, self.loss(tokens, one) * odd) for one in routes]
        return Searched(
            route=list(best),
            loss=self.loss(tokens, best),
            cost=self.cost(best),
            tried=len(routes) if way == "exhaustive" else 3,
            losses=losses if way == "exhaustive" else None,
        )

    async def route(self, tokens: Sequence[int]) -> Routed:
        route = (1,) * self.layers if tokens[0] == ord("e") else (*(1,) * (self.layers - 1), 2)
        big = [float(one == 2) for one in route]
        mean = sum(big) / len(big)
        return Routed(
            loss=self.loss(tokens, route),
            cost=self.cost(route),
            flops=100,
            big=big,
            skipped=[0.0] * self.layers,
            by_place=[mean] * 4,
        )
