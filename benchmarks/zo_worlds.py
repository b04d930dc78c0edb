"""What ZO-RankSGD is tried on without a method: quadratics, and a pole on a cart whose policy sees rankings alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dikast.tuning.asking import Algorithm
from dikast.tuning.estimator import Floats, Ranking
from dikast.tuning.oracles import rank_values

Function = Callable[[Floats], float]
INPUTS, HIDDEN = 4, 6
PARAMETERS = HIDDEN * (INPUTS + 1) + HIDDEN + 1
LONGEST = 200
"""Steps of an episode at most: a step is 0.02 s."""
EPISODES = 4
"""Starts that each policy of a question is tried on, the same for all of them."""
TRIED_ON = 50
"""Starts that a policy is measured on afterwards; none of them was seen."""


def sphere(point: Floats) -> float:
    return float(point @ point)


def ellipsoid(dimensions: int, condition: float = 1e3) -> Function:
    """Axes that are up to so much steeper than others."""
    weights = condition ** (np.arange(dimensions) / (dimensions - 1))
    return lambda point: float(weights * point @ point)


def start_of(dimensions: int, seed: int) -> Floats:
    return 1.6 * np.random.default_rng([seed, dimensions]).standard_normal(dimensions)


def random_quadratic(random: np.random.Generator, dimensions: int) -> tuple[Function, Floats]:
    """One in the unit cube, turned, of a condition of up to 30, every second one in steps of 0.01; and a start."""
    basis, _ = np.linalg.qr(random.standard_normal((dimensions, dimensions)))
    matrix = (basis * 10 ** random.uniform(0, 1.5, dimensions)) @ basis.T
    middle, stepped = random.uniform(0.05, 0.95, dimensions), random.random() < 0.5

    def value(point: Floats) -> float:
        found = float((point - middle) @ matrix @ (point - middle))
        return round(found, 2) if stepped else found

    return value, random.uniform(0, 1, dimensions)


def best_within(algorithm: Algorithm, value: Function, start: Floats, trials: int) -> float:
    """The lowest value that was seen; a point that comes again is no trial, and the start is the first."""
    seen = {start.tobytes(): value(start)}
    while (room := trials - len(seen)) > 0 and (question := algorithm.ask(room)) is not None:
        for point in question.points:
            if point.tobytes() not in seen:
                seen[point.tobytes()] = value(point)
        algorithm.tell(rank_values([seen[point.tobytes()] for point in question.points]))
    return min(seen.values())


@dataclass
class Pole:
    """Ranks policies by how long they keep a pole upright on a cart, over the same few starts; no number is told.

    The equations are those of Barto, Sutton and Anderson (1983), the force is continuous.

    Args:
        seed: Of the starts.
        asked: Policies that were ranked.
    """

    seed: int
    asked: int = 0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)

    def rank(self, points: Floats, best: int) -> Ranking:
        """The longest episodes first."""
        starts = self._random.uniform(-0.2, 0.2, (EPISODES, INPUTS))
        self.asked += len(points)
        return rank_values([-float(lengths(point, starts).mean()) for point in points], best)


def lengths(parameters: Floats, starts: Floats) -> Floats:
    """Steps that a policy keeps the pole up from each start."""
    split = HIDDEN * (INPUTS + 1)
    inner, outer = parameters[:split].reshape(HIDDEN, INPUTS + 1), parameters[split:]
    state, alive = starts.copy(), np.ones(len(starts), bool)
    steps = np.zeros(len(starts))
    for _ in range(LONGEST):
        hidden = np.tanh(state @ inner[:, :INPUTS].T + inner[:, INPUTS])
        state = move(state, 10 * np.tanh(hidden @ outer[:HIDDEN] + outer[HIDDEN]))
        alive &= (np.abs(state[:, 0]) < 2.4) & (np.abs(state[:, 2]) < 0.21)
        steps += alive
        if not alive.any():
            break
    return steps


def move(state: Floats, force: Floats) -> Floats:
    """The next state: a cart of 1 kg, a pole of 0.1 kg and half a metre to its middle, 0.02 s."""
    place, speed, angle, turn = state.T
    sine, cosine = np.sin(angle), np.cos(angle)
    pushed = (force + 0.05 * turn**2 * sine) / 1.1
    spin = (9.8 * sine - cosine * pushed) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
    slide = pushed - 0.05 * spin * cosine / 1.1
    return np.stack([place + 0.02 * speed, speed + 0.02 * slide, angle + 0.02 * turn, turn + 0.02 * spin], axis=1)


def tried(parameters: Floats, seed: int) -> float:
    """The mean length of episodes from starts that no question had."""
    starts = np.random.default_rng([seed, 1]).uniform(-0.2, 0.2, (TRIED_ON, INPUTS))
    return float(lengths(parameters, starts).mean())


def told(values: list[float], digits: int = 4) -> dict[str, Any]:
    """Some seeds' figures: the median, the least and the most."""
    found = {"median": float(np.median(values)), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.{digits}g}") for name, value in found.items()}
