"""What a retrieval engine knows about documents without judgments, from several retrieval models at once.

    evidence = Evidence(bm25)
    pool = evidence.pool("does ... cause ...", candidates)       # the candidates' top documents, described
    pool.relevance()                                             # document id -> estimate: dikast.retrieval.relevance

Candidates are reformulations of one query and what they find. Each document in any one's top 10 is described by BM25,
cosine, language model and latent semantic scores, for the original query and for all reformulations pooled, and by
where their words stand in it. A feature is standardised within the pool.

Not done: dense encoders, and collections whose postings do not fit in memory.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import DataError
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.combine import POOLED_MIX
from dikast.retrieval.predictors import DEPTH, Candidate
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import FEATURES, Pool, softmax
from dikast.retrieval.termmatrix import Entries, TermMatrix

Floats = NDArray[np.float64]
Weights = Mapping[str, float]

PRIORS = (500, 2000)  # Dirichlet's mu: Zhai and Lafferty 2004, section 4, find 500 to 10,000 best
LATENT_DIMENSIONS = 300  # Deerwester et al. 1990 and those after them take 100 to 300
POWER_STEPS = 4  # Halko, Martinsson and Tropp 2011, section 4.5: a few do
SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_TINY = 1e-9


class Evidence:
    """Describes documents of one collection; turns its index round at first use, which takes seconds."""

    def __init__(self, bm25: BM25) -> None:
        self.bm25 = bm25

    @cached_property
    def matrix(self) -> TermMatrix:
        """The collection by documents."""
        return TermMatrix(self.bm25.scorer)

    def pool(self, query: str, candidates: Sequence[Candidate]) -> Pool:
        """Describe every document in a candidate's top 10.

        Raises:
            DataError: No candidate finds a document.
            RetrievalError: A document is not in the index.
        """
        docids = sorted({hit.docid for candidate in candidates for hit in candidate.hits[:DEPTH]})
        if not docids:
            raise DataError(f"no reformulation of {query!r:.60} finds a document")
        original = WeightedQuery.from_text(query, self.bm25.analyze).terms
        added = pooled(original, candidates)
        mixture = mix(original, added)
        columns = {
            **self._by_scores(docids, mixture),
            **self._by_vectors(docids, original, added, mixture),
            **self._by_position(docids, original, mixture),
        }
        return Pool(docids, np.stack([_standard(columns[name]) for name in FEATURES], axis=1))

    def _by_scores(self, docids: Sequence[str], mixture: Weights) -> dict[str, Floats]:
        """BM25 and language models with Dirichlet smoothing."""
        matrix, cells = self.matrix, self._take(docids)
        lengths = cells.sums(cells.frequencies, len(docids))
        mixed = matrix.vector(mixture)

        def dot(vector: Floats, values: Floats) -> Floats:
            return cells.sums(vector[cells.columns] * values, len(docids))

        def likelihood(mu: float) -> Floats:
            smoothed = np.log1p(cells.frequencies / (mu * matrix.probabilities[cells.columns]))
            return dot(mixed, smoothed) - mixed.sum() * np.log(lengths + mu)

        return {
            "bm25_mix": dot(mixed, cells.impacts),
            "length": np.log1p(lengths),
            **{f"likelihood_{mu}": likelihood(mu) for mu in PRIORS},
        }

    def _by_vectors(
        self, docids: Sequence[str], original: Weights, added: Weights, mixture: Weights
    ) -> dict[str, Floats]:
        """Cosines of tf-idf and of latent vectors, with the query and among the documents."""
        matrix, cells, numbers = self.matrix, self._take(docids), self._numbers(docids)
        tfidf = self._tfidf(cells) / self._norms[numbers][cells.rows]
        documents, projection = self._latent
        latent = documents[numbers]
        others = latent @ latent.T - np.diag((latent**2).sum(axis=1))
        likely = cells.sums(matrix.vector(mixture)[cells.columns] * cells.impacts, len(docids))
        center = np.bincount(cells.columns, tfidf, minlength=len(matrix.idf))
        found = {
            "cosine_neighbours": cells.sums(center[cells.columns] * tfidf, len(docids)),
            "latent_neighbours": others @ softmax(_standard(likely)),
        }
        for name, terms in (("query", original), ("pooled", added)):
            vector = self._unit_query(terms)
            found[f"cosine_{name}"] = cells.sums(vector[cells.columns] * tfidf, len(docids))
            found[f"latent_{name}"] = latent @ (vector @ projection)
        return found

    def _by_position(self, docids: Sequence[str], original: Weights, mixture: Weights) -> dict[str, Floats]:
        """Best and first sentence, and which words of the query are there at all."""
        idf = self._idfs({*original, *mixture})
        texts = [self._sentences(docid) for docid in docids]
        mean_length = float(np.mean([len(sentence) for text in texts for sentence in text] or [1]))
        rows: defaultdict[str, list[float]] = defaultdict(list)
        for text in texts:
            words = {word for sentence in text for word in sentence}
            by_mix = [self._sentence_score(sentence, mixture, idf, mean_length) for sentence in text]
            by_query = [self._sentence_score(sentence, original, idf, mean_length) for sentence in text]
            rows["coverage"].append(sum(idf[term] for term in original if term in words))
            rows["sentence_query"].append(max(by_query, default=0.0))
            rows["sentence_mix"].append(max(by_mix, default=0.0))
            rows["first_sentence_mix"].append(by_mix[0] if by_mix else 0.0)
        return {name: np.array(values) for name, values in rows.items()}

    def _sentences(self, docid: str) -> list[list[str]]:
        contents = self.matrix.index.document(docid).contents
        analysed = (self.bm25.analyze(sentence) for sentence in SENTENCE.split(contents))
        return [terms for terms in analysed if terms]

    def _sentence_score(self, sentence: Sequence[str], weights: Weights, idf: Weights, mean_length: float) -> float:
        """BM25 of a sentence as if it were a document."""
        k1, b = self.bm25.k1, self.bm25.b
        norm = k1 * (1 - b + b * len(sentence) / mean_length)
        counts = Counter(term for term in sentence if term in weights)
        return sum(weights[term] * idf[term] * count / (count + norm) for term, count in counts.items())

    def _idfs(self, terms: Iterable[str]) -> dict[str, float]:
        scorer = self.bm25.scorer
        return {term: scorer.idf(scorer.index.document_frequency(term)) for term in terms}

    def _numbers(self, docids: Sequence[str]) -> NDArray[np.int64]:
        return np.array([self.matrix.index.number(docid) for docid in docids])

    def _take(self, docids: Sequence[str]) -> Entries:
        return self.matrix.take(self._numbers(docids))

    def _tfidf(self, cells: Entries) -> Floats:
        return np.log1p(cells.frequencies) * self.matrix.idf[cells.columns]

    def _unit_query(self, terms: Weights) -> Floats:
        vector = np.log1p(self.matrix.vector(terms)) * self.matrix.idf
        return vector / max(float(np.linalg.norm(vector)), _TINY)

    @cached_property
    def _everything(self) -> Entries:
        return self.matrix.take(np.arange(len(self.matrix.index)))

    @cached_property
    def _norms(self) -> Floats:
        """Lengths of the documents' tf-idf vectors."""
        cells = self._everything
        squares = cells.sums(self._tfidf(cells) ** 2, len(self.matrix.index))
        return np.maximum(np.sqrt(squares), _TINY)

    @cached_property
    def _latent(self) -> tuple[Floats, Floats]:
        """Latent semantic analysis: documents by dimensions, rows of length 1; and terms by dimensions."""
        from scipy.sparse import csr_array

        cells = self._everything
        values = (self._tfidf(cells) / self._norms[cells.rows]).astype(np.float32)
        shape = (len(self.matrix.index), len(self.matrix.idf))
        table = cast("Any", csr_array((values, (cells.rows, cells.columns)), shape=shape))
        terms = _right_singular_vectors(table, LATENT_DIMENSIONS)
        rows = np.asarray(table @ terms, float)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY), terms


