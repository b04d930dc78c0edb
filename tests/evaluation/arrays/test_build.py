from __future__ import annotations

from random import Random

import pytest

from dikast.evaluation.arrays.build import covering_array
from dikast.evaluation.arrays.space import Row, Space
from dikast.evaluation.covering import coverage, plan
from tests.evaluation.test_covering import axes_of


@pytest.mark.parametrize(
    ("sizes", "strength", "most"),
    [
        ((3,) * 4, 2, 9),  # an orthogonal array
        ((3,) * 13, 2, 15),  # Williams 2000; AETG 15
        ((2,) * 35, 2, 8),  # Katona 1973: 8 rows hold C(7, 4) = 35 factors
        ((5,) * 6, 3, 125),  # an orthogonal array
        ((3,) * 6, 3, 33),  # the best known
        ((5, 4, 4, 3, 2, 2), 3, 80),  # the lower bound
        ((4,) * 5 + (2,) * 13, 2, 18),
    ],
)
def test_arrays_are_near_the_published_sizes(sizes: tuple[int, ...], strength: int, most: int) -> None:
    axes = axes_of(sizes)
    cells = plan(axes, strength=strength)
    assert len(cells) <= most
    assert coverage(axes, strength, cells).missing == ()


def test_20_factors_of_10_values_in_at_most_200_tests() -> None:
    """AETG 180, IPO 212, PICT 210 (pairwise.org's table of tools)."""
    axes = axes_of((10,) * 20)
    cells = plan(axes, strength=2)
    assert len(cells) <= 190
    assert coverage(axes, 2, cells).missing == ()


def test_rows_are_tuples_of_plain_numbers() -> None:
    rows: list[Row] = covering_array(Space((3, 2)), 2, Random(0))
    assert sorted(rows) == [(a, b) for a in range(3) for b in range(2)]
