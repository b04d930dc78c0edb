"""Selection without judgments: predictors by their formulas, and what must hold of any choice."""

from __future__ import annotations

import math
from typing import Any, cast, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.evidence import Evidence
from dikast.retrieval.index import Index
from dikast.retrieval.predictors import (
    Candidate,
    Predictor,
    agreement,
    clarity,
    collection_score,
    expected_gain,
    nqc,
    predict,
    wig,
)
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import FEATURES
from dikast.retrieval.retriever import Hit
from dikast.retrieval.selection import select

TEXTS = {
    "d1": "cats purr. cats sleep",
    "d2": "dogs bark at cats",
    "d3": "dogs sleep",
    "d4": "birds sing songs all day",
    "d5": "birds bark",
}
BM = BM25(Index.build(Document(docid, text) for docid, text in TEXTS.items()))
EVIDENCE = Evidence(BM)
MATRIX = EVIDENCE.matrix


def candidate(text: str, k: int = 10) -> Candidate:
    query = WeightedQuery.from_text(text, BM.analyze)
    [ranking] = BM.rank([query], k)
    hits = [Hit(BM.index.docids[n], float(score)) for n, score in zip(*ranking, strict=True)]
    return Candidate(query, hits)


def test_the_matrix_is_the_index_turned_round() -> None:
    cells = MATRIX.take([2, 0])
    terms: list[str] = list(BM.index.terms)
    triples = zip(cells.rows.tolist(), cells.columns.tolist(), cells.frequencies.tolist(), strict=True)
    held: dict[tuple[int, str], float] = {(row, terms[column]): count for row, column, count in triples}
    assert held == {(0, "dog"): 1, (0, "sleep"): 1, (1, "cat"): 2, (1, "purr"): 1, (1, "sleep"): 1}
    assert MATRIX.probabilities.sum() == pytest.approx(1)
    assert MATRIX.probabilities[BM.index.terms["cat"]] == pytest.approx(3 / BM.index.lengths.sum())


def test_impacts_add_up_to_the_score() -> None:
    found = candidate("cats bark")
    cells = MATRIX.take([BM.index.number(hit.docid) for hit in found.hits])
    sums = cells.sums(MATRIX.vector(found.query.terms)[cells.columns] * cells.impacts, len(found.hits))
    assert sums.tolist() == pytest.approx([hit.score for hit in found.hits])


def test_a_collection_without_terms_has_no_matrix() -> None:
    with pytest.raises(RetrievalError, match="no document holds a term"):
        _ = Evidence(BM25(Index.build([Document("d", "the")]))).matrix


def test_collection_score_is_the_mean_over_all_documents() -> None:
    found = candidate("cats bark zebra")
    assert collection_score(found.query, MATRIX) == pytest.approx(sum(hit.score for hit in found.hits) / len(TEXTS))


def test_nqc_and_wig_by_hand() -> None:
    hits = [Hit(docid, score) for docid, score in zip("abcd", (8.0, 6.0, 4.0, 1.0), strict=True)]
    given_ = Candidate(WeightedQuery({"x": 3.0, "y": 1.0}, "x y"), hits)
    assert nqc(given_, 2.0, depth=3) == pytest.approx(math.sqrt(8 / 3) / 2)
    assert wig(given_, 0.5, depth=2) == pytest.approx((7 - 0.5) / 2)


def test_clarity_by_hand() -> None:
    """One document of two terms, p = 1/2 each, against their shares of the collection."""
    total = int(BM.index.lengths.sum())
    expected = 0.5 * math.log2(0.5 / (2 / total)) + 0.5 * math.log2(0.5 / (2 / total))
    assert clarity([Hit("d5", 1.0), Hit("d3", 0.5)], MATRIX, depth=1) == pytest.approx(expected)


def test_clarity_of_the_whole_collection_is_little() -> None:
    by_length = [Hit(docid, float(length)) for docid, length in zip(BM.index.docids, BM.index.lengths, strict=True)]
    assert clarity(by_length, MATRIX) == pytest.approx(0, abs=1e-9)


def test_expected_gain_is_dcg() -> None:
    hits = [Hit(docid, 0.0) for docid in "abc"]
    assert expected_gain(hits, {"a": 3, "c": 2, "z": 9}) == pytest.approx(3 + 2 / 2)
    assert expected_gain(hits, {"a": 3, "c": 2}, depth=2) == 3


def test_agreement_by_hand() -> None:
    first, second, third = [Hit("a", 2), Hit("b", 1)], [Hit("a", 2), Hit("c", 1)], [Hit("d", 2)]
    expected = [1 / 2, 1 / 2, 0.0]  # rank 1 has 1 / (1 + 1) votes of the other ranking
    assert agreement([first, second, third]) == pytest.approx(expected)


@given(st.permutations(range(4)))
def test_agreement_does_not_look_at_the_order_of_rankings(order: list[int]) -> None:
    rankings = [[Hit(docid, 0.0) for docid in docids] for docids in ("abc", "bca", "xyz", "ab")]
    values = agreement(rankings)
    assert agreement([rankings[place] for place in order]) == pytest.approx([values[place] for place in order])


QUERIES = st.lists(st.sampled_from(["cats", "dogs bark", "birds sing", "zebra", "cats sleep cats"]), min_size=1)


@given(QUERIES, st.sampled_from([*get_args(Predictor), "evidence"]))
def test_a_choice_is_the_best_value_and_the_first(texts: list[str], by: Any) -> None:
    choice = select("cats", [candidate(text) for text in texts], EVIDENCE, by=by)
    assert len(choice.values) == len(texts)
    assert all(map(math.isfinite, choice.values))
    assert choice.place == choice.values.index(max(choice.values))


@pytest.mark.parametrize("by", [*get_args(Predictor), "evidence"])
def test_what_finds_nothing_is_worth_nothing(by: Any) -> None:
    choice = select("zebra", [candidate("zebra"), candidate("zebra crossing")], EVIDENCE, by=by)
    assert choice == (0, [0.0, 0.0])


def test_weights_decide() -> None:
    """With weight on the cosine to the original query alone, the reformulation that kept to it is taken."""
    candidates = [candidate("birds sing songs"), candidate("cats purr")]
    weights = dict.fromkeys(FEATURES, 0.0) | {"cosine_query": 3.0}
    assert select("cats purr", candidates, EVIDENCE, weights=weights).place == 1
    assert select("birds sing", candidates, EVIDENCE, weights=weights).place == 0


def test_mistakes_are_named() -> None:
    with pytest.raises(UsageError, match="no candidate"):
        select("cats", [], EVIDENCE)
    with pytest.raises(UsageError, match="predictor 'luck'"):
        predict([candidate("cats")], MATRIX, by=cast("Predictor", "luck"))
    with pytest.raises(RetrievalError, match="no document 'nowhere'"):
        select("cats", [Candidate(candidate("cats").query, [Hit("nowhere", 1.0)])], EVIDENCE)
