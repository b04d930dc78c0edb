"""The arithmetic of the study, over all rows at once: fixed plans, the random mix, the oracle, its cross-fit, the null.

    measured = Measured.of(records, context)
    oracle(measured, budget)            # chosen by the labels that it is scored on: what nobody can reach
    cross_fitted(measured, budget)      # chosen by some samples, scored on another
    null(measured, budget, seed)        # the oracle, where right and wrong are dealt out at random within each plan

A budget is a bound (<=) on the mean cost of a question, in the prices' unit; how it is spent best, `ladders` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dikast.graphs.duo.ladders import Floats, Ints, rungs_of, take
from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.plans import calls_of, plans
from dikast.records import Outcome

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
