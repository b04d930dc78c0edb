"""The best `k` of an array of scores, exactly, ties by place ascending.

    places, scores = top(scores, 10)

A score and its place are packed into one 64-bit key, whose order is the ranking's, so that sorting needs no second
look at ties. Before that, most places are ruled out by a bound: the k-th best of the maxima of many small groups is no
better than the k-th best of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Groups of 8: best or near it for k = 100 on 5,000 to 1,000,000 scores, 25 us against 60 us for a partition of 5,183.
GROUP = 8
_LOW = np.uint64(0xFFFFFFFF)
_HIGH = np.uint64(32)


class Ranking(NamedTuple):
    """Document numbers and their scores, best first."""

    documents: NDArray[np.int64]
    scores: NDArray[np.float32]


def top(scores: NDArray[np.float32], k: int) -> Ranking:
    """The best `k` of the scores above zero.

    Args:
        scores: One a document; none negative.
        k: At least 1.
    """
    bound = _bound(scores, k)
    places = np.flatnonzero(scores >= bound) if bound > 0 else np.flatnonzero(scores)
    return best(places, scores[places], k)


def best(places: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranking:
    """The best `k` of these scores, none negative, which stand at these places."""
    keys = (scores.view(np.uint32).astype(np.uint64) << _HIGH) | (_LOW - places.astype(np.uint64))
    if len(keys) > k:
        keys = np.partition(keys, len(keys) - k)[-k:]
    keys.sort()
    keys = keys[::-1]
    return Ranking((_LOW - (keys & _LOW)).astype(np.int64), (keys >> _HIGH).astype(np.uint32).view(np.float32))


def best_signed(places: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranking:
    """As `best`, slower, for scores of either sign; `places` ascend."""
    order = np.argsort(-scores, kind="stable")[:k]
    return Ranking(places[order], scores[order])


def _bound(scores: NDArray[np.float32], k: int) -> np.float32 | float:
    """A score that at least `k` places reach, or 0."""
    groups = len(scores) // GROUP
    if groups <= k:
        return 0.0
    maxima = scores[: groups * GROUP].reshape(GROUP, groups).max(axis=0)
    return np.partition(maxima, groups - k)[groups - k]
