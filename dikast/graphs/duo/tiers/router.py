"""A router that learns from the oracle's enumeration where each route leads, and is judged on other questions.

At each step and in each state it estimates, by a logistic regression, how likely the answer will be right if a route is
taken and it goes on deciding itself; it takes the route of which this is highest, less a price times what the route
costs on average. The price is the one with which the questions that it learnt on cost the budget at most. It looks
at what can be known by then: the question's length and numbers, and, where a model has been asked, whether its reply
holds an answer and is whole, how long it is, how likely its words were, and whether it agrees with the answer before.

    routed = route(measured, context, budget)       # each row by a router that has learnt on the others

Not here: gold answers and later replies, which no feature holds; embeddings; another learner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dikast.graphs.duo.ladders import Floats, Ints
from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.plans import ROUTES, Route, after, states_at
from dikast.graphs.duo.tiers.study import Measured, Policy
from dikast.records import CUT_REASONS

FEWEST = 10
"""Questions below which there is nothing to learn on."""
RIDGE = 1.0
NEWTON, CLOSE = 12, 1e-4
"""Steps at most, and the change below which there are no more; a ridge regression of few features takes about six."""
PRICES = (0.0, *np.geomspace(0.02, 5.0, 16).tolist(), 1e9)
"""What a call of the big model may cost, in shares of a right answer; with the last nobody is ever asked."""
NUMBER = re.compile(r"\d+")
FEATURES = (
    *("question, log characters", "question, log numbers", "an answer is said", "reply is whole"),
    *("log tokens", "mean log-probability", "least log-probability", "log-probabilities known", "agrees with before"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a router can look at, and what came of it; the first axis of all is examples: rows by samples.

    Args:
        features: State -> what is known in it.
        right: State -> whether its answer is right.
        cost: State -> what the call that leads to it cost.
        row: The row of each example.
        big: What one call of the big model costs.
    """

    features: Mapping[str, Floats]
    right: Mapping[str, Floats]
    cost: Mapping[str, Floats]
    row: Ints
    big: Floats

    def of(self, examples: Ints) -> Seen:
        """Some of the examples."""
        return Seen(
            {state: one[examples] for state, one in self.features.items()},
            {state: one[examples] for state, one in self.right.items()},
            {state: one[examples] for state, one in self.cost.items()},
            self.row[examples],
            self.big[examples],
        )


def see(measured: Measured, context: Context) -> Seen:
    """Look at all rows and samples."""
    features: dict[str, list[list[float]]] = {}
    right: dict[str, list[float]] = {}
    cost: dict[str, list[float]] = {}
    samples = range(context.samples)
    for record in measured.records:
        output, given = record["output"], record["input"]
        for sample in samples:
            calls = {one["state"]: one for one in output["calls"] if one["sample"] == sample}
            for state in states_at(context.steps, context.revise):
                features.setdefault(state, []).append(features_of(given["question"], state, calls))
                right.setdefault(state, []).append(calls[state]["right"] if state else bool(output["cached_right"]))
                cost.setdefault(state, []).append(calls[state]["cost"] if state else 0.0)
    return Seen(
        {state: np.asarray(one, float) for state, one in features.items()},
        {state: np.asarray(one, float) for state, one in right.items()},
        {state: np.asarray(one, float) for state, one in cost.items()},
        np.repeat(np.arange(len(measured.records)), context.samples),
        measured.big.reshape(-1),
    )


def features_of(question: str, state: str, calls: Mapping[str, Mapping[str, Any]]) -> list[float]:
    """What is known in a state; see `FEATURES`."""
    about = [float(np.log1p(len(question))), float(np.log1p(len(NUMBER.findall(question))))]
    if not state:
        return [*about, *[0.0] * (len(FEATURES) - len(about))]
    reply = calls[state]
    before = calls[state[:-1]]["found"] if len(state) > 1 else None
    known = reply["mean_logprob"] is not None
    return [
        *about,
        float(reply["found"] is not None),
        float(reply["provenance"].get("finish_reason") not in CUT_REASONS),
        float(np.log1p(reply["output_tokens"])),
        reply["mean_logprob"] if known else 0.0,
        reply["least_logprob"] if known else 0.0,
        float(known),
        float(before is not None and before == reply["found"]),
    ]


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression with a ridge on all weights but the first, over standardised features."""

    mean: Floats
    scale: Floats
    weights: Floats

    @classmethod
    def fit(cls, features: Floats, target: Floats) -> Logistic:
        """Fit by Newton's method; a target without a variance is its mean."""
        mean, scale = features.mean(axis=0), features.std(axis=0)
        scale = np.where(scale > 1e-9, scale, np.inf)  # a feature that is always the same says nothing
        design = np.column_stack([np.ones(len(features)), (features - mean) / scale])
        ridge = np.full(design.shape[1], RIDGE)
        ridge[0] = 1e-2
        weights = np.zeros(design.shape[1])
        for _ in range(NEWTON):
            likely = sigmoid(design @ weights)
            slope = design.T @ (target - likely) - ridge * weights
            bend = (design * (likely * (1 - likely))[:, None]).T @ design + np.diag(ridge)
            step = np.linalg.solve(bend, slope)
            weights = weights + step
            if np.abs(step).max() < CLOSE:
                break
        return cls(mean, scale, weights)

    def predict(self, features: Floats) -> Floats:
        """Probabilities."""
        return sigmoid(((features - self.mean) / self.scale) @ self.weights[1:] + self.weights[0])


def sigmoid(value: Floats) -> Floats:
    """Without overflow."""
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


