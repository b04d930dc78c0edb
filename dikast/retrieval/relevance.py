r"""Learning from judged queries how features of documents speak for relevance, for queries that are not judged.

    weights = fit(pools, grades)                 # feature -> weight
    pool.relevance(weights)                      # document id -> estimate; they sum to 1

A query's pool of documents shares one unit of relevance by a softmax of weighted features,
$p_d = e^{w \cdot x_d} / \sum_e e^{w \cdot x_e}$; the weights minimise the cross entropy to the judged grades' shares
(ListNet's top-one loss: Cao, Qin, Liu, Tsai and Li 2007), plus a ridge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import DataError

Floats = NDArray[np.float64]

WEIGHTS: Mapping[str, float] = {
    "bm25_mix": 0.05,
    "likelihood_500": 0.31,
    "likelihood_2000": 0.37,
    "length": -0.27,
    "cosine_query": -0.43,
    "cosine_pooled": 0.41,
    "cosine_neighbours": -0.23,
    "latent_query": 0.24,
    "latent_pooled": 0.35,
    "latent_neighbours": 0.17,
    "coverage": 0.18,
    "sentence_query": 0.27,
    "sentence_mix": 0.13,
    "first_sentence_mix": 0.37,
}
"""Feature -> weight, learnt on one collection of scientific claims and abstracts; elsewhere they are a guess."""
FEATURES = tuple(WEIGHTS)
"""The columns of a pool, in order."""

RIDGE = 0.02
"""Weight of the squared length of the weights; between 0.001 and 0.05 little changes."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Documents and their features.

    Args:
        docids: Ascending.
        features: A row a document, a column a feature as in `FEATURES`, standardised within the pool.
    """

    docids: list[str]
    features: Floats

    def relevance(self, weights: Mapping[str, float] = WEIGHTS) -> dict[str, float]:
        """Document id -> estimate of the share of the query's relevance that it holds."""
        values = self.features @ np.array([weights[name] for name in FEATURES])
        return dict(zip(self.docids, softmax(values).tolist(), strict=True))


def fit(pools: Sequence[Pool], grades: Sequence[Mapping[str, int]], *, ridge: float = RIDGE) -> dict[str, float]:
    """Weights that make judged documents likely.

    Args:
        pools: Of the judged queries to learn from.
        grades: Document id -> grade, one mapping a pool; a pool without a relevant document teaches nothing.
        ridge: Weight of the squared length of the weights in the loss.

    Raises:
        DataError: No pool holds a relevant document.
    """
    from scipy import optimize

    taught = [
        (pool.features, target / target.sum())
        for pool, judged in zip(pools, grades, strict=True)
        if (target := np.array([max(0, judged.get(docid, 0)) for docid in pool.docids], float)).any()
    ]
    if not taught:
        raise DataError("no pool holds a document that is judged relevant: there is nothing to learn from")
    features = np.concatenate([rows for rows, _ in taught])
    target = np.concatenate([shares for _, shares in taught])
    starts = np.cumsum([0, *(len(rows) for rows, _ in taught[:-1])])
    sizes = [len(rows) for rows, _ in taught]

    def loss(weights: Floats) -> tuple[float, Floats]:
        values = features @ weights
        values -= np.repeat(np.maximum.reduceat(values, starts), sizes)
        logs = values - np.repeat(np.log(np.add.reduceat(np.exp(values), starts)), sizes)
        slope = (np.exp(logs) - target) @ features
        count = len(taught)
        return float(ridge * weights @ weights - target @ logs / count), 2 * ridge * weights + slope / count

    found = cast("Any", optimize).minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B")
    return dict(zip(FEATURES, map(float, found.x), strict=True))


def softmax(values: Floats) -> Floats:
    """Positive numbers that sum to 1, in the ratio of the values' exponentials."""
    powers = np.exp(values - values.max())
    return powers / powers.sum()
