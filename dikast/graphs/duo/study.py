"""The arithmetic of the study inside a model, over all texts at once; loaded with numpy.

losses = Losses.of(outputs, budget)
losses.policies(seed), losses.by_count(), losses.null(seed)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dikast.decoding.duo.routes import BIG, SKIP, every_route
from dikast.decoding.duo.tables import cross_fitted, oracle_of
from dikast.graphs.duo.ladders import Floats, Ints, rungs_of, take

Output = Mapping[str, Any]
RANDOM = (1, 10, 100)
PERMUTATIONS = 10
DRAWS = 20
"""Times that the best of n random routes is drawn."""
ROUNDING = 1e-9
FEWEST = 3
"""Texts below which nothing correlates."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of all texts under all routes.

    Args:
        table: (routes, texts, 2): nats over every other predicted token, and over the rest.
        tokens: Predicted, of each text.
        costs: Of each route, as a share of all big.
        big: Of each route, how many layers are big.
        budget: The run's.
    """

    table: Floats
    tokens: Floats
    costs: Floats
    big: NDArray[np.int64]
    budget: float

    @classmethod
    def of(cls, outputs: Sequence[Output], budget: float) -> Losses:
        """Read rows of one model."""
        routes = every_route(outputs[0]["layers"])
        unit = np.asarray([0.0, outputs[0]["small_cost"], 1.0])
        table = np.asarray([one["oracle"]["losses"] for one in outputs]).transpose(1, 0, 2)
        tokens = np.asarray([one["tokens"] - 1 for one in outputs], float)
        return cls(table, tokens, unit[routes].mean(axis=1), (routes == BIG).sum(axis=1), budget)

    def within(self, budget: float) -> NDArray[np.bool_]:
        """Which routes cost the budget at most."""
        return self.costs <= budget + ROUNDING

    def policies(self, seed: int) -> dict[str, tuple[list[float], float]]:
        """Losses by text and mean cost, of what can be chosen without routers."""
        found = {name: getattr(self, name)(self.budget) for name in ("fixed", "oracle", "cross_fitted")}
        return {**found, **{f"random_{count}": self.random(count, seed) for count in RANDOM}}

    def a_token(self) -> Floats:
        """Nats a token, (texts, routes)."""
        return (self.table.sum(axis=2) / self.tokens).T

    def fixed(self, budget: float) -> tuple[list[float], float]:
        """The best that can be had without looking at a text: one route for all, or two, mixed to cost the budget.

        Which two is chosen on the other half of the texts.
        """
        losses, texts = self.a_token(), self.table.shape[1]
        half = np.random.default_rng(0).permutation(texts) % 2
        found, cost = np.zeros(texts), np.zeros(texts)
        for side in (0, 1) if texts > 1 else (0,):
            mine = half == side
            level = losses[~mine if texts > 1 else mine].mean(axis=0)
            cheap, dear, share = self.two(level, budget)
            found[mine] = (1 - share) * losses[mine, cheap] + share * losses[mine, dear]
            cost[mine] = (1 - share) * self.costs[cheap] + share * self.costs[dear]
        return found.tolist(), float(cost.mean())

    def two(self, level: Floats, budget: float) -> tuple[int, int, float]:
        """The two routes whose mixture costs the budget and has the lowest loss, and the dearer one's share."""
        ladder = rungs_of(-level[None], self.costs[None])
        steps = [int(ladder.first[0]), *ladder.choice.tolist()]
        upper = next((place for place, one in enumerate(steps) if self.costs[one] > budget), len(steps))
        if upper == len(steps) or not upper:
            only = steps[upper - 1 if upper else 0]
            return only, only, 0.0
        cheap, dear = steps[upper - 1], steps[upper]
        return cheap, dear, float((budget - self.costs[cheap]) / (self.costs[dear] - self.costs[cheap]))

    def spend(self, value: Floats, budget: float) -> Ints:
        """The route of each text that makes the most of a budget for all of them together."""
        return take(rungs_of(value, np.broadcast_to(self.costs, value.shape)), budget)

    def oracle(self, budget: float) -> tuple[list[float], float]:
        """A route a text, chosen by the loss that it is scored on."""
        losses = self.a_token()
        chosen = self.spend(-losses, budget)
        return losses[np.arange(len(chosen)), chosen].tolist(), float(self.costs[chosen].mean())

    def cross_fitted(self, budget: float) -> tuple[list[float], float]:
        """A route a text, chosen by every other token and scored on the rest, both ways round."""
        count = self.table.shape[1]
        found, cost, texts = np.zeros(count), 0.0, list(range(count))
        for part in (0, 1):
            chosen = self.spend(-(self.table[:, :, part] / self.tokens).T, budget)
            found += self.table[chosen, texts, 1 - part] / self.tokens
            cost += float(self.costs[chosen].mean()) / 2
        return found.tolist(), cost

    def null(self, seed: int) -> float:
        """The oracle's mean loss where no route suits a text.

        What a route is better or worse by than the mean route of a text is dealt out anew among the texts, for each
        route on its own.
        """
        random = np.random.default_rng(seed)
        losses = self.a_token()
        level = losses.mean(axis=1, keepdims=True)
        # What lies around a mean of n varies less by (n - 1) / n than what lies around the truth.
        apart = (losses - level) * np.sqrt(losses.shape[1] / max(1, losses.shape[1] - 1))
        found: list[float] = []
        for _ in range(PERMUTATIONS):
            dealt = random.permuted(apart, axis=0) + level
            chosen = self.spend(-dealt, self.budget)
            found.append(float(dealt[np.arange(len(chosen)), chosen].mean()))
        return float(np.mean(found))

    def random(self, count: int, seed: int) -> tuple[list[float], float]:
        """The best of some random routes within the budget, drawn for each text; the mean of several drawings."""
        allowed, texts = np.flatnonzero(self.within(self.budget)), self.table.shape[1]
        losses = self.table[allowed].sum(axis=2) / self.tokens
        random = np.random.default_rng((seed, count))
        found, cost = np.zeros(texts), 0.0
        every: NDArray[np.int64] = np.arange(texts, dtype=np.int64)
        for _ in range(DRAWS):
            drawn = random.integers(0, len(allowed), (count, texts))
            best = losses[drawn, every].argmin(axis=0)
            chosen = drawn[best, every]
            found += losses[chosen, every] / DRAWS
            cost += float(self.costs[allowed[chosen]].mean()) / DRAWS
        return found.tolist(), cost

    def by_count(self) -> list[dict[str, float]]:
        """The best routes with so many big layers, whatever the others do: by text, cross-fitted, and one for all."""
        found: list[dict[str, float]] = []
        for count in range(int(self.big.max()) + 1):
            allowed = self.big == count
            found.append(
                {
                    "big": count,
                    "oracle": float(oracle_of(self.table, allowed, self.tokens).mean()),
                    "cross_fitted": float(cross_fitted(self.table, allowed, self.tokens).mean()),
                    "fixed": float((self.table[allowed].sum(axis=2) / self.tokens).mean(axis=1).min()),
                }
            )
        return found


