"""Which route to try next: expectations against their formulas, and a search of a written table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dikast.decoding.duo.prior import OWN, Floats, Guess, Prior, log_improvement
from dikast.errors import UsageError

solve: Any = np.linalg.solve
ROUTES = 120


def tables(sequences: int, seed: int) -> Floats:
    """Losses that four hidden things make, and a little of each route's own."""
    kinds = np.random.default_rng(0).normal(size=(ROUTES, 4))
    random = np.random.default_rng(seed)
    return 2 + kinds @ random.normal(size=(4, sequences)) / 4 + random.normal(size=(ROUTES, sequences)) * 0.01


def test_what_is_expected_of_a_route_is_a_normal_distribution_given_what_was_tried() -> None:
    prior, mine = Prior.of(tables(30, 1)), tables(2, 2)
    within = np.arange(10, 60)
    guess = Guess(prior, within, 2)
    tried = np.asarray([[3, 7], [20, 9], [41, 40]])
    for places in tried:
        guess.learn(places, mine[within[places], [0, 1]])
    apart = prior.apart[within]
    covariance = apart @ apart.T
    covariance += OWN * np.diag(covariance).mean() * np.eye(len(within))
    for sequence in range(2):
        seen = tried[:, sequence]
        weights: Floats = solve(covariance[np.ix_(seen, seen)] + 1e-8 * np.eye(3), covariance[seen]).T
        mean: Floats = prior.mean[within] + weights @ (mine[within[seen], sequence] - prior.mean[within[seen]])
        assert np.abs(guess.mean[sequence] - mean).max() < 1e-6
        variance: Floats = np.diag(covariance) - (weights * covariance[:, seen]).sum(axis=1)
        assert np.abs(guess.variance[sequence] - variance).max() < 1e-6


def test_the_expected_improvement_is_its_integral_near_and_far_below() -> None:
    z = np.asarray([-40.0, -30.001, -29.999, -8.0, -1.0, 0.0, 3.0])
    found = log_improvement(z)
    for one, value in zip(z[3:].tolist(), found[3:].tolist(), strict=True):
        below: Floats = one - np.arange(120_000) / 10_000
        whole = float(((one - below) * np.exp(-(below**2) / 2)).sum()) / 10_000 / float(np.sqrt(2 * np.pi))
        assert np.exp(value) == pytest.approx(whole, rel=1e-4)
    assert (np.diff(found) > 0).all()
    assert found[0] == pytest.approx(-800 - np.log(np.sqrt(2 * np.pi) * 1600))


def test_the_best_route_is_found_in_a_tenth_of_the_trials_and_none_is_tried_twice() -> None:
    mine = tables(40, 3)
    every = np.arange(40)

    def search(prior: Prior) -> tuple[Floats, list[set[int]]]:
        guess, best = Guess(prior, np.arange(ROUTES), 40), None
        tried: list[set[int]] = [set() for _ in every]
        for _ in range(ROUTES // 10):
            places = guess.next(best)
            losses = mine[places, every]
            guess.learn(places, losses)
            best = losses if best is None else np.minimum(best, losses)
            for one, place in zip(tried, places.tolist(), strict=True):
                one.add(place)
        assert best is not None
        return best, tried

    best, tried = search(Prior.of(tables(40, 4)))
    assert {len(one) for one in tried} == {ROUTES // 10}
    known = (mine.mean() - best.mean()) / (mine.mean() - mine.min(axis=0).mean())
    assert known > 0.99
    shuffled = np.random.default_rng(5).permuted(tables(40, 4), axis=0)  # says nothing of routes
    best, _ = search(Prior.of(shuffled))
    assert (mine.mean() - best.mean()) / (mine.mean() - mine.min(axis=0).mean()) < known - 0.05


def test_all_routes_are_tried_in_the_end() -> None:
    mine = tables(1, 3)
    guess, best, tried = Guess(Prior.of(tables(5, 4)), np.arange(6), 1), None, list[int]()
    for _ in range(6):
        [place] = guess.next(best).tolist()
        tried.append(place)
        guess.learn(np.asarray([place]), mine[place])
        best = mine[tried].min(axis=0)
    assert sorted(tried) == list(range(6))


@pytest.mark.parametrize("losses", [np.ones((9, 1)), np.ones(9), np.full((9, 2), np.nan)])
def test_what_is_no_prior_is_refused(losses: Floats) -> None:
    with pytest.raises(UsageError, match="prior"):
        Prior.of(losses)
