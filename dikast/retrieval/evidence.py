r"""How likely a document is to be relevant, by everything that a retrieval engine knows without judgments.

    evidence = Evidence(bm25)
    pool = evidence.pool("does ... cause ...", candidates)       # the candidates' top documents, described
    relevance = pool.relevance(WEIGHTS)                          # document id -> estimate; they sum to 1
    best = select([expected_gain(candidate.hits, relevance) for candidate in candidates])

Candidates are reformulations of one query. Each document in any one's top 10 is described by the scores of several
retrieval models (`FEATURES`), for the original query and for all reformulations pooled; features are standardised
within the pool. The estimate is a softmax over the pool of a weighted sum, whose weights `fit` learns from other
queries that are judged (ListNet's top-one loss: Cao, Qin, Liu, Tsai and Li 2007).

`WEIGHTS` were learnt on one collection of scientific abstracts and claims: on other data they are a guess.

Not done: dense encoders, and collections whose postings do not fit in memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import DataError
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.selection import DEPTH, Candidate
from dikast.retrieval.termmatrix import Entries, TermMatrix

Floats = NDArray[np.float64]

FEATURES = (
    "bm25_query",
    "bm25_mix",
    "bm25_candidates",
    "cosine_query",
    "cosine_pooled",
    "likelihood_500",
    "likelihood_2000",
    "latent_query",
    "latent_pooled",
    "latent_neighbours",
    "cosine_neighbours",
    "length",
    "coverage",
    "sentence_query",
    "sentence_mix",
    "first_sentence_mix",
    "bigrams",
)
"""Names of the features, in the order of the columns."""

POOLED_SHARE = 0.8  # of the reformulations in the mix: POOLED_MIX
LATENT_DIMENSIONS = 300  # Deerwester et al. 1990 and after use 100 to 300
POWER_STEPS = 4  # Halko, Martinsson and Tropp 2011, section 4.5: a few do
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
LEAST_CANDIDATES = 2  # a bigram of one reformulation alone is chance
RIDGE = 0.02  # of 0.001 to 0.05, which differ little
"""Weight of the squared length in `fit`'s loss."""
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Pool:
    """Documents and their features.

    Args:
        docids: Ascending.
        features: A row a document, a column a feature, standardised within the pool.
    """

    docids: list[str]
    features: Floats

    def relevance(self, weights: Floats) -> dict[str, float]:
        """Document id -> estimate of the share of the query's relevance that it holds."""
        return dict(zip(self.docids, softmax(self.features @ weights).tolist(), strict=True))


