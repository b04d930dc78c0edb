"""From a query and its generated keywords to one weighted query: pure, replayable functions.

The keyword lists of the instructions come in apart and are only joined here, so that another combination of recorded
keywords costs no model call.

| combination | weights (counts of analysed terms) | source |
| --- | --- | --- |
| `paper` | q + sum of K_i | GenQREnsemble, ECIR 2024, section 3: plain concatenation, repeats weigh |
| `querygym` | 5 q + sum of K_i | QueryGym's reimplementation of it |
| `mix` | (1 - l) q / |q| + l d(K) / |d(K)|, L1 norms | interpolation as in RM3; d damps the summed counts |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from dikast.retrieval.query import Analyze, WeightedQuery

Combination = Literal["paper", "querygym", "mix"]
Damping = Literal["none", "sqrt", "log", "binary"]

QUERYGYM_REPEATS = 5
"""How often QueryGym repeats the original query in front of the keywords."""

DAMP: Mapping[Damping, Callable[[float], float]] = {
    "none": lambda count: count,
    "sqrt": math.sqrt,
    "log": math.log1p,
    "binary": lambda count: 1.0,
}


def combine(
    query: str,
    keywords: Sequence[Sequence[str]],
    analyze: Analyze,
    *,
    combination: Combination,
    mixing: float,
    damping: Damping,
    max_terms: int,
) -> WeightedQuery:
    """One weighted query out of the original query and every list of keywords.

    Without keywords the result is the query alone, whatever the combination. Every term of the original query is in the
    result.

    Args:
        query: The original query.
        keywords: One list of keywords an instruction.
        analyze: Text to index terms; the retriever's own.
        combination: The weighting.
        mixing: Share of the keywords in `mix`, from 0 (query alone) to 1.
        damping: What `mix` does to the keywords' counts before they are normalised.
        max_terms: How many distinct terms the keywords may bring: the most frequent, ties by first appearance.
    """
    original = Counter(analyze(query))
    flat = [keyword for listed in keywords for keyword in listed]
    counts = Counter(term for keyword in flat for term in analyze(keyword))
    added = dict(counts.most_common(max_terms))
    text = " ".join([query, *flat])
    if not added:
        return WeightedQuery({term: float(count) for term, count in original.items()}, query)
    if combination == "mix":
        damp = DAMP[damping]
        damped = {term: damp(count) for term, count in added.items()}
        return WeightedQuery(_interpolate(original, damped, mixing), text)
    repeats = QUERYGYM_REPEATS if combination == "querygym" else 1
    weights = {term: float(repeats * count) for term, count in original.items()}
    for term, count in added.items():
        weights[term] = weights.get(term, 0.0) + count
    return WeightedQuery(weights, text)


def _interpolate(query: Mapping[str, float], keywords: Mapping[str, float], mixing: float) -> dict[str, float]:
    """L1-normalised mixture; a query of stop words only leaves the keywords alone."""
    if not query:
        return _normalise(keywords, 1.0)
    weights = _normalise(query, 1.0 - mixing)
    for term, weight in _normalise(keywords, mixing).items():
        weights[term] = weights.get(term, 0.0) + weight
    return weights


def _normalise(weights: Mapping[str, float], total: float) -> dict[str, float]:
    scale = total / sum(weights.values())
    return {term: weight * scale for term, weight in weights.items()}
