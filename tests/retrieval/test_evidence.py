"""Features of documents and what is learnt from them, against independent computations."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from dikast.errors import DataError
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.evidence import Evidence, mix, pooled
from dikast.retrieval.index import Index
from dikast.retrieval.predictors import Candidate
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import FEATURES
from dikast.retrieval.retriever import Hit

TEXTS = {
    "d1": "wing flow. The flow over a wing is slow.",
    "d2": "heat in a wall of steel",
    "d3": "flow of heat\nheat and flow meet. heat wins",
    "d4": "steel wall",
    "d5": "songs of birds",
}
BM = BM25(Index.build(Document(docid, text) for docid, text in TEXTS.items()))
EVIDENCE = Evidence(BM)
QUERY = "heat flow"
CANDIDATES = [
    Candidate(WeightedQuery.from_text(text, BM.analyze), [Hit(docid, 1.0) for docid in docids])
    for text, docids in (("heat flow heat flow steel", ["d3", "d2"]), ("heat flow wing wing", ["d1", "d3", "d4"]))
]
ADDED = {"steel": 1.0, "wing": 2.0}
MIXED = {"heat": 0.1, "flow": 0.1, "steel": 0.8 / 3, "wing": 1.6 / 3}


def feature(name: str) -> dict[str, float]:
    pool = EVIDENCE.pool(QUERY, CANDIDATES)
    return dict(zip(pool.docids, pool.features[:, FEATURES.index(name)].tolist(), strict=True))


def standard(values: dict[str, float]) -> dict[str, float]:
    numbers = np.array(list(values.values()))
    return dict(zip(values, ((numbers - numbers.mean()) / numbers.std()).tolist(), strict=True))


def bags() -> dict[str, Counter[str]]:
    return {docid: Counter(BM.analyze(text)) for docid, text in TEXTS.items()}


POOL = ["d1", "d2", "d3", "d4"]


def test_pooled_terms_are_what_is_added_to_the_query() -> None:
    original = WeightedQuery.from_text(QUERY, BM.analyze).terms
    assert pooled(original, CANDIDATES) == ADDED
    assert mix(original, ADDED) == pytest.approx(MIXED)


def test_whole_copies_of_the_query_are_left_out() -> None:
    candidate = Candidate(WeightedQuery({"a": 5.0, "b": 3.0, "c": 1.0}, ""), [])
    assert pooled({"a": 2.0, "b": 1.0}, [candidate, candidate]) == {"a": 2.0, "b": 2.0, "c": 2.0}


def test_the_querys_share_of_a_mix_is_left_out_too() -> None:
    """Weights as `mix` makes them, which sum to 1: three tenths of them are the query's."""
    candidate = Candidate(WeightedQuery({"a": 0.2, "b": 0.1 + 0.35, "c": 0.35}, ""), [])
    assert pooled({"a": 2.0, "b": 1.0}, [candidate]) == pytest.approx({"b": 0.35, "c": 0.35})


def test_bm25_of_the_mix_is_the_retrievers() -> None:
    [ranking] = BM.rank([WeightedQuery(MIXED, "")], 10)
    numbers: list[int] = ranking.documents.tolist()
    found: list[float] = ranking.scores.tolist()
    scores: dict[str, float] = {BM.index.docids[number]: score for number, score in zip(numbers, found, strict=True)}
    assert feature("bm25_mix") == pytest.approx(standard({docid: scores[docid] for docid in POOL}), abs=1e-5)


@pytest.mark.parametrize("mu", [500, 2000])
def test_likelihood_is_dirichlets(mu: int) -> None:
    """Zhai and Lafferty 2004, equation 6: (c(w; d) + mu p(w | C)) / (|d| + mu)."""
    counts = bags()
    total = sum((counts[docid] for docid in TEXTS), Counter[str]())
    values = {
        docid: sum(
            weight * math.log((counts[docid][term] + mu * total[term] / total.total()) / (counts[docid].total() + mu))
            for term, weight in MIXED.items()
        )
        for docid in POOL
    }
    assert feature(f"likelihood_{mu}") == pytest.approx(standard(values), abs=1e-6)


def tfidf(terms: Counter[str]) -> dict[str, float]:
    held = bags()
    df = Counter(term for bag in held.values() for term in bag)
    vector = {t: math.log1p(c) * math.log((len(held) + 1) / (df[t] + 0.5)) for t, c in terms.items() if df[t]}
    norm = math.sqrt(sum(value**2 for value in vector.values()))
    return {term: value / norm for term, value in vector.items()}


@pytest.mark.parametrize("family", ["cosine", "latent"])
def test_cosines(family: str) -> None:
    """With as many latent dimensions as documents nothing is lost, so latent cosines are the plain ones."""
    queries = {"query": Counter(heat=1, flow=1), "pooled": Counter(steel=1, wing=2)}
    for name, terms in queries.items():
        query = tfidf(terms)
        cosines = {
            docid: sum(value * query.get(term, 0) for term, value in tfidf(bags()[docid]).items()) for docid in POOL
        }
        assert feature(f"{family}_{name}") == pytest.approx(standard(cosines), abs=1e-4)


def test_sentences_coverage_and_length() -> None:
    idf = {term: BM.scorer.idf(BM.index.document_frequency(term)) for term in ("heat", "flow")}
    coverage = {"d1": idf["flow"], "d2": idf["heat"], "d3": idf["heat"] + idf["flow"], "d4": 0.0}
    assert feature("coverage") == pytest.approx(standard(coverage), abs=1e-6)
    assert feature("length") == pytest.approx(
        standard({docid: math.log1p(bags()[docid].total()) for docid in POOL}), abs=1e-6
    )
    # d3's best sentence for "heat flow" holds both; d1's holds one, and d4's none.
    best = feature("sentence_query")
    assert best["d3"] > best["d1"] > best["d4"]
    # d1 begins with "wing flow", which weighs most in the mix.
    first = feature("first_sentence_mix")
    assert max(first, key=first.__getitem__) == "d1"


def test_features_are_standardised_and_finite() -> None:
    features = EVIDENCE.pool(QUERY, CANDIDATES).features
    assert features.shape == (len(POOL), len(FEATURES))
    assert features.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert features.std(axis=0) == pytest.approx(1, abs=1e-3)
    alone = EVIDENCE.pool("of the", [Candidate(WeightedQuery({}, ""), [Hit("d5", 1.0)])])
    assert alone.features == pytest.approx(0)


def test_the_same_evidence_comes_twice() -> None:
    again = Evidence(BM).pool(QUERY, CANDIDATES)
    assert np.array_equal(again.features, EVIDENCE.pool(QUERY, CANDIDATES).features)


def test_nothing_found_is_said() -> None:
    with pytest.raises(DataError, match="no reformulation of 'zebra' finds"):
        EVIDENCE.pool("zebra", [Candidate(WeightedQuery({}, "zebra"), [])])
