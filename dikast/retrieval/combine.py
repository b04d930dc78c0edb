"""From a query and its generated keywords to one weighted query: pure, replayable functions.

The keyword lists of the instructions come in apart and are only joined here, so that another combination of recorded
keywords costs no model call.

| combination | weights (counts of analysed terms) | source |
| --- | --- | --- |
| `paper` | q + sum of K_i | GenQREnsemble, ECIR 2024, section 3: plain concatenation, repeats weigh |
| `querygym` | r q + sum of K_i, r = 5 | QueryGym's reimplementation of it; Query2Doc and Query2E; CSQE with r = 2 |
| `mix` | (1 - l) q / |q| + l d(K) / |d(K)|, L1 norms | interpolation as in RM3; d damps the summed counts |
| `dedup` | r q + 1 for each term of K, r = 5 | `querygym`, however many instructions agree |
| `mugi` | r q + sum of K_i, r = (characters of K / characters of q) / 5, at least 1 | MuGI's adaptive repetition |
| `lamer` | n q + sum of K_i, n lists that are not empty | LameR: the query before each answer |
| `alone` | sum of K_i | what is generated without the query, as HyDE searches and GenQRFusion's script tries |

`TUNED_MIX` and `POOLED_MIX` are the settings of `mix` that cross-validation chose.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from dikast.retrieval.query import Analyze, WeightedQuery

Combination = Literal["paper", "querygym", "mix", "dedup", "mugi", "lamer", "alone"]
Damping = Literal["none", "sqrt", "log", "binary"]

QUERYGYM_REPEATS = 5
"""How often QueryGym repeats the original query in front of the keywords."""
MUGI_RATIO = 5
"""MuGI's characters of generated text for each character of the repeated query."""


class Mix(NamedTuple):
    """A setting of `mix`."""

    mixing: float
    damping: Damping


TUNED_MIX = Mix(mixing=0.7, damping="log")
"""Chosen for one method's keywords by 10 x 2-fold cross-validation over queries: docs/methods/genqr-combination.md."""
POOLED_MIX = Mix(mixing=0.8, damping="none")
"""Chosen likewise for what several methods generated, passages among it, all in one."""

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
    repeats: int = QUERYGYM_REPEATS,
) -> WeightedQuery:
    """One weighted query out of the original query and every list of keywords.

    Without keywords the result is the query alone, whatever the combination. Every term of the original query is in the
    result, unless what was generated is to stand `alone`.

    Args:
        query: The original query.
        keywords: One list of keywords an instruction; passages of a method that writes text are lists of one.
        analyze: Text to index terms; the retriever's own.
        combination: The weighting.
        mixing: Share of the keywords in `mix`, from 0 (query alone) to 1.
        damping: What `mix` does to the keywords' counts before they are normalised.
        max_terms: How many distinct terms the keywords may bring: the most frequent, ties by first appearance.
        repeats: How often `querygym` and `dedup` repeat the query.
    """
    original = Counter(analyze(query))
    flat = [keyword for listed in keywords for keyword in listed]
    counts = Counter(term for keyword in flat for term in analyze(keyword))
    added = dict(counts.most_common(max_terms))
    text = " ".join([query, *flat])
    if not added:
        return WeightedQuery({term: float(count) for term, count in original.items()}, query)
    if combination == "alone":
        return WeightedQuery({term: float(count) for term, count in added.items()}, " ".join(flat))
    if combination == "mix":
        damp = DAMP[damping]
        damped = {term: damp(count) for term, count in added.items()}
        return WeightedQuery(_interpolate(original, damped, mixing), text)
    copies = repeats if combination in ("querygym", "dedup") else _copies(combination, query, keywords)
    weights = {term: float(copies * count) for term, count in original.items()}
    for term, count in added.items():
        weights[term] = weights.get(term, 0.0) + (1 if combination == "dedup" else count)
    return WeightedQuery(weights, text)


def without_query(text: str, query: str, *, copies: int | None = None) -> str:
    """What a published expansion adds to its query: the text without copies of the query.

    Published files hold one string a query, the original some times over with the generated text after or between.
    Words are compared, so that case, punctuation and white space may differ.

    Args:
        text: The expanded query.
        query: The original query.
        copies: How many copies to take off the beginning, at most; all copies, wherever they stand, by default.
    """
    words: list[str] = re.findall(r"\w+", query)
    if not words:
        return text
    copy = r"\W*\b" + r"\W+".join(map(re.escape, words)) + r"\b\W*"
    if copies is None:
        return re.sub(copy, " ", text, flags=re.IGNORECASE).strip()
    found = re.match(f"(?:{copy}){{0,{copies}}}", text, flags=re.IGNORECASE)
    return text[found.end() if found else 0 :]


def _copies(combination: Combination, query: str, keywords: Sequence[Sequence[str]]) -> int:
    """How often the query stands in the concatenation."""
    if combination == "lamer":
        return sum(any(keyword.strip() for keyword in listed) for listed in keywords)
    if combination == "mugi":
        text = " ".join(keyword for listed in keywords for keyword in listed)
        return max(1, len(text) // max(1, len(query)) // MUGI_RATIO)
    return 1


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