def shares_of(outputs: Sequence[Output]) -> list[dict[str, float]]:
    """Of each layer, how often the oracle (texts) and the routers (tokens) make it big, and skip it."""
    routes = np.asarray([one["oracle"]["route"] for one in outputs])
    big, skipped = (np.asarray([one["router"][name] for one in outputs]).mean(axis=0) for name in ("big", "skipped"))
    return [
        {
            "oracle_big": float((routes[:, layer] == BIG).mean()),
            "oracle_skip": float((routes[:, layer] == SKIP).mean()),
            "router_big": float(big[layer]),
            "router_skip": float(skipped[layer]),
        }
        for layer in range(routes.shape[1])
    ]


def bends(outputs: Sequence[Output]) -> dict[str, float] | None:
    """Rank correlations of difficulty with loss and with what the routers spend; `None` where there are too few texts.

    Difficulty is what the oracle gains over all small (the paper's), and not the loss itself.
    """
    if len(outputs) < FEWEST:
        return None
    gain = [one["fixed"]["small"] - one["oracle"]["loss"] for one in outputs]
    columns = (gain, [one["fixed"]["big"] for one in outputs], [one["router"]["cost"] for one in outputs])
    ranks = [ranks_of(one) for one in columns]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = [float(np.corrcoef(ranks[0], one)[0, 1]) for one in ranks[1:]]
    loss, spent = (0.0 if np.isnan(one) else one for one in found)
    return {"with_loss": loss, "with_spent": spent}


def ranks_of(values: Sequence[float]) -> Floats:
    """Places in ascending order; equal values share the mean of theirs."""
    given = np.asarray(values, float)
    below = (given[None, :] < given[:, None]).sum(axis=1)
    return below + (given[None, :] == given[:, None]).sum(axis=1) / 2
