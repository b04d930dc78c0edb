"""The paper's two observations, at a prompt of the user's: who gets the attention, and whom he stands beside.

H2O, section 3: attention summed over queries follows a power law, and a token's sum goes with how often it stands
beside others. `skew` is the share of attention that the most attended fifth of the tokens get, in the mean of all
heads; the rank correlation is Spearman's, over the prompt's distinct tokens, between summed attention and the number of
other tokens within `NEAR` places. Since the first tokens are seen by most queries, a sum grows with being early: the
second correlation is of attention divided by how many queries could see the token.

What removing the heavy hitters does is measured by rows of the policies `without-heavy` and `without-random`
(`removal.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dikast.evaluation.agreement import spearman
from dikast.graphs.h2o.records import Observed

Floats = NDArray[np.float64]
NEAR = 8
"""Places on either side within which two tokens occur together."""
HEAVY_SHARE = 0.2


def observe(tokens: Sequence[int], scores: Floats) -> Observed:
    """The observations at one prompt.

    Args:
        tokens: The prompt's.
        scores: Summed attention, shape (heads of all layers, tokens).
    """
    seen = np.arange(len(tokens), 0, -1)
    return Observed(
        skew=skew_of(scores),
        tokens=len(tokens),
        types=len(set(tokens)),
        rank_correlation=correlation(tokens, scores.mean(0)),
        rank_correlation_normalised=correlation(tokens, (scores / seen).mean(0)),
    )


def skew_of(scores: Floats) -> float:
    """The share of the attention that the most attended fifth of the tokens get, a mean over heads."""
    most = max(1, round(HEAVY_SHARE * scores.shape[1]))
    largest = np.sort(scores, axis=1)[:, -most:].sum(1)
    return float((largest / scores.sum(1)).mean())


def neighbours(tokens: Sequence[int]) -> dict[int, int]:
    """How many other tokens stand near each distinct token, all its places together, each pair counted once."""
    near: dict[int, set[int]] = defaultdict(set)
    for place, token in enumerate(tokens):
        near[token].update(tokens[max(0, place - NEAR) : place + NEAR + 1])
    return {token: len(others - {token}) for token, others in near.items()}


def correlation(tokens: Sequence[int], attention: Floats) -> float:
    """Spearman's, over distinct tokens: attention at all their places, and how many others stand near them.

    0 where either is the same for all.
    """
    sums: dict[int, float] = defaultdict(float)
    for token, value in zip(tokens, attention, strict=True):
        sums[token] += float(value)
    beside = neighbours(tokens)
    both = [[float(values[token]) for token in sums] for values in (sums, beside)]
    if any(len(set(one)) == 1 for one in both):
        return 0.0
    return spearman(both[0], both[1])