class Evidence:
    """Describes documents of one collection; turns its index round at first use, which takes seconds."""

    def __init__(self, bm25: BM25) -> None:
        self.bm25 = bm25

    @cached_property
    def matrix(self) -> TermMatrix:
        """The collection by documents."""
        return TermMatrix(self.bm25.scorer)

    @cached_property
    def _everything(self) -> Entries:
        return self.matrix.take(np.arange(len(self.matrix.index)))

    @cached_property
    def _norms(self) -> Floats:
        """Lengths of the documents' tf-idf vectors."""
        cells = self._everything
        squares = np.bincount(cells.rows, self._tfidf(cells) ** 2, minlength=len(self.matrix.index))
        return np.maximum(np.sqrt(squares), _TINY)

    @cached_property
    def _latent(self) -> tuple[Floats, Floats]:
        """Latent semantic analysis: documents by dimensions, rows of length 1; and terms by dimensions."""
        from scipy.sparse import csr_array

        cells = self._everything
        values = self._tfidf(cells) / self._norms[cells.rows]
        shape = (len(self.matrix.index), len(self.matrix.idf))
        table = cast("Any", csr_array((values.astype(np.float32), (cells.rows, cells.columns)), shape=shape))
        terms = _right_singular_vectors(table, LATENT_DIMENSIONS)
        return _unit(np.asarray(table @ terms, float)), terms

    def pool(self, query: str, candidates: Sequence[Candidate]) -> Pool:
        """Describe every document in a candidate's top 10.

        Raises:
            DataError: No candidate finds a document.
        """
        docids = sorted({hit.docid for candidate in candidates for hit in candidate.hits[:DEPTH]})
        if not docids:
            raise DataError(f"no reformulation of {query!r:.60} finds a document")
        numbers = np.array([self.matrix.index.number(docid) for docid in docids])
        original = WeightedQuery.from_text(query, self.bm25.analyze).terms
        added = pooled(original, candidates)
        mixture = _mixture(original, added)
        columns = [
            *self._by_terms(numbers, original, added, mixture, candidates),
            *self._by_text(docids, original, mixture, candidates),
        ]
        return Pool(docids, np.stack([_standard(column) for column in columns], axis=1))

    def _by_terms(
        self,
        numbers: NDArray[np.int64],
        original: Mapping[str, float],
        added: Mapping[str, float],
        mixture: Mapping[str, float],
        candidates: Sequence[Candidate],
    ) -> list[Floats]:
        """The features that bags of words give."""
        matrix, count = self.matrix, len(numbers)
        cells = matrix.take(numbers)
        lengths = np.bincount(cells.rows, cells.frequencies, minlength=count)
        tfidf = self._tfidf(cells) / self._norms[numbers][cells.rows]

        def dot(vector: Floats, values: Floats) -> Floats:
            return np.bincount(cells.rows, vector[cells.columns] * values, minlength=count)

        mixed = matrix.vector(mixture)
        by_query = self._unit_query(original)
        by_pooled = self._unit_query(added)
        documents, terms = self._latent
        latent = documents[numbers]
        by_mix = dot(mixed, cells.impacts)
        similar = latent @ latent.T - np.eye(count)
        center = np.bincount(cells.columns, tfidf, minlength=len(matrix.idf))
        scores = [dot(matrix.vector(candidate.query.terms), cells.impacts) for candidate in candidates]

        def likelihood(mu: float) -> Floats:
            smoothed = np.log1p(cells.frequencies / (mu * matrix.probabilities[cells.columns]))
            return dot(mixed, smoothed) - mixed.sum() * np.log(lengths + mu)

        return [
            dot(matrix.vector(original), cells.impacts),
            by_mix,
            np.mean([score / max(score.max(), _TINY) for score in scores], axis=0),
            dot(by_query, tfidf),
            dot(by_pooled, tfidf),
            likelihood(500),
            likelihood(2000),
            latent @ (by_query @ terms),
            latent @ (by_pooled @ terms),
            similar @ softmax(_standard(by_mix)),
            dot(center, tfidf),
            np.log1p(lengths),
        ]

    def _by_text(
        self,
        docids: Sequence[str],
        original: Mapping[str, float],
        mixture: Mapping[str, float],
        candidates: Sequence[Candidate],
    ) -> list[Floats]:
        """The features that look at where words stand."""
        idf = self._idfs({*original, *mixture})
        texts = [self._sentences(docid) for docid in docids]
        mean_length = float(np.mean([len(sentence) for text in texts for sentence in text] or [1]))
        phrases = self._phrases(candidates)
        rows: list[tuple[float, ...]] = []
        for text in texts:
            words = {word for sentence in text for word in sentence}
            by_query = [self._saturated(sentence, original, idf, mean_length) for sentence in text]
            by_mix = [self._saturated(sentence, mixture, idf, mean_length) for sentence in text]
            rows.append(
                (
                    sum(idf[term] for term in original if term in words),
                    max(by_query, default=0.0),
                    max(by_mix, default=0.0),
                    by_mix[0] if by_mix else 0.0,
                    sum(phrases.get(pair, 0.0) for sentence in text for pair in set(pairwise(sentence))),
                )
            )
        return list(np.array(rows).T)

    def _sentences(self, docid: str) -> list[list[str]]:
        contents = self.matrix.index.document(docid).contents
        analysed = (self.bm25.analyze(sentence) for sentence in SENTENCE.split(contents))
        return [terms for terms in analysed if terms]

    def _saturated(
        self, sentence: Sequence[str], weights: Mapping[str, float], idf: Mapping[str, float], mean_length: float
    ) -> float:
        """BM25 of a sentence as if it were a document."""
        k1, b = self.bm25.k1, self.bm25.b
        norm = k1 * (1 - b + b * len(sentence) / mean_length)
        counts = Counter(term for term in sentence if term in weights)
        return sum(weights[term] * idf[term] * count / (count + norm) for term, count in counts.items())

    def _phrases(self, candidates: Sequence[Candidate]) -> dict[tuple[str, str], float]:
        """Pairs of adjacent terms -> share of the reformulations that hold them, times their idf."""
        held = Counter(
            pair for candidate in candidates for pair in set(pairwise(self.bm25.analyze(candidate.query.text)))
        )
        shared = {pair: count for pair, count in held.items() if count >= LEAST_CANDIDATES}
        idf = self._idfs({term for pair in shared for term in pair})
        return {pair: count / len(candidates) * (idf[pair[0]] + idf[pair[1]]) for pair, count in shared.items()}

    def _idfs(self, terms: set[str]) -> dict[str, float]:
        scorer = self.bm25.scorer
        return {term: scorer.idf(scorer.index.document_frequency(term)) for term in terms}

    def _tfidf(self, cells: Entries) -> Floats:
        return np.log1p(cells.frequencies) * self.matrix.idf[cells.columns]

    def _unit_query(self, terms: Mapping[str, float]) -> Floats:
        vector = np.log1p(self.matrix.vector(terms)) * self.matrix.idf
        return vector / max(float(np.linalg.norm(vector)), _TINY)


