"""Arrays that are known without a search: what a covering array of any axes may start from.

    for name, base in bases(space, 2): ...

Each base is a list of rows for the space's own factors, in which -1 says that any level will do; what it leaves
uncovered is filled in by `dikast.evaluation.arrays.greedy`. A base for q levels serves a factor of fewer (the levels
beyond are open: Colbourn's fusion of levels) and one of more (its further levels are left to be filled in).

- `sum`: all combinations of the t largest factors, and the sum of their levels: the fewest rows for t+1 factors.
- `bush q`: an orthogonal array of q+1 columns over GF(q) (Bush 1952).
- `folded q`: strength 2, (q+1) q^m columns and one more: the same array m+1 times, each time with other columns
  standing together (Stevens and Mendelsohn 1999; Williams 2000).
- `halves`: strength 2, factors of two levels: every column another half of the rows (Katona 1973; Kleitman and
  Spencer 1973), the fewest rows there can be.

Not covered: tables of best known arrays, perfect hash families, cover starters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, islice, product
from math import comb

import numpy as np

from dikast.evaluation.arrays.galois import Ints, bush, prime_power
from dikast.evaluation.arrays.space import OPEN, Space

BASE_ROWS = 4000
"""A base of more rows takes longer to fill in than anybody waits."""

Base = list[list[int]]


def bases(space: Space, strength: int) -> Iterator[tuple[str, Base]]:
    """Every construction that is of use here, by name, with impossible parts of rows opened."""
    largest = sorted(range(len(space.sizes)), key=lambda f: (-space.sizes[f], f))
    for name, columns in _arrays([space.sizes[f] for f in largest], strength):
        rows = np.full((len(columns), len(largest)), OPEN, np.int64)
        rows[:, largest[: columns.shape[1]]] = columns
        too_high = rows >= np.array(space.sizes)
        yield name, [_made_possible(space, row) for row in np.where(too_high, OPEN, rows).tolist()]


def _arrays(sizes: Sequence[int], strength: int) -> Iterator[tuple[str, Ints]]:
    if np.prod(sizes[:strength]) <= BASE_ROWS:
        yield "sum", _sum(sizes, strength)
    for q in _orders(sizes, strength):
        if q**strength <= BASE_ROWS:
            array = bush(q, strength)
            yield f"bush {q}", array[:, : len(sizes)]
            if strength == 2 and len(sizes) > q + 1:
                yield f"folded {q}", _folded(array, q, len(sizes))
    if strength == 2 and sizes[0] == 2:
        yield "halves", _halves(len(sizes))


def _orders(sizes: Sequence[int], strength: int) -> list[int]:
    """For each size, the nearest prime powers on both sides; none below the strength, nor twice the largest size."""
    powers = [q for q in range(max(2, strength), 2 * sizes[0] + 2) if prime_power(q)]
    found: set[int] = set()
    for size in set(sizes[: strength + 2]):
        found.update([q for q in powers if q <= size][-1:])
        found.update([q for q in powers if q >= size][:2])
    return sorted(found)


def _sum(sizes: Sequence[int], strength: int) -> Ints:
    rows = np.array(list(product(*(range(size) for size in sizes[:strength]))))
    if len(sizes) == strength:
        return rows
    return np.hstack([rows, rows.sum(axis=1, keepdims=True) % sizes[strength]])


def _folded(array: Ints, q: int, k: int) -> Ints:
    """The array's column that a factor has differs from another's on one level of folding at least."""
    unequal = array[q:]  # without the constant rows, two columns have all pairs of unequal levels
    levels = 1
    while (q + 1) * q**levels + 1 < k:
        levels += 1
    places = islice(product(range(q + 1), *[range(q)] * levels), k)
    names = np.array(list(places))
    parts = [array[:, names[:, 0]], *(unequal[:, names[:, i + 1]] for i in range(levels))]
    rows = np.vstack(parts)
    if len(names) == k:
        return rows
    last = np.full((len(rows), 1), OPEN)
    last[: len(array)] = 0
    last[len(array) : len(array) + len(unequal)] = unequal[:, q:]
    return np.hstack([rows, last])


def _halves(k: int) -> Ints:
    n = next(n for n in range(4, k + 5) if comb(n - 1, (n + 1) // 2) >= k)
    rows = np.zeros((n, k), np.int64)
    for column, chosen in enumerate(islice(combinations(range(1, n), (n + 1) // 2), k)):
        rows[list(chosen), column] = 1
    return rows


def _made_possible(space: Space, row: Sequence[int]) -> list[int]:
    """The row with what breaks a rule opened, level by level."""
    made = [OPEN] * len(row)
    for factor, level in enumerate(row):
        if level != OPEN and (not space.constrained(factor) or space.fits(made, factor, level)):
            made[factor] = level
    return made
