r"""BM25 as Lucene computes it, over an index, one weighted query at a time.

$$ \sum_t w_t \cdot \ln\left(1 + \frac{N - n_t + 0.5}{n_t + 0.5}\right)
   \cdot \frac{f_{t,d}}{f_{t,d} + k_1 (1 - b + b\,|d| / \overline{|d|})} $$

`N` counts documents that hold any term; `|d|` is rounded as Lucene stores it in one byte; there is no factor
(k1 + 1), which changes no ranking (org.apache.lucene.search.similarities.BM25Similarity; Robertson and Zaragoza 2009).

A term's contributions to its documents are computed at its first use and kept while they fit.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dikast.errors import RetrievalError, UsageError
from dikast.retrieval import maxscore
from dikast.retrieval.index import Index, Postings
from dikast.retrieval.maxscore import Contribution, Places, Scores
from dikast.retrieval.topk import Ranking

KEPT_BYTES = 256 << 20  # of computed contributions
LONG_POSTINGS = 1 << 16  # lists from here on are not copied, 4 bytes a posting and not 12
HEAVIEST = 1e30  # scores are 32-bit
FEW_DOCUMENTS, DENSE = 2048, 8  # adding to all of so few, or of 8 times a term's own, is as quick as to its own
SMALL, BLOCK = 1024, 64  # documents up to which queries are ranked together, half more for deep rankings; how many
EXACT_LENGTHS = 24  # SmallFloat.NUM_FREE_VALUES: lengths below are stored as they are
KEPT_BITS = 4  # SmallFloat.longToInt4: of the rest, the top four bits


def lossy_lengths(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Document lengths as Lucene's `SmallFloat.intToByte4` rounds them down."""
    beyond = np.maximum(lengths.astype(np.int64) - EXACT_LENGTHS, 0)
    bits = np.frexp(beyond)[1]
    dropped = np.maximum(bits - KEPT_BITS, 0)
    return np.minimum(lengths, EXACT_LENGTHS) + (beyond >> dropped << dropped)


class Scorer:
    """Scores of one index under one setting of `k1` and `b`; safe to share between threads."""

    def __init__(self, index: Index, k1: float, b: float) -> None:
        self.index, self.k1, self.b = index, k1, b
        self._impacts: dict[str, Contribution] = {}
        self._kept = 0
        self._lock = threading.Lock()

    @cached_property
    def _norms(self) -> NDArray[np.float32]:
        """`1 / (k1 (1 - b + b |d| / mean))` of each document."""
        relative = lossy_lengths(self.index.lengths) / self.index.average_length
        with np.errstate(divide="ignore"):  # k1 = 0: frequencies do not count, and 1 / 0 = inf says so
            return (1 / (self.k1 * (1 - self.b + self.b * relative))).astype(np.float32)

    def idf(self, document_frequency: int) -> float:
        """Lucene's inverse document frequency, never negative."""
        absent = self.index.documents_with_terms - document_frequency
        return math.log(1 + (absent + 0.5) / (document_frequency + 0.5))

    def impacts(self, term: str) -> Contribution | None:
        """A term's contribution at weight 1; `None` for a term that no document holds."""
        known = self._impacts.get(term)
        if known is not None:
            return known
        postings = self.index.postings(term)
        if postings is None:
            return None
        return self._keep(term, self._compute(postings))

    def _compute(self, postings: Postings) -> Contribution:
        idf = np.float32(self.idf(len(postings.documents)))
        scores = idf - idf / (1 + postings.frequencies * self._norms[postings.documents])
        # np.add.at takes a third longer with 32-bit places, which counts where there are many queries a second.
        short = len(postings.documents) < LONG_POSTINGS
        documents = postings.documents.astype(np.intp) if short else postings.documents
        return Contribution(documents, scores, float(scores.max()), everywhere=self._everywhere(documents, scores))

    def _everywhere(self, documents: Places, scores: Scores) -> Scores | None:
        if not len(self.index) <= min(FEW_DOCUMENTS + DENSE * len(documents), LONG_POSTINGS):
            return None
        everywhere = np.zeros(len(self.index), np.float32)
        everywhere[documents] = scores
        return everywhere

    def _keep(self, term: str, impacts: Contribution) -> Contribution:
        with self._lock:
            copied = 0 if len(impacts.documents) >= LONG_POSTINGS else impacts.documents.nbytes
            everywhere = 0 if impacts.everywhere is None else impacts.everywhere.nbytes
            self._kept += copied + impacts.scores.nbytes + everywhere
            if self._kept > KEPT_BYTES:
                self._impacts.clear()
                self._kept = 0
            self._impacts[term] = impacts
        return impacts

    def rank(self, terms: Mapping[str, float], k: int) -> Ranking:
        """The best `k` documents for weighted terms, best first, ties by number.

        Raises:
            RetrievalError: A weight is not a finite number.
            UsageError: `k` is below 1.
        """
        return maxscore.rank(self._contributions(terms, k), len(self.index), k)

    def rank_all(self, queries: Sequence[Mapping[str, float]], k: int) -> Iterator[Ranking]:
        """As `rank` for each; queries over a small collection are ranked some at a time."""
        small = SMALL if 2 * k < SMALL else 3 * SMALL // 2
        if len(self.index) > small or len(queries) == 1:
            yield from (self.rank(terms, k) for terms in queries)
            return
        for start in range(0, len(queries), BLOCK):
            block = [self._contributions(terms, k) for terms in queries[start : start + BLOCK]]
            yield from maxscore.rank_each(block, len(self.index), k)

    def _contributions(self, terms: Mapping[str, float], k: int) -> list[Contribution]:
        """The terms that count, in an order that depends on the query alone, so that sums round alike."""
        if k < 1:
            raise UsageError(f"k={k}: at least 1 document has to be asked for")
        if not sum(map(abs, terms.values())) <= HEAVIEST:
            raise RetrievalError(f"a query weight is not a finite number: {dict(terms)!r:.200}")
        held: list[tuple[float, str, Contribution]] = []
        for term, weight in terms.items():
            impacts = self.impacts(term) if weight else None
            if impacts is not None:
                weighted = impacts if weight == 1 else impacts.with_weight(weight)
                held.append((-weight * impacts.highest, term, weighted))
        held.sort()  # no two terms are the same, so that contributions are never compared
        return [contribution for _, _, contribution in held]