def pooled(original: Weights, candidates: Sequence[Candidate]) -> dict[str, float]:
    """What the reformulations add to the original query, summed: each without the copies of the query that it holds.

    Where weights are counts these are whole copies; where they are shares, as in `mix`, there is less than one.
    """
    total: defaultdict[str, float] = defaultdict(float)
    for candidate in candidates:
        terms = candidate.query.terms
        held = min((terms.get(term, 0.0) / weight for term, weight in original.items()), default=0.0)
        copies = held // 1 if held >= 1 else held
        for term, weight in terms.items():
            left = weight - copies * original.get(term, 0.0)
            if left > 0:
                total[term] += left
    return dict(total)


def mix(original: Weights, added: Weights) -> dict[str, float]:
    """The original query and what is added to it, each L1-normalised, in `POOLED_MIX`'s shares."""
    mixed: defaultdict[str, float] = defaultdict(float)
    for terms, share in ((original, 1 - POOLED_MIX.mixing), (added, POOLED_MIX.mixing)):
        total = sum(terms.values())
        for term, weight in terms.items():
            mixed[term] += share * weight / total
    return dict(mixed)


def _right_singular_vectors(table: Any, dimensions: int) -> Floats:
    """Terms by dimensions: randomised subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4)."""
    dimensions = min(dimensions, *table.shape)
    basis = np.random.default_rng(0).standard_normal((table.shape[1], dimensions)).astype(np.float32)
    for _ in range(POWER_STEPS):
        basis, _ = np.linalg.qr(table.T @ (table @ basis))
    return np.asarray(basis, float)


def _standard(values: Floats) -> Floats:
    """Mean 0 and deviation 1; all 0 where they are equal."""
    return (values - values.mean()) / (values.std() + _TINY)
