"""Choosing among reformulations of one query without judgments, by what the retrieval engine sees.

    candidates = [Candidate(query, hits) for query, hits in zip(queries, await bm25.search(queries, 100))]
    choice = select("does ... cause ...", candidates, Evidence(bm25))
    candidates[choice.place]

By default each document's relevance is estimated (`dikast.retrieval.evidence`, `dikast.retrieval.relevance`) and the
ranking with the highest expected DCG is taken; or a predictor of `dikast.retrieval.predictors` decides.

What each of these is worth: docs/methods/genqr-combination.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from dikast.errors import UsageError
from dikast.retrieval.evidence import Evidence
from dikast.retrieval.predictors import DEPTH, Candidate, Predictor, expected_gain, predict
from dikast.retrieval.relevance import WEIGHTS


class Choice(NamedTuple):
    """The chosen candidate.

    Attributes:
        place: Its place; the first among equals.
        values: What each candidate was worth; comparable within one query only.
    """

    place: int
    values: list[float]


def select(
    query: str,
    candidates: Sequence[Candidate],
    evidence: Evidence,
    *,
    by: Predictor | Literal["evidence"] = "evidence",
    weights: Mapping[str, float] = WEIGHTS,
) -> Choice:
    """Choose a reformulation.

    Args:
        query: The original query.
        candidates: Its reformulations with what they find; 10 hits suffice for `evidence`, predictors want 100.
        evidence: Of the collection that was searched.
        by: What decides.
        weights: Of the features, for `evidence`: see `dikast.retrieval.relevance.fit`.

    Raises:
        UsageError: There is no candidate, or `by` is unknown.
        RetrievalError: A hit is not in the collection.
    """
    if not candidates:
        raise UsageError("there is no candidate to choose from")
    if by != "evidence":
        values = predict(candidates, evidence.matrix, by=by)
    elif not any(candidate.hits for candidate in candidates):
        values = [0.0] * len(candidates)
    else:
        relevance = evidence.pool(query, candidates).relevance(weights)
        values = [expected_gain(candidate.hits, relevance, depth=DEPTH) for candidate in candidates]
    return Choice(max(range(len(values)), key=values.__getitem__), values)