@dataclass(frozen=True, slots=True)
class Router:
    """A router at one price.

    Args:
        steps: Decisions.
        revise: As in the context.
        price: Of a unit of cost, in right answers.
        likely: (step, state, route) -> how likely it ends well.
        costs: The same -> what it costs on average, with what follows.
    """

    steps: int
    revise: bool
    price: float
    likely: Mapping[tuple[int, str, Route], Logistic]
    costs: Mapping[tuple[int, str, Route], float]

    def choose(self, step: int, state: str, features: Floats) -> Ints:
        """Places in `ROUTES`; of equally good ones the first, which is the cheapest."""
        worth = [
            self.likely[step, state, route].predict(features) - self.price * self.costs[step, state, route]
            for route in ROUTES
        ]
        return np.argmax(np.stack(worth), axis=0)

    def follow(self, seen: Seen) -> tuple[Floats, Floats, list[str]]:
        """Whether each example ends well, what it costs, and by which plan."""
        count = len(seen.row)
        states, paid, told = [""] * count, np.zeros(count), [""] * count
        for step in range(self.steps):
            here = states.copy()
            for state in set(here):
                mine = [place for place, one in enumerate(here) if one == state]
                chosen: list[int] = self.choose(step, state, seen.features[state][mine]).tolist()
                for place, which in zip(mine, chosen, strict=True):
                    route = ROUTES[which]
                    states[place] = after(state, route, self.revise)
                    paid[place] += seen.cost[states[place]][place] if route != "skip" else 0.0
                    told[place] += f", {route}" if step else route
        return np.asarray([seen.right[one][place] for place, one in enumerate(states)]), paid, told


def train(seen: Seen, context: Context, price: float, ends: dict[tuple[str, str], Logistic] | None = None) -> Router:
    """Fit from the last step to the first: what follows a step is what the router itself will do.

    Args:
        seen: What is learnt on.
        context: Steps, and whether they revise.
        price: Of a unit of cost, in right answers.
        ends: The last step's regressions, by state and the state after it, which no price changes; filled here.
    """
    ends = {} if ends is None else ends
    likely: dict[tuple[int, str, Route], Logistic] = {}
    costs: dict[tuple[int, str, Route], float] = {}
    router = Router(context.steps, context.revise, price, likely, costs)
    value: Mapping[str, Floats] = seen.right
    onward: Mapping[str, Floats] = {state: np.zeros(len(seen.row)) for state in seen.right}
    every = np.arange(len(seen.row))
    for step in reversed(range(context.steps)):
        values: dict[str, Floats] = {}
        onwards: dict[str, Floats] = {}
        for state in states_at(step, context.revise):
            right: list[Floats] = []
            paid: list[Floats] = []
            for route in ROUTES:
                then = after(state, route, context.revise)
                right.append(value[then])
                paid.append(onward[then] + (seen.cost[then] if route != "skip" else 0.0))
                last = step == context.steps - 1
                found = ends.get((state, then)) if last else None
                likely[step, state, route] = found or Logistic.fit(seen.features[state], right[-1])
                if last:
                    ends[state, then] = likely[step, state, route]
                costs[step, state, route] = float(paid[-1].mean())
            chosen = router.choose(step, state, seen.features[state])
            values[state], onwards[state] = np.stack(right)[chosen, every], np.stack(paid)[chosen, every]
        value, onward = values, onwards
    return router


def routers(seen: Seen, context: Context) -> list[tuple[Router, float, float]]:
    """A router for each price, with its share of right answers and its mean cost on what it learnt on."""
    unit = max(float(seen.big.mean()), 1e-12)
    found: list[tuple[Router, float, float]] = []
    ends: dict[tuple[str, str], Logistic] = {}
    for price in PRICES:
        router = train(seen, context, price / unit, ends)
        right, cost, _ = router.follow(seen)
        found.append((router, float(right.mean()), float(cost.mean())))
    return found


def fits(found: Sequence[tuple[Router, float, float]], budget: float) -> Router:
    """Of the routers that cost the budget at most, the best on what they learnt on; of equal ones the cheapest."""
    return max((one for one in found if one[2] <= budget), key=lambda one: (one[1], -one[2]))[0]


@dataclass(frozen=True, slots=True)
class Routed:
    """How routers did on questions that they did not learn on, at one budget.

    Args:
        policy: By row.
        plans: Plan in words -> how many rows and samples took it.
    """

    policy: Policy
    plans: Mapping[str, int]


def route(measured: Measured, context: Context, budgets: Sequence[float]) -> list[Routed] | None:
    """Route each row by a router that has learnt on the rows of the other folds.

    Args:
        measured: The rows.
        context: Steps, folds, seed.
        budgets: Mean cost of a row at most, as shares of one call of the big model.

    Returns:
        One for each budget; `None` where there are too few rows to learn on.
    """
    rows = len(measured.records)
    if rows < max(FEWEST, context.folds):
        return None
    seen = see(measured, context)
    fold = np.random.default_rng(context.seed).permutation(rows) % context.folds
    right, cost = np.zeros((len(budgets), len(seen.row))), np.zeros((len(budgets), len(seen.row)))
    told: list[dict[str, int]] = [{} for _ in budgets]
    for held in range(context.folds):
        learnt = seen.of(np.flatnonzero(fold[seen.row] != held))
        asked = np.flatnonzero(fold[seen.row] == held)
        found = routers(learnt, context)
        for place, share in enumerate(budgets):
            router = fits(found, share * float(learnt.big.mean()) * (1 + 1e-12))
            right[place, asked], cost[place, asked], plans = router.follow(seen.of(asked))
            for one in plans:
                told[place][one] = told[place].get(one, 0) + 1
    shape = (rows, context.samples)
    return [
        Routed(Policy(right[at].reshape(shape).mean(axis=1), cost[at].reshape(shape).mean(axis=1)), told[at])
        for at in range(len(budgets))
    ]
