"""The arithmetic of the study, over all rows at once: fixed plans, the random mix, the oracle, its cross-fit, the null.

    measured = Measured.of(records, context)
    oracle(measured, budget)            # chosen by the labels that it is scored on: what nobody can reach
    cross_fitted(measured, budget)      # chosen by some samples, scored on another
    null(measured, budget, seed)        # the oracle, where right and wrong are dealt out at random within each plan

A budget is a bound (<=) on the mean cost of a question, in the prices' unit. The oracle spends it best: each row has a
ladder of plans, each rung dearer and better, and rungs are taken in the order of what they bring for the money. With
one label a plan, right or wrong, that is exact; with shares of several samples it may leave less than one rung unspent.
More budget takes the same rungs and further ones, so that nothing is ever lost by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.plans import calls_of, plans
from dikast.records import Outcome

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PERMUTATIONS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """What the plans brought.

    Args:
        right: (rows, samples, plans): 1 where the plan's answer is right, else 0.
        cost: The same shape: what its calls cost.
        big: (rows, samples): what one call of the big model costs.
        states: Of each plan, the state in which it ends.
        records: The rows that did not fail, in the arrays' order.
        failed: Rows that did.
    """

    right: Floats
    cost: Floats
    big: Floats
    states: tuple[str, ...]
    records: Sequence[Mapping[str, Any]]
    failed: int

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]], context: Context) -> Measured:
        """Read a journal's rows."""
        kept: list[Mapping[str, Any]] = []
        failed = 0
        for record in records:
            if record["output"] is None or Outcome(record["outcome"]).failed:
                failed += 1
            else:
                kept.append(record)
        made = [calls_of(plan, context.revise) for plan in plans(context.steps)]
        right = np.zeros((len(kept), context.samples, len(made)))
        cost, big = np.zeros_like(right), np.zeros(right.shape[:2])
        for row, record in enumerate(kept):
            calls = {(one["sample"], one["state"]): one for one in record["output"]["calls"]}
            for sample in range(context.samples):
                big[row, sample] = calls[sample, "b"]["cost"]
                for place, states in enumerate(made):
                    mine = [calls[sample, state] for state in states]
                    cost[row, sample, place] = sum(one["cost"] for one in mine)
                    last = mine[-1]["right"] if mine else record["output"]["cached_right"]
                    right[row, sample, place] = float(bool(last))
        return cls(right, cost, big, tuple(one[-1] if one else "" for one in made), kept, failed)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, samples, plans."""
        rows, samples, count = self.right.shape
        return rows, samples, count


@dataclass(frozen=True, slots=True)
class Policy:
    """How a policy did.

    Args:
        right: Of each row, the share of its samples that are right.
        cost: Of each row, the mean cost of its samples.
    """

    right: Floats
    cost: Floats


def fixed(measured: Measured, place: int) -> Policy:
    """One plan for every row."""
    return Policy(measured.right[:, :, place].mean(axis=1), measured.cost[:, :, place].mean(axis=1))


def mix(policies: Sequence[Policy], budget: float) -> Policy:
    """The random mixture of two neighbours that costs the budget in the mean, in expectation.

    Args:
        policies: From the cheapest to the dearest: nobody, small, big.
        budget: Of a row.
    """
    costs = [float(one.cost.mean()) for one in policies]
    if budget >= costs[-1]:
        return policies[-1]
    upper = next(place for place, cost in enumerate(costs) if cost > budget)
    low, high = policies[upper - 1], policies[upper]
    share = (budget - costs[upper - 1]) / (costs[upper] - costs[upper - 1])
    return Policy(low.right + share * (high.right - low.right), low.cost + share * (high.cost - low.cost))


@dataclass(frozen=True, slots=True)
class Rungs:
    """What there is to take, the best bargain first; each row's own are in order.

    Args:
        row: Whose rung.
        plan: The plan that it leads to.
        spent: What it and all before it cost together.
        first: Each row's plan before any rung.
    """

    row: Ints
    plan: Ints
    spent: Floats
    first: Ints


def rungs_of(value: Floats, cost: Floats) -> Rungs:
    """The ladders of all rows, (rows, plans) each; the cheapest plan of a row is its first."""
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
    """The plan of each row, all together costing `budget` a row at most."""
    chosen = rungs.first.copy()
    room = budget * len(chosen)
    count = int(np.searchsorted(rungs.spent, room * (1 + 1e-12), side="right"))
    chosen[rungs.row[:count]] = rungs.plan[:count]  # of a row's own, the last one wins
    return chosen


def scored(measured: Measured, chosen: Sequence[Ints]) -> Policy:
    """What plans bring that were chosen for each sample and row."""
    rows = np.arange(len(measured.right))
    right = [measured.right[rows, sample, one] for sample, one in enumerate(chosen)]
    cost = [measured.cost[rows, sample, one] for sample, one in enumerate(chosen)]
    return Policy(np.mean(right, axis=0), np.mean(cost, axis=0))


def oracle(measured: Measured, budget: float) -> Policy:
    """The best plans by the very labels that they are scored on."""
    return scored(measured, oracle_plans(measured, budget))


def oracle_plans(measured: Measured, budget: float) -> list[Ints]:
    """The oracle's plan of each row, a list of them for each sample."""
    return [
        take(rungs_of(measured.right[:, sample], measured.cost[:, sample]), budget)
        for sample in range(measured.shape[1])
    ]


def cross_fitted(measured: Measured, budget: float) -> Policy | None:
    """The best plans by the other samples' labels and costs; `None` where there is one sample."""
    samples = measured.shape[1]
    if samples < 2:
        return None
    chosen: list[Ints] = []
    for sample in range(samples):
        others = [one for one in range(samples) if one != sample]
        value, cost = measured.right[:, others].mean(axis=1), measured.cost[:, others].mean(axis=1)
        chosen.append(take(rungs_of(value, cost), budget))
    return scored(measured, chosen)


def null(measured: Measured, budget: float, seed: int, permutations: int = PERMUTATIONS) -> float:
    """Mean share of right answers of an oracle whose labels say nothing of the question.

    The labels of each final state are dealt out anew among the rows, so that each plan is right as often as before, but
    no question is easy or hard. What such an oracle gains over fixed plans it gains by choosing alone.
    """
    random = np.random.default_rng(seed)
    rows = len(measured.right)
    ends: dict[str, list[int]] = {}
    for place, state in enumerate(measured.states):
        ends.setdefault(state, []).append(place)
    found: list[float] = []
    for _ in range(permutations):
        for sample in range(measured.shape[1]):
            value = measured.right[:, sample].copy()
            for places in ends.values():
                value[:, places] = value[random.permutation(rows)][:, places]
            chosen = take(rungs_of(value, measured.cost[:, sample]), budget)
            found.append(float(value[np.arange(rows), chosen].mean()))
    return float(np.mean(found))
