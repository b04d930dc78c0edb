"""Which route to try next, from what other sequences' routes have cost: without torch.

    prior = Prior.of(others.losses())           # a `Search` of sequences held apart: all routes are tried, once
    guess = Guess(prior, within, sequences=8)   # of the routes within a budget
    wanted = guess.next(best)                   # a route for each sequence
    guess.learn(wanted, losses)

A sequence's losses by route are taken for one draw of a normal distribution, whose mean and covariance are those of
the other sequences (and a little that each route has of its own). Each route that was tried tells of all routes that go
with it; the next one is that of which the largest improvement is expected.

Ours, not the paper's, which tries all routes. Expected improvement: Jones, Schonlau, Welch 1998.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from dikast.errors import UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

OWN = 1e-5
"""What each route has of its own, as a share of the routes' mean variance. Chosen on the benchmark's tuning seeds."""
NOISE = 1e-8
"""Of a measured loss, squared nats."""
FEWEST = 2
FAR = 30.0
"""Standard deviations from which on the leading term stands for the whole, which is no number any more."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of routes before a sequence is seen.

    Args:
        mean: Of each route, in nats a token.
        apart: (routes, sequences): what lies around it, so scaled that `apart @ apart.T` is the covariance.
    """

    mean: Floats
    apart: Floats

    @classmethod
    def of(cls, losses: Floats) -> Prior:
        """From nats a token of some sequences under all routes, (routes, sequences).

        They should be none of those that are searched: a route would be known before it was tried.

        Raises:
            UsageError: There are fewer than two sequences, or a loss is no number.
        """
        if losses.ndim != 2 or losses.shape[1] < FEWEST:
            raise UsageError(f"a prior needs losses of {FEWEST} sequences or more under all routes")
        if not np.isfinite(losses).all():
            raise UsageError("a prior's losses are not all numbers")
        mean = losses.mean(axis=1)
        return cls(mean, (losses - mean[:, None]) / np.sqrt(losses.shape[1] - 1))


class Guess:
    """What is expected of each route of some sequences, by what was tried of each.

    Args:
        prior: Of all routes.
        within: Numbers of the routes that may be tried.
        sequences: How many.
    """

    def __init__(self, prior: Prior, within: Ints, sequences: int) -> None:
        self._apart: Floats = prior.apart[within]
        variance = (self._apart**2).sum(axis=1)
        self._own = OWN * float(variance.mean())
        self.mean: Floats = np.tile(prior.mean[within], (sequences, 1))
        self.variance: Floats = np.tile(variance + self._own, (sequences, 1))
        self._tried = np.zeros(self.mean.shape, bool)
        self._factors: list[Floats] = []
        self._every = np.arange(sequences)

    def next(self, best: Floats | None) -> Ints:
        """The most promising route of each sequence, as a place in `within`; none twice.

        Args:
            best: The lowest loss of each so far; `None` before anything was tried.
        """
        if best is None:
            value = -self.mean
        else:
            spread = np.sqrt(np.maximum(self.variance, NOISE))
            value = log_improvement((best[:, None] - self.mean) / spread) + np.log(spread)
        return np.where(self._tried, -np.inf, value).argmax(axis=1).astype(np.int64)

    def learn(self, places: Ints, losses: Floats) -> None:
        """Take in what a route of each sequence cost."""
        every = self._every
        shared = self._apart[places] @ self._apart.T
        shared[every, places] += self._own
        for factor in self._factors:
            shared -= factor * factor[every, places, None]
        variance = np.maximum(shared[every, places], 0.0) + NOISE
        surprise = losses - self.mean[every, places]
        self.mean += shared * (surprise / variance)[:, None]
        factor = shared / np.sqrt(variance)[:, None]
        self.variance -= factor**2
        self._factors.append(factor)
        self._tried[every, places] = True


def log_improvement(z: Floats) -> Floats:
    """The logarithm of how far a standard normal variable is expected to fall below z, nothing where it does not."""
    near = np.maximum(z, -FAR)
    likely: Floats = np.exp(log_ndtr(near))
    found: Floats = np.log(near * likely + density(near))
    beyond = np.minimum(z, -FAR)
    return np.where(z < -FAR, -(beyond**2) / 2 - np.log(np.sqrt(2 * np.pi) * beyond**2), found)


def density(z: Floats) -> Floats:
    """Of the standard normal distribution."""
    found: Floats = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return found