def pooled(original: Mapping[str, float], candidates: Sequence[Candidate]) -> dict[str, float]:
    """What the reformulations add to the original query, summed: each without the copies of the query that it holds."""
    total: Counter[str] = Counter()
    for candidate in candidates:
        terms = candidate.query.terms
        copies = min((terms.get(term, 0.0) // weight for term, weight in original.items()), default=0.0)
        for term, weight in terms.items():
            left = weight - copies * original.get(term, 0.0)
            if left > 0:
                total[term] += left  # pyright: ignore[reportArgumentType] # Counter adds floats too
    return dict(total)


def fit(pools: Sequence[Pool], grades: Sequence[Mapping[str, int]], *, ridge: float = RIDGE) -> Floats:
    """Weights of the features that make judged documents likely.

    Args:
        pools: Of the judged queries to learn from.
        grades: Document id -> grade, one mapping a pool; a pool without a relevant document teaches nothing.
        ridge: Weight of the squared length of the weights in the loss.

    Raises:
        DataError: No pool holds a relevant document.
    """
    from scipy.optimize import minimize

    targets = [
        np.array([max(0, judged.get(docid, 0)) for docid in pool.docids], float)
        for pool, judged in zip(pools, grades, strict=True)
    ]
    taught = [
        (pool.features, target / target.sum()) for pool, target in zip(pools, targets, strict=True) if target.any()
    ]
    if not taught:
        raise DataError("no pool holds a document that is judged relevant: there is nothing to learn from")

    def loss(weights: Floats) -> tuple[float, Floats]:
        value, slope = ridge * float(weights @ weights), 2 * ridge * weights
        for features, target in taught:
            estimate = softmax(features @ weights)
            value -= float(target @ np.log(np.maximum(estimate, np.finfo(float).tiny))) / len(taught)
            slope += (estimate - target) @ features / len(taught)
        return value, slope

    found = cast("Any", minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B"))
    return np.asarray(found.x, float)


def softmax(values: Floats) -> Floats:
    """Positive numbers that sum to 1, in the ratio of the values' exponentials."""
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def _mixture(original: Mapping[str, float], added: Mapping[str, float]) -> dict[str, float]:
    """(1 - share) original + share added, L1-normalised."""
    mixed: Counter[str] = Counter()
    for terms, share in ((original, 1 - POOLED_SHARE), (added, POOLED_SHARE)):
        total = sum(terms.values())
        for term, weight in terms.items():
            mixed[term] += share * weight / total  # pyright: ignore[reportArgumentType] # Counter adds floats too
    return dict(mixed)


def _right_singular_vectors(table: Any, dimensions: int) -> Floats:
    """Terms by dimensions: randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    dimensions = min(dimensions, *table.shape)
    basis = np.random.default_rng(0).standard_normal((table.shape[1], dimensions)).astype(np.float32)
    for _ in range(POWER_STEPS):
        basis, _ = np.linalg.qr(table.T @ (table @ basis))
    return np.asarray(basis, float)


def _unit(rows: Floats) -> Floats:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)


def _standard(values: Floats) -> Floats:
    """Mean 0 and deviation 1; all 0 where they are equal."""
    return (values - values.mean()) / (values.std() + _TINY)
