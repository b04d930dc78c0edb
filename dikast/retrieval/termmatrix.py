"""The documents-by-terms matrix of an index: an inverted index turned round.

    matrix = TermMatrix(bm25.scorer)
    entries = matrix.take([3, 17])                     # what documents 3 and 17 hold
    matrix.vector({"wing": 1.0})                       # a weighted query over the vocabulary

What rankings are judged by without judgments (`dikast.retrieval.selection`, `dikast.retrieval.evidence`) asks what a
document holds, and an inverted index only tells who holds a term.

Not done: collections that do not fit in memory. Every posting takes 12 bytes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dikast.errors import RetrievalError
from dikast.retrieval.index import Postings
from dikast.retrieval.scoring import Scorer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Entries(NamedTuple):
    """Cells of some rows of the matrix, row by row.

    Attributes:
        rows: Place of the document among those asked for.
        columns: Term numbers, as `Index.terms` has them.
        frequencies: How often the document holds the term.
        impacts: The term's BM25 contribution to the document at weight 1.
    """

    rows: Integers
    columns: Integers
    frequencies: Floats
    impacts: Floats

    def sums(self, values: Floats, documents: int) -> Floats:
        """The values of each document's cells, summed."""
        return np.bincount(self.rows, values, minlength=documents).astype(float)


class TermMatrix:
    """All postings of an index, by document.

    Raises:
        RetrievalError: The collection holds no term.
    """

    def __init__(self, scorer: Scorer) -> None:
        self.index = scorer.index
        if not self.index.terms:
            raise RetrievalError(f"{self.index.origin}: no document holds a term")
        lists = [_held(self.index.postings(term)) for term in self.index.terms]
        documents = np.concatenate([held.documents for held in lists])
        order = np.argsort(documents, kind="stable")
        self._starts: Integers = np.searchsorted(documents[order], np.arange(len(self.index) + 1)).astype(np.int64)
        self.document_frequencies = np.array([len(held.documents) for held in lists], float)
        self._columns = np.repeat(np.arange(len(lists), dtype=np.int32), self.document_frequencies.astype(int))[order]
        self._frequencies = np.concatenate([held.frequencies for held in lists]).astype(np.float32)[order]
        impacts = [contribution.scores for term in self.index.terms if (contribution := scorer.impacts(term))]
        self._impacts = np.concatenate(impacts)[order]

    @cached_property
    def idf(self) -> Floats:
        """`ln((N + 1) / (n + 0.5))` of each term."""
        return np.log((len(self.index) + 1) / (self.document_frequencies + 0.5))

    @cached_property
    def probabilities(self) -> Floats:
        """Each term's share of the collection's words."""
        counts = np.bincount(self._columns, self._frequencies, minlength=len(self.index.terms))
        return counts / counts.sum()

    @cached_property
    def mean_impacts(self) -> Floats:
        """Each term's BM25 contribution at weight 1, averaged over all documents."""
        return np.bincount(self._columns, self._impacts, minlength=len(self.index.terms)) / len(self.index)

    def take(self, documents: Sequence[int] | Integers) -> Entries:
        """The cells of these documents, by number."""
        asked = np.asarray(documents, np.int64)
        sizes = self._starts[asked + 1] - self._starts[asked]
        firsts = np.cumsum(sizes) - sizes
        places: Integers = np.repeat(self._starts[asked] - firsts, sizes) + np.arange(int(sizes.sum()))
        return Entries(
            np.repeat(np.arange(len(asked)), sizes),
            self._columns[places].astype(np.int64),
            self._frequencies[places].astype(float),
            self._impacts[places].astype(float),
        )

    def vector(self, terms: Mapping[str, float]) -> Floats:
        """Weights over the vocabulary; terms that no document holds are left out."""
        vector = np.zeros(len(self.index.terms))
        for term, weight in terms.items():
            number = self.index.terms.get(term)
            if number is not None:
                vector[number] = weight
        return vector


def _held(postings: Postings | None) -> Postings:
    assert postings is not None  # the term is the index's own
    return postings
