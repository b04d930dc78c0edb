"""The arithmetic over tiers: the oracle against trying everything, budgets, cross-fitting, the null, the router."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dikast.graphs.duo.ladders import Floats, rungs_of, take
from dikast.graphs.duo.tiers.context import Context
from dikast.graphs.duo.tiers.plans import calls_of, plans
from dikast.graphs.duo.tiers.router import FEATURES, Logistic, Seen, fits, routers, train
from dikast.graphs.duo.tiers.study import (
    Measured,
    Policy,
    cross_fitted,
    fixed,
    mix,
    null,
    oracle,
)


def measured(random: np.random.Generator, rows: int, samples: int = 2, steps: int = 2) -> Measured:
    """Labels without a rule, and costs of calls that differ from row to row."""
    every = [calls_of(plan, False) for plan in plans(steps)]
    right = {state: random.integers(0, 2, (rows, samples)).astype(float) for state in "sb"}
    cost = {"s": random.uniform(0.5, 1.5, (rows, samples)), "b": random.uniform(5, 15, (rows, samples))}
    brings = [right[one[-1]] if one else np.zeros((rows, samples)) for one in every]
    costs = [sum((cost[state] for state in one), np.zeros((rows, samples))) for one in every]
    ends = tuple(one[-1] if one else "" for one in every)
    return Measured(np.stack(brings, -1), np.stack(costs, -1), cost["b"], ends, [], 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_oracle_is_as_good_as_trying_every_choice_of_plans_for_all_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    value = random.integers(0, 2, (5, 3)).astype(float)
    cost = random.uniform(0, 1, (5, 3))
    cost[:, 0] = 0
    rungs = rungs_of(value, cost)
    rows = np.arange(5)
    for budget in (0.0, 0.05, 0.1, 0.2, 0.4, 1.0):
        chosen = take(rungs, budget)
        assert cost[rows, chosen].sum() <= 5 * budget + 1e-9
        best = max(
            value[rows, list(one)].sum()
            for one in product(range(3), repeat=5)
            if cost[rows, list(one)].sum() <= 5 * budget + 1e-9
        )
        assert value[rows, chosen].sum() == best


def test_more_budget_is_never_worse_and_no_fixed_plan_within_it_is_better() -> None:
    data = measured(np.random.default_rng(0), 60)
    before = -1.0
    for budget in np.linspace(0, 12, 25):
        policy = oracle(data, float(budget))
        assert policy.cost.mean() <= budget + 1e-9
        assert policy.right.mean() >= before - 1e-12
        before = float(policy.right.mean())
        for place in range(data.shape[2]):
            if (plan := fixed(data, place)).cost.mean() <= budget:
                assert policy.right.mean() >= plan.right.mean() - 1e-12


def test_on_coin_tosses_the_oracle_gains_what_its_null_gains_and_cross_fitted_nothing() -> None:
    data = measured(np.random.default_rng(1), 2000)
    oracle_right = float(oracle(data, 20).right.mean())
    crossed = cross_fitted(data, 20)
    assert crossed is not None
    assert oracle_right == pytest.approx(0.75, abs=0.02)  # one of two coins falls right
    assert null(data, 20, seed=0, permutations=3) == pytest.approx(0.75, abs=0.02)
    assert float(crossed.right.mean()) <= 0.52
    assert cross_fitted(measured(np.random.default_rng(1), 9, samples=1), 20) is None


def test_where_questions_differ_the_cross_fitted_oracle_gains_and_the_null_does_not_know_it() -> None:
    data = measured(np.random.default_rng(2), 400)
    data.right[:] = data.right[:, :1]  # a second draw says what the first said
    crossed = cross_fitted(data, 20)
    assert crossed is not None
    assert float(crossed.right.mean()) == pytest.approx(float(oracle(data, 20).right.mean()), abs=0.01)


def test_a_random_mix_lies_on_the_line_between_its_neighbours() -> None:
    nobody, small, big = (Policy(np.full(4, right), np.full(4, cost)) for right, cost in ((0, 0), (0.4, 1), (0.8, 9)))
    for budget, right, cost in ((0, 0, 0), (0.5, 0.2, 0.5), (1, 0.4, 1), (5, 0.6, 5), (9, 0.8, 9), (50, 0.8, 9)):
        found = mix([nobody, small, big], budget)
        assert (found.right.mean(), found.cost.mean()) == (pytest.approx(right), pytest.approx(cost))


def test_the_regression_finds_what_it_was_drawn_from() -> None:
    random = np.random.default_rng(3)
    features = random.normal(size=(4000, 3))
    features[:, 2] = 7  # says nothing
    truth = 1 / (1 + np.exp(-(0.5 + 2 * features[:, 0] - features[:, 1])))
    target = (random.uniform(size=4000) < truth).astype(float)
    found = Logistic.fit(features, target)
    assert np.abs(found.predict(features) - truth).max() < 0.06
    assert found.predict(features).mean() == pytest.approx(target.mean(), abs=1e-3)
    constant = Logistic.fit(features, np.ones(4000)).predict(features)
    assert constant.min() > 0.99


def seen(random: np.random.Generator, count: int = 400) -> Seen:
    """The small model is right where its log-probability is high; the big one always is, at ten times the cost."""
    sure = random.uniform(-2, 0, count)
    width = len(FEATURES)

    def features(known: bool) -> Floats:
        rows = np.zeros((count, width))
        rows[:, 0] = random.normal(size=count)
        if known:
            rows[:, 5] = sure
        return rows

    none = np.zeros(count)
    return Seen(
        {"": features(False), "s": features(True), "b": features(False)},
        {"": none, "s": (sure > -1).astype(float), "b": np.ones(count)},
        {"": none, "s": np.full(count, 1.0), "b": np.full(count, 10.0)},
        np.arange(count),
        np.full(count, 10.0),
    )


def test_the_router_asks_the_small_model_first_and_the_big_one_where_it_is_unsure() -> None:
    learnt, other = seen(np.random.default_rng(4)), seen(np.random.default_rng(5))
    context = Context.model_construct(steps=2, revise=False)
    router = fits(routers(learnt, context), 6.5)
    right, cost, told = router.follow(other)
    assert right.mean() > 0.95  # nobody: 0; the small one: .5; a random mix at this cost: .81
    assert cost.mean() < 7
    assert set(told) == {"small, skip", "small, big"}
    alone = Context.model_construct(steps=1, revise=False)
    one = fits(routers(learnt, alone), 6.5)
    assert one.follow(other)[0].mean() < 0.75  # it cannot look at the reply first


def test_no_budget_asks_nobody_and_a_free_one_the_best() -> None:
    learnt = seen(np.random.default_rng(6))
    context = Context.model_construct(steps=2, revise=False)
    found = routers(learnt, context)
    assert fits(found, 0.0).follow(learnt)[1].sum() == 0
    assert fits(found, 100.0).follow(learnt)[0].mean() > 0.99
    assert train(learnt, context, 0.0).follow(learnt)[0].mean() > 0.99
