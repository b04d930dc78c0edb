"""The best `k` of an array of scores, exactly, ties by place ascending.

    places, scores = top(scores, 10)

A score, its bits turned round, and its place are packed into one 64-bit key, whose order is the ranking's, so that
sorting needs no second look at ties. Before that, most places are ruled out by a bound: the k-th best of the maxima of
many small groups is no better than the k-th best of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Groups of 4 to 8: best or near it for k = 10 to 1,000 on 400 to 1,000,000 scores.
SMALLEST, GROUP = 4, 8
FEW = 512  # so few keys are sorted sooner than a bound is found for them
_HALF = "<u4"  # of a key: the place, then the score


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
    places = (scores >= bound).nonzero()[0] if bound > 0 else (scores > 0).nonzero()[0]
    return best(places, scores[places], k)


def top_of_rows(scores: NDArray[np.float32], k: int) -> list[Ranking]:
    """As `top`, of each row: half the price where a row has a few hundred scores."""
    keys = _keys(np.arange(scores.shape[1], dtype=np.int64), scores)
    keys.sort(axis=1)
    documents, values = _unpacked(keys[:, :k])
    held = np.count_nonzero(values, axis=1).tolist()
    return [Ranking(documents[row, :count], values[row, :count]) for row, count in enumerate(held)]


def best(places: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranking:
    """The best `k` of these scores, none negative, which stand at these places."""
    if len(places) > max(2 * k, FEW):
        reached = (scores >= np.partition(scores, len(scores) - k)[len(scores) - k]).nonzero()[0]
        places, scores = places[reached], scores[reached]
    keys = _keys(places, scores)
    keys.sort()
    return Ranking(*_unpacked(keys[:k]))


def _keys(places: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.uint64]:
    keys = np.empty(scores.shape, "<u8")
    halves = keys.view(_HALF)
    halves[..., 0::2] = places
    np.invert(scores.view(np.uint32), out=halves[..., 1::2])
    return keys


def _unpacked(keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    halves = keys.view(_HALF)
    return halves[..., 0::2].astype(np.int64), (~halves[..., 1::2]).view(np.float32)


def best_signed(places: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranking:
    """As `best`, slower, for scores of either sign; `places` ascend."""
    order = np.argsort(-scores, kind="stable")[:k]
    return Ranking(places[order], scores[order])


def _bound(scores: NDArray[np.float32], k: int) -> np.float32 | float:
    """A score that at least `k` places reach, or 0."""
    size = min(len(scores) // (2 * k), GROUP)
    if size < SMALLEST or len(scores) <= FEW:
        return 0.0
    groups = len(scores) // size
    maxima = scores[: groups * size].reshape(size, groups).max(axis=0)
    return np.partition(maxima, groups - k)[groups - k]
