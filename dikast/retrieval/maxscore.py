"""Ranking by added contributions, exactly, skipping what cannot matter (MaxScore; Turtle and Flood 1995).

Terms are taken from the one that can add most to the one that can add least, each adding to an array of all scores.
Once the k-th best score so far is beyond what the remaining terms can add together, only documents near it can still
enter the top k; if they are few, the long remaining lists are searched for them instead of being added.

On 1,000,000 documents with 1.2 million postings a query: 1.5 ms, not 4.4 ms, for k = 10; 2.3 ms, not 4.6 ms, for
k = 100; about even for k = 1000. On 100,000 documents it gains nothing, hence `WORTHWHILE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dikast.retrieval.topk import Ranking, best, best_signed, top, top_of_rows

WORTHWHILE = 100_000  # postings left to add; measured, see above
SEARCH_COST = 25  # looking for one document in a list costs about as much as adding this many postings
SLACK = 1e-5  # bounds are widened by this share, since sums of 32-bit floats round

Places = NDArray[np.intp] | NDArray[np.int32]
Scores = NDArray[np.float32]


class Contribution(NamedTuple):
    """What one weighted term adds to the scores of documents, given in ascending order.

    Attributes:
        everywhere: The scores of all documents, 0 where the term is not; only where adding them all is quicker.
    """

    documents: Places
    scores: Scores
    highest: float
    weight: float = 1.0
    everywhere: Scores | None = None

    def with_weight(self, weight: float) -> Contribution:
        """The same term under another weight; three times as quick as `_replace`."""
        return Contribution(self.documents, self.scores, self.highest, weight, self.everywhere)

    def weighted(self, chosen: NDArray[np.intp] | slice = slice(None)) -> Scores:
        """The scores times the weight."""
        return self.scores[chosen] * np.float32(self.weight)


def rank(terms: Sequence[Contribution], documents: int, k: int) -> Ranking:
    """The best `k` of the documents that hold any term, best first, ties by number.

    Args:
        terms: In falling order of `weight * highest`.
        documents: How many there are.
        k: At least 1.
    """
    scores = np.zeros(documents, np.float32)
    if _signed(terms):
        _add(terms, scores)
        touched = np.unique(np.concatenate([term.documents for term in terms])).astype(np.int64)
        return best_signed(touched, scores[touched], k)
    if sum([len(term.documents) for term in terms]) > WORTHWHILE:
        return _rank_pruned(terms, scores, k)
    _add(terms, scores)
    return top(scores, k)


def rank_each(queries: Sequence[Sequence[Contribution]], documents: int, k: int) -> list[Ranking]:
    """As `rank` for each query, bit for bit, quicker for a few queries over a few hundred documents."""
    if any(map(_signed, queries)):
        return [rank(terms, documents, k) for terms in queries]
    scores = np.zeros((len(queries), documents), np.float32)
    for terms, row in zip(queries, scores, strict=True):
        _add(terms, row)
    return top_of_rows(scores, k)


def _signed(terms: Sequence[Contribution]) -> bool:
    return min([term.weight for term in terms], default=0) < 0


def _add(terms: Sequence[Contribution], scores: Scores) -> None:
    for documents, held, _, weight, everywhere in terms:
        if everywhere is not None:  # adding 0 changes no bit of a score
            scores += everywhere if weight == 1 else everywhere * np.float32(weight)
        else:
            np.add.at(scores, documents, held if weight == 1 else held * np.float32(weight))


def _rank_pruned(terms: Sequence[Contribution], scores: Scores, k: int) -> Ranking:
    left = list(accumulate((len(term.documents) for term in reversed(terms)), initial=0))[::-1]
    rest = list(accumulate((term.weight * term.highest for term in reversed(terms)), initial=0.0))[::-1]
    for place in range(len(terms)):
        if place and left[place] > WORTHWHILE:
            near = _near(scores, terms[:place], rest[place], k)
            if near is not None and len(near) * (len(terms) - place) * SEARCH_COST < left[place]:
                return _search(near, scores[near], terms[place:], rest[place + 1 :], k)
        _add(terms[place : place + 1], scores)
    return top(scores, k)


def _near(scores: Scores, added: Sequence[Contribution], rest: float, k: int) -> NDArray[np.intp] | None:
    """The documents that can still reach the top `k`; `None` while any document can."""
    bound = max((_kth(scores[term.documents], k) for term in added if len(term.documents) >= k), default=0.0)
    lowest = bound - rest * (1 + SLACK)
    return np.flatnonzero(scores >= lowest) if lowest > 0 else None


def _search(
    near: NDArray[np.intp], scores: Scores, terms: Sequence[Contribution], rest: Sequence[float], k: int
) -> Ranking:
    """Add the remaining terms to these documents alone; `rest` is what the terms after each can add."""
    for term, after in zip(terms, rest, strict=True):
        places = np.searchsorted(term.documents, near)
        places[places == len(term.documents)] = 0
        held = term.documents[places] == near
        scores[held] += term.weighted(places[held])
        if len(near) > k:
            kept = scores >= _kth(scores, k) - after * (1 + SLACK)
            near, scores = near[kept], scores[kept]
    return best(near, scores, k)


def _kth(scores: Scores, k: int) -> float:
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])
