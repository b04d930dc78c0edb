"""Finite fields, and the orthogonal arrays that polynomials over them make.

    bush(5, 2)       # 25 rows, 6 columns of 5 levels: every two columns have every pair exactly once

Bush 1952: the rows are the polynomials of degree below t over GF(q), a column evaluates them at one element, and a last
column holds their leading coefficient.

Not covered: the column that strength 3 has beyond q+1 where q is a power of 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def prime_power(q: int) -> tuple[int, int] | None:
    """`(p, m)` with q = p**m and p a prime; `None` if q is no prime power."""
    p = next((d for d in range(2, q + 1) if q % d == 0), 0)
    m, rest = 0, q
    while p and rest % p == 0:
        m, rest = m + 1, rest // p
    return (p, m) if p and rest == 1 else None


@cache
def tables(q: int) -> tuple[Ints, Ints]:
    """Addition and multiplication of GF(q), each of shape (q, q); 0 and 1 are what they are called."""
    found = prime_power(q)
    assert found is not None
    p, m = found
    digits = [tuple((x // p**i) % p for i in range(m)) for x in range(q)]
    number = {digit: x for x, digit in enumerate(digits)}
    plus = np.array([[number[tuple((a + b) % p for a, b in zip(x, y, strict=True))] for y in digits] for x in digits])
    modulus = _irreducible(p, m)
    times = np.array([[number[_reduced(_multiplied(x, y, p), modulus, p)] for y in digits] for x in digits])
    return plus, times


def bush(q: int, strength: int) -> Ints:
    """The array, of shape (q**strength, q+1); its first q rows are the constant polynomials.

    Args:
        q: A prime power.
        strength: t, at most q.
    """
    plus, times = tables(q)
    rows = np.array(list(product(range(q), repeat=strength)))  # coefficients, leading first
    values = np.zeros((len(rows), q), np.int64)
    for column in range(strength):  # Horner
        values = plus[times[values, np.arange(q)], rows[:, column : column + 1]]
    return np.hstack([values, rows[:, :1]])


def _multiplied(x: Sequence[int], y: Sequence[int], p: int) -> list[int]:
    out = [0] * (len(x) + len(y) - 1)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            out[i + j] = (out[i + j] + a * b) % p
    return out


def _reduced(polynomial: list[int], modulus: Sequence[int], p: int) -> tuple[int, ...]:
    """The remainder by a monic modulus; coefficients from the constant one up."""
    degree = len(modulus) - 1
    rest = list(polynomial)
    for top in range(len(rest) - 1, degree - 1, -1):
        factor = rest[top]
        for i, c in enumerate(modulus):
            rest[top - degree + i] = (rest[top - degree + i] - factor * c) % p
    return tuple(rest[:degree]) + (0,) * (degree - len(rest))


def _irreducible(p: int, m: int) -> tuple[int, ...]:
    """The first monic polynomial of degree m that no monic one of degree 1 .. m/2 divides."""

    def monic(degree: int) -> list[tuple[int, ...]]:
        return [(*low, 1) for low in product(range(p), repeat=degree)]

    smaller = [divisor for degree in range(1, m // 2 + 1) for divisor in monic(degree)]
    return next(f for f in monic(m) if all(any(_reduced(list(f), d, p)) for d in smaller))
