"""How a budget for many rows is spent best, where each row has several choices of different cost and value.

    rungs = rungs_of(value, cost)       # (rows, choices) each
    chosen = take(rungs, budget)        # a choice of each row; their mean cost is the budget at most (<=)

Each row has a ladder, on which each rung is dearer and better, and rungs are taken in the order of what they bring for
the money. Where a row's choices are right or wrong that is exact; else it leaves less than one rung unspent. More
budget takes the same rungs and further ones, so that nothing is ever lost by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rungs:
    """What there is to take, the best bargain first; each row's own are in order.

    Args:
        row: Whose rung.
        choice: What it leads to.
        spent: What it and all before it cost together.
        first: Each row's choice before any rung.
    """

    row: Ints
    choice: Ints
    spent: Floats
    first: Ints


def rungs_of(value: Floats, cost: Floats) -> Rungs:
    """The ladders of all rows, (rows, choices) each; the cheapest choice of a row is its first."""
    found: list[tuple[float, int, int, float, int]] = []
    first = np.zeros(len(value), np.int64)
    for row in range(len(value)):
        here = int(np.lexsort((-value[row], cost[row]))[0])
        first[row] = here
        step = 0
        while True:
            gain, more = value[row] - value[row, here], cost[row] - cost[row, here]
            better = np.flatnonzero(gain > 0)
            if not len(better):
                break
            worth = gain[better] / np.maximum(more[better], 1e-12)
            best = better[np.lexsort((-more[better], -worth))[0]]
            found.append((float(-gain[best] / max(more[best], 1e-12)), row, step, float(more[best]), int(best)))
            here, step = int(best), step + 1
    found.sort(key=lambda one: one[:3])
    spent = float(cost[np.arange(len(first)), first].sum()) + np.cumsum([one[3] for one in found])
    rows, taken = np.asarray([one[1] for one in found], np.int64), np.asarray([one[4] for one in found], np.int64)
    return Rungs(rows, taken, spent, first)


def take(rungs: Rungs, budget: float) -> Ints:
    """The choice of each row, all together costing `budget` a row at most."""
    chosen = rungs.first.copy()
    room = budget * len(chosen)
    count = int(np.searchsorted(rungs.spent, room * (1 + 1e-12), side="right"))
    chosen[rungs.row[:count]] = rungs.choice[:count]  # of a row's own, the last one wins
    return chosen
