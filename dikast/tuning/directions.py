"""Directions in which points are drawn: Gaussian ones, in pairs of opposites, within a subspace.

    directions = draw(random, count=6, dimensions=30, antithetic=True, subspace=8)

A subspace of r dimensions makes the estimate as exact as in a problem of r dimensions, along r of the d directions: a
new one is drawn each time, so that in the end all are tried. `Subspace` is a fixed one, for parameters that are too
many to be moved one by one: the algorithm moves r numbers, `lift` makes d of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dikast.errors import UsageError
from dikast.tuning.estimator import Floats


def draw(
    random: np.random.Generator, count: int, dimensions: int, *, antithetic: bool = False, subspace: int | None = None
) -> Floats:
    """Directions, a line each; a coordinate's variance is 1, in a subspace on the average of all subspaces.

    Args:
        random: What draws.
        count: How many.
        dimensions: Of the space.
        antithetic: Whether each is followed by its opposite; of an odd number the last has none.
        subspace: Dimensions of the subspace in which all of them lie.
    """
    free = (count + 1) // 2 if antithetic else count
    if subspace is None or subspace >= dimensions:
        found = random.standard_normal((free, dimensions))
    else:
        basis = orthonormal(random, dimensions, subspace)
        found = random.standard_normal((free, subspace)) @ basis.T * np.sqrt(dimensions / subspace)
    return np.stack([found, -found], axis=1).reshape(-1, dimensions)[:count] if antithetic else found


def orthonormal(random: np.random.Generator, dimensions: int, rank: int) -> Floats:
    """Orthonormal columns, uniformly drawn.

    Raises:
        UsageError: There cannot be so many.
    """
    if not 1 <= rank <= dimensions:
        raise UsageError(f"no subspace of {rank} dimensions lies in one of {dimensions}")
    basis, upper = np.linalg.qr(random.standard_normal((dimensions, rank)))
    return basis * np.sign(np.diagonal(upper))


@dataclass(frozen=True)
class Subspace:
    """A fixed subspace through a point.

    Args:
        origin: The point; `d` numbers.
        basis: `d` lines, `r` columns.
    """

    origin: Floats
    basis: Floats

    @classmethod
    def drawn(cls, origin: Floats, rank: int, *, seed: int) -> Subspace:
        """One with orthonormal columns drawn by chance.

        Raises:
            UsageError: It would have more dimensions than the space.
        """
        return cls(origin, orthonormal(np.random.default_rng(seed), len(origin), rank))

    def lift(self, inner: Floats) -> Floats:
        """`r` numbers -> the point of the space; lines of them -> lines."""
        return self.origin + inner @ self.basis.T
