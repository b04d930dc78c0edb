"""What tables of losses by route say: the oracle, the oracle cross-fitted, the null. No torch here.

    losses = oracle_of(table, allowed, tokens)      # nats a token of each sequence
    cross_fitted(table, allowed, tokens)            # chosen by every other token, scored on the rest
    null(table, allowed, tokens, seed=0)            # where no route suits a sequence

A table is (routes, sequences, tokens) in nats, as `Search.table` gives it; or (routes, sequences, 2), the sums over
every other token and over the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def oracle_of(table: Floats, allowed: NDArray[np.bool_], tokens: Floats) -> Floats:
    """Nats a token of each sequence under its best allowed route.

    Args:
        table: (routes, sequences, tokens), as `Search.table`.
        allowed: Of each route, whether it is within the budget.
        tokens: Of each sequence, how many are predicted.
    """
    return (table[allowed].sum(axis=2) / tokens).min(axis=0)


def cross_fitted(table: Floats, allowed: NDArray[np.bool_], tokens: Floats) -> Floats:
    """The same, where a route is chosen by every other token and scored on the rest, both ways round."""
    within, total = table[allowed], np.zeros(table.shape[1])
    for first in (0, 1):
        chosen = within[:, :, first::2].sum(axis=2).argmin(axis=0)
        total += within[:, :, 1 - first :: 2].sum(axis=2)[chosen, np.arange(table.shape[1])]
    return total / tokens


def null(table: Floats, allowed: NDArray[np.bool_], tokens: Floats, seed: int, permutations: int = 20) -> float:
    """Mean nats a token of an oracle whose routes know nothing of the sequence.

    What a route is better or worse by than the mean route of a sequence is dealt out anew among the sequences, for
    each route on its own: routes are as good as before, but none suits a sequence.
    """
    random = np.random.default_rng(seed)
    losses = table[allowed].sum(axis=2) / tokens
    level = losses.mean(axis=0)
    # What lies around a mean of n varies less by (n - 1) / n than what lies around the truth.
    apart = (losses - level) * np.sqrt(len(losses) / max(1, len(losses) - 1))
    dealt = (random.permuted(apart, axis=1) for _ in range(permutations))
    return float(np.mean([(one.min(axis=0) + level).mean() for one in dealt]))
