r"""Fusing rankings of one query into one.

    rrf([hits_a, hits_b])                         # Cormack, Clarke and Buettcher 2009: sum of 1 / (60 + rank)
    combsum([hits_a, hits_b], normalize="minmax") # Fox and Shaw 1994: sum of scores
    combmnz([hits_a, hits_b])                     # ... times the number of rankings that hold the document

Pure functions: rankings are best first, ranks count from 1, a document that a ranking lacks gets nothing from it, and
ties are broken by document id. `fuse_runs` does whole runs. Every number given is finite, or refused.

Not done: learning the weights.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from dikast.errors import UsageError
from dikast.retrieval.hits import make_hits
from dikast.retrieval.retriever import Hit

Normalization = Literal["minmax", "zscore", "none"]
RRF_K = 60  # Cormack, Clarke and Buettcher 2009, section 2
Ranking = Sequence[Hit]


def rrf(
    rankings: Sequence[Ranking],
    *,
    k: float = RRF_K,
    weights: Sequence[float] | None = None,
    depth: int | None = None,
) -> list[Hit]:
    """Reciprocal rank fusion: the sum over rankings of `weight / (k + rank)`.

    Args:
        rankings: Best first.
        k: How little the first ranks stand out, above -1.
        weights: One a ranking; 1 each by default.
        depth: How many documents of each ranking count; all by default.

    Raises:
        UsageError: `k`, `depth`, a weight or the number of weights makes no sense.
    """
    if not -1 < k < math.inf:
        raise UsageError(f"k={k}: rrf needs k above -1, and a number")
    cut = _cut(rankings, depth)
    return _ordered(_sums(cut, [[1 / (k + rank) for rank in range(1, len(ranking) + 1)] for ranking in cut], weights))


def combsum(
    rankings: Sequence[Ranking],
    *,
    normalize: Normalization = "minmax",
    weights: Sequence[float] | None = None,
    depth: int | None = None,
) -> list[Hit]:
    """The weighted sum of scores.

    Args:
        rankings: Best first.
        normalize: `minmax` maps each ranking's scores to 0..1 (all 1 where they are equal), `zscore` to mean 0 and
            deviation 1 (all 0 where they are equal), `none` takes them as they are; done after the cut at `depth`.
        weights: One a ranking; 1 each by default.
        depth: How many documents of each ranking count; all by default.

    Raises:
        UsageError: `depth`, `normalize`, a weight or the number of weights makes no sense.
    """
    cut = _cut(rankings, depth)
    return _ordered(_sums(cut, _normalized(cut, normalize), weights))


def combmnz(
    rankings: Sequence[Ranking],
    *,
    normalize: Normalization = "minmax",
    weights: Sequence[float] | None = None,
    depth: int | None = None,
) -> list[Hit]:
    """`combsum` times the number of rankings that hold the document; arguments and errors as there."""
    cut = _cut(rankings, depth)
    held: defaultdict[str, int] = defaultdict(int)
    for ranking in cut:
        for hit in ranking:
            held[hit.docid] += 1
    sums = _sums(cut, _normalized(cut, normalize), weights)
    return _ordered({docid: score * held[docid] for docid, score in sums.items()})


def fuse_runs(
    runs: Sequence[Mapping[str, Ranking]], fuse: Callable[[Sequence[Ranking]], list[Hit]]
) -> dict[str, list[Hit]]:
    """Fuse runs query by query; a run that lacks a query gives an empty ranking. Queries in order of appearance."""
    qids = dict.fromkeys(qid for run in runs for qid in run)
    return {qid: fuse([run.get(qid, []) for run in runs]) for qid in qids}


def _cut(rankings: Sequence[Ranking], depth: int | None) -> list[Ranking]:
    if depth is not None and depth < 1:
        raise UsageError(f"depth={depth}: at least 1 document of each ranking has to count")
    return [ranking[:depth] for ranking in rankings]


def _normalized(rankings: Sequence[Ranking], normalize: Normalization) -> list[list[float]]:
    if normalize not in _NORMALIZERS:
        raise UsageError(f"normalize={normalize!r}: one of {', '.join(_NORMALIZERS)}")
    scores = [[hit.score for hit in ranking] for ranking in rankings]
    return [_NORMALIZERS[normalize](each) if each else each for each in scores]


def _minmax(scores: list[float]) -> list[float]:
    low, high = min(scores), max(scores)
    if low == high:  # also a ranking of one document: it was found, which is more than nothing
        return [1.0] * len(scores)
    return [(score - low) / (high - low) for score in scores]


def _zscore(scores: list[float]) -> list[float]:
    from statistics import fmean, pstdev

    center, deviation = fmean(scores), pstdev(scores)
    return [(score - center) / deviation if deviation else 0.0 for score in scores]


_NORMALIZERS: Mapping[str, Callable[[list[float]], list[float]]] = {
    "minmax": _minmax,
    "zscore": _zscore,
    "none": lambda scores: scores,
}


def _sums(
    rankings: Sequence[Ranking], scores: Sequence[Sequence[float]], weights: Sequence[float] | None
) -> dict[str, float]:
    if weights is not None and len(weights) != len(rankings):
        raise UsageError(f"{len(weights)} weights for {len(rankings)} rankings")
    if not all(map(math.isfinite, weights or ())):
        raise UsageError(f"weights {', '.join(map(str, weights or ()))}: each has to be a finite number")
    sums: defaultdict[str, float] = defaultdict(float)
    for weight, ranking, values in zip(weights or [1.0] * len(rankings), rankings, scores, strict=True):
        for hit, value in zip(ranking, values, strict=True):
            sums[hit.docid] += weight * value
    return sums


def _ordered(scores: Mapping[str, float]) -> list[Hit]:
    tied = len(set(scores.values())) < len(scores)
    best = sorted(sorted(scores) if tied else scores, key=scores.__getitem__, reverse=True)
    return make_hits(best, map(scores.__getitem__, best))
