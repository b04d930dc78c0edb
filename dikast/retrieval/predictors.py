"""How good a ranking looks, without judgments: query performance predictors.

    predict(candidates, matrix, by="agreement")        # a value for each candidate, the higher the better

With D_k a ranking's top k, C the collection and score(C) the mean BM25 score over all documents:

| predictor | value | source |
| --- | --- | --- |
| `clarity` | KL divergence, in bits, of D_k's language model from C's | Cronen-Townsend, Zhou and Croft 2002 |
| `nqc` | standard deviation of D_k's scores / score(C) | Shtok, Kurland, Carmel, Raiber and Markovits 2012 |
| `wig` | mean over D_k of score - score(C), / square root of the query's weight | Zhou and Croft 2007 |
| `agreement` | discounted votes of the other rankings for D_k, 1 / (k + rank) each | as RRF: Cormack et al. 2009 |

The first three were made to compare queries; between reformulations of one query they tell little. What does better is
`dikast.retrieval.evidence`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from dikast.errors import UsageError
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.termmatrix import TermMatrix

Predictor = Literal["clarity", "nqc", "wig", "agreement"]

DEPTH = 10
"""Documents of a ranking that count: nDCG@10's."""
CLARITY_DEPTH = 100
NQC_DEPTH = 100  # Shtok et al. 2012, section 5
WIG_DEPTH = 5  # Zhou and Croft 2007, section 5
VOTE_K = 1  # of 1, 5, 20 and 60, 5 and 1 did best: docs/methods/genqr-combination.md


class Candidate(NamedTuple):
    """A reformulation and what it finds.

    Attributes:
        query: The reformulation.
        hits: Best first, with the retriever's scores, at least as deep as the predictor looks.
    """

    query: WeightedQuery
    hits: Sequence[Hit]


def predict(candidates: Sequence[Candidate], matrix: TermMatrix, *, by: Predictor) -> list[float]:
    """A value for each candidate, the higher the better; a candidate that finds nothing has 0.

    Raises:
        UsageError: The predictor is unknown.
    """
    if by == "agreement":
        return agreement([candidate.hits for candidate in candidates])
    if by == "clarity":
        return [clarity(candidate.hits, matrix) for candidate in candidates]
    if by not in get_args(Predictor):
        raise UsageError(f"predictor {by!r}: one of {', '.join(get_args(Predictor))}")
    of_scores = nqc if by == "nqc" else wig
    return [of_scores(candidate, collection_score(candidate.query, matrix)) for candidate in candidates]


def collection_score(query: WeightedQuery, matrix: TermMatrix) -> float:
    """The mean BM25 score of all documents, most of which have 0."""
    return float(matrix.vector(query.terms) @ matrix.mean_impacts)


def nqc(candidate: Candidate, background: float, *, depth: int = NQC_DEPTH) -> float:
    """Normalised query commitment: how far the top scores lie apart, in units of `background`, the collection's."""
    scores = [hit.score for hit in candidate.hits[:depth]]
    return float(np.std(scores)) / background if scores and background else 0.0


def wig(candidate: Candidate, background: float, *, depth: int = WIG_DEPTH) -> float:
    """Weighted information gain: how far the top scores lie above `background`, the collection's."""
    scores = [hit.score for hit in candidate.hits[:depth]]
    weight = sum(candidate.query.terms.values())
    return (float(np.mean(scores)) - background) / weight**0.5 if scores and weight > 0 else 0.0


def clarity(hits: Sequence[Hit], matrix: TermMatrix, *, depth: int = CLARITY_DEPTH) -> float:
    """Bits by which the language model of the top documents, weighted by score, differs from the collection's."""
    top = [hit for hit in hits[:depth] if hit.score > 0]
    if not top:
        return 0.0
    cells = matrix.take([matrix.index.number(hit.docid) for hit in top])
    lengths = cells.sums(cells.frequencies, len(top))
    share = np.array([hit.score for hit in top]) / sum(hit.score for hit in top)
    parts = share[cells.rows] * cells.frequencies / lengths[cells.rows]
    model = np.bincount(cells.columns, parts, minlength=len(matrix.probabilities))
    held = model > 0
    return float(model[held] @ np.log2(model[held] / matrix.probabilities[held]))


def agreement(rankings: Sequence[Sequence[Hit]], *, k: float = VOTE_K) -> list[float]:
    """For each ranking the discounted votes that the other rankings have for its top documents."""
    votes: defaultdict[str, float] = defaultdict(float)
    for ranking in rankings:
        for rank, hit in enumerate(ranking, 1):
            votes[hit.docid] += 1 / (k + rank)
    return [
        expected_gain(ranking, {hit.docid: votes[hit.docid] - 1 / (k + rank) for rank, hit in enumerate(ranking, 1)})
        for ranking in rankings
    ]


def expected_gain(ranking: Sequence[Hit], relevance: Mapping[str, float], *, depth: int = DEPTH) -> float:
    """DCG of the top documents for estimated grades (Järvelin and Kekäläinen 2002, with log2(rank + 1)).

    Args:
        ranking: Best first.
        relevance: Document id -> estimate; a document without one counts 0.
        depth: How many documents count.
    """
    return sum(relevance.get(hit.docid, 0.0) / float(np.log2(rank + 1)) for rank, hit in enumerate(ranking[:depth], 1))
