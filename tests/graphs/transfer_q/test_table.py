"""Exact sums over every text of a small world, by the functions that the graph runs on samples."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from dikast.graphs.transfer_q.choosing import weighted
from dikast.graphs.transfer_q.table import Kind, World
from dikast.graphs.transfer_q.values import direct, indirect

EXACT = 1e-12
SEEDS = range(20)
WORLDS = [World.random(seed) for seed in SEEDS]


def close(first: object, second: object) -> float:
    return float(np.abs(np.asarray(first) - np.asarray(second)).max())


@pytest.mark.parametrize("world", WORLDS[:4])
def test_identities(world: World) -> None:
    assert max(map(close, world.transfer(), world.indirect())) <= EXACT
    optimal = world.aligned(world.reward)
    assert close(np.exp(world.guided(world.soft(), 1 / world.beta)), np.exp(optimal)) <= EXACT
    assert close(np.exp(world.guided(world.transfer(), 0.0)), np.exp(world.log_p)) <= EXACT
    values = world.transfer()
    assert close(world.guided(values, 3.0, keep=world.tokens + 4), world.guided(values, 3.0)) <= EXACT
    fewer = np.exp(world.guided(values, 3.0, keep=2))
    assert (fewer == 0).sum() == len(fewer) - 2**world.places
    assert world.kl_of(world.at_kl(values, 1.0)) == pytest.approx(1.0)


def test_much_weight_is_greedy_on_the_value() -> None:
    world = WORLDS[0]
    at = 0
    for value in world.transfer():
        at = at * world.tokens + int(value[at].argmax())
    assert int(world.guided(world.transfer(), 1e4).argmax()) == at


@pytest.mark.parametrize("kind", ["independent", "neighbours"])
def test_transfer_beats_its_rivals_at_equal_distance(kind: Kind) -> None:
    def mean(world_values: str) -> float:
        worlds = [World.random(seed, rewards=kind) for seed in SEEDS]
        return float(np.mean([one.reward_of(one.at_kl(getattr(one, world_values)(), 1.0)) for one in worlds]))

    limit = float(np.mean([World.random(seed, rewards=kind).limit(1.0) for seed in SEEDS]))
    controlled, transfer = mean("controlled"), mean("indirect")
    assert transfer >= controlled + 0.4 * (limit - controlled)
    assert limit > transfer > mean("naive")
    assert transfer > mean("repository")


def test_errors_of_samples_fall_with_the_square_root_of_their_number() -> None:
    world = WORLDS[1]
    base, stream = world.aligned(world.other), np.random.default_rng(7)
    shares, exact = np.exp(base), float(world.reward_of(world.aligned(world.reward)))
    estimate = partial(indirect, beta=world.beta, least_ess=0.0)
    counts, errors = [16, 64, 256, 1024], list[float]()
    for count in counts:
        drawn = stream.choice(len(shares), size=(400, count), p=shares / shares.sum())
        found = estimate(world.reward[drawn], world.other[drawn]).value
        errors.append(float(np.sqrt(np.mean((found - exact) ** 2))))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


def test_limits() -> None:
    world = WORLDS[2]
    assert world.limit(0.0) == pytest.approx(world.reward_of(world.log_p))
    assert world.limit(50.0) == pytest.approx(float(world.reward.max()), abs=1e-3)
    assert close(weighted(world.log_p, world.reward, weight=2.0), world.aligned(world.reward)) <= EXACT
    assert world.values(direct, world.log_p, world.reward)[0].shape == (1, world.tokens)
