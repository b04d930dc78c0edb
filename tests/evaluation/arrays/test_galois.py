from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from dikast.evaluation.arrays.galois import bush, prime_power, tables


@pytest.mark.parametrize("q", [2, 3, 4, 5, 7, 8, 9, 16, 25, 27])
def test_fields_are_fields(q: int) -> None:
    plus, times = tables(q)
    ones = range(q)
    assert (plus == plus.T).all()
    assert (times == times.T).all()
    assert [sorted(row) for row in plus.tolist()] == [list(ones)] * q
    assert [sorted(row[1:]) for row in times.tolist()[1:]] == [list(range(1, q))] * (q - 1)
    assert all(times[a, plus[b, c]] == plus[times[a, b], times[a, c]] for a in ones for b in ones for c in ones)


def test_prime_powers() -> None:
    assert [q for q in range(1, 33) if prime_power(q)] == [
        2,
        3,
        4,
        5,
        7,
        8,
        9,
        11,
        13,
        16,
        17,
        19,
        23,
        25,
        27,
        29,
        31,
        32,
    ]


@pytest.mark.parametrize(("q", "strength"), [(2, 2), (3, 3), (4, 2), (5, 3), (8, 2), (9, 2)])
def test_bush_arrays_are_orthogonal(q: int, strength: int) -> None:
    array = bush(q, strength)
    assert array.shape == (q**strength, q + 1)
    for columns in combinations(range(q + 1), strength):
        assert len(np.unique(array[:, columns], axis=0)) == q**strength
