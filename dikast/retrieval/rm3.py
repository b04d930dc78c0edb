"""RM3 pseudo-relevance feedback as Anserini does it, over native BM25.

    rm3 = RM3(BM25("corpus.jsonl"))
    [hits] = await rm3.search([query], k=100)
    expanded = rm3.expand(query, feedback_hits)     # the weighted query, whoever chose the feedback documents

The model is Abdul-Jaleel et al. 2004 (TREC Novelty): feedback documents' term distributions, weighted by the documents'
scores, mixed with the query. What Anserini adds, and this keeps: terms are 2 to 20 of `[a-z0-9]`, in at most a tenth of
the collection; each document is first cut to its `fb_terms` most frequent terms, ties in alphabetical order. In other
languages than English a term may be of any letters and digits, where Anserini would leave out whatever has an accent.

Not done: Rocchio, BM25-PRF, KL.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from dikast.errors import UsageError
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from dikast.retrieval.languages import ENGLISH
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit

Number = TypeVar("Number", int, float)

FB_DOCS, FB_TERMS, ORIGINAL_WEIGHT = 10, 10, 0.5  # Anserini's defaults, -rm3.fbDocs and so on
COMMON = np.float32(0.1)  # Rm3Reranker: a term of more documents than this share is no feedback
KEPT_VECTORS = 100_000  # of feedback documents, about 1 kB each
_FEEDBACK_TERM = re.compile(r"[a-z0-9]{2,20}")
_FOREIGN_TERM = re.compile(r"[^\W_]{2,20}")


class RM3:
    """BM25, then BM25 again with the query expanded from the first ranking's top documents.

    Args:
        bm25: The first and the second ranking.
        fb_docs: How many documents of the first ranking are feedback, at least 1.
        fb_terms: How many terms are added, at least 1.
        original_weight: The original query's share, 0 to 1.

    Raises:
        UsageError: A parameter is out of its range.
    """

    def __init__(
        self,
        bm25: BM25,
        *,
        fb_docs: int = FB_DOCS,
        fb_terms: int = FB_TERMS,
        original_weight: float = ORIGINAL_WEIGHT,
    ) -> None:
        if fb_docs < 1 or fb_terms < 1 or not 0 <= original_weight <= 1:
            what = f"fb_docs={fb_docs}, fb_terms={fb_terms}, original_weight={original_weight}"
            raise UsageError(f"{what}: at least 1, at least 1, between 0 and 1")
        self.bm25, self.fb_docs, self.fb_terms, self.original_weight = bm25, fb_docs, fb_terms, original_weight
        self._vectors: dict[str, dict[str, int]] = {}

    @property
    def spec(self) -> str:
        """`rm3:PATH?...` with BM25's and these parameters; empty for an index that has no file."""
        own = f"fb_docs={self.fb_docs}&fb_terms={self.fb_terms}&original_weight={self.original_weight}"
        return self.bm25.spec and f"{self.bm25.spec.replace('bm25:', 'rm3:', 1)}&{own}"

    def fingerprint(self) -> dict[str, object]:
        """BM25's, with the feedback parameters."""
        own = {"fb_docs": self.fb_docs, "fb_terms": self.fb_terms, "original_weight": self.original_weight}
        return {**self.bm25.fingerprint(), "retriever": "rm3", **own}

    def analyze(self, text: str) -> list[str]:
        """Text to index terms, in order, repeats kept."""
        return self.bm25.analyze(text)

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` of each expanded query; order and errors as `BM25.search`."""
        return await self.bm25.search(await self.expanded(queries), k)

    async def expanded(self, queries: Sequence[WeightedQuery]) -> list[WeightedQuery]:
        """Each query with the terms and weights that the first ranking's top documents give it; errors as `search`."""
        feedback = await self.bm25.search(queries, self.fb_docs)
        return [self.expand(query, hits) for query, hits in zip(queries, feedback, strict=True)]

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """The documents of these ids, in this order; errors as `BM25.documents`."""
        return await self.bm25.documents(docids)

    def expand(self, query: WeightedQuery, feedback: Sequence[Hit]) -> WeightedQuery:
        """The query mixed with the relevance model of feedback documents, each counting by its score.

        Without any feedback the query comes back as it is.

        Raises:
            RetrievalError: A feedback document is not in the index.
        """
        if not feedback:
            return query
        model = relevance_model([(self._vector(hit.docid), hit.score) for hit in feedback], self.fb_terms)
        return WeightedQuery(interpolate(query.terms, model, self.original_weight), query.text)

    def _vector(self, docid: str) -> dict[str, int]:
        vector = self._vectors.get(docid)
        if vector is None:
            if len(self._vectors) >= KEPT_VECTORS:
                self._vectors.clear()
            vector = self._vectors[docid] = document_vector(self.bm25.index, docid, self.fb_terms)
        return vector


def document_vector(index: Index, docid: str, size: int) -> dict[str, int]:
    """A document's most frequent terms that may be feedback, with their frequencies."""
    counts = Counter(index.analyze(index.document(docid).contents))
    return feedback_terms(counts, len(index), index.document_frequency, size, index.language)


def feedback_terms(
    counts: Mapping[str, int],
    documents: int,
    document_frequency: Callable[[str], int],
    size: int,
    language: str = ENGLISH,
) -> dict[str, int]:
    """The most frequent of a document's terms that may be feedback.

    Args:
        counts: The document's terms.
        documents: How many documents the collection has.
        document_frequency: In how many of them a term occurs.
        size: How many terms are kept.
        language: Of the terms.
    """
    usable = _FEEDBACK_TERM if language == ENGLISH else _FOREIGN_TERM
    held = {
        term: counts[term]
        for term in filter(usable.fullmatch, counts)
        if np.float32(document_frequency(term)) / np.float32(documents) <= COMMON
    }
    return _heaviest(held, size)


def interpolate(query: Mapping[str, float], model: Mapping[str, float], original_weight: float) -> dict[str, float]:
    """The query's terms, summing to `original_weight`, and the model's, summing to the rest.

    Where the query is to count nothing and there is no model, the query stays as it is: it would find nothing.
    """
    if not model and not original_weight:
        return dict(query)
    mixed = {term: original_weight * share for term, share in _shares(query).items()}
    for term, share in model.items():
        mixed[term] = mixed.get(term, 0.0) + (1 - original_weight) * share
    return mixed


def relevance_model(feedback: Iterable[tuple[Mapping[str, int], float]], size: int) -> dict[str, float]:
    """The `size` heaviest terms of scored document vectors, summing to 1; empty if there is no usable term."""
    weights: dict[str, np.float32] = {}
    for vector, score in feedback:
        total = np.float32(sum(vector.values()))
        for term, frequency in vector.items():
            weights[term] = weights.get(term, np.float32(0)) + np.float32(frequency) / total * np.float32(score)
    return _shares(_heaviest({term: float(weight) for term, weight in weights.items()}, size))


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(map(abs, weights.values()))
    return {term: weight / total for term, weight in weights.items()} if total else {}


def _heaviest(weights: Mapping[str, Number], size: int) -> dict[str, Number]:
    return dict(sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:size])
