"""RM3: Anserini's feedback model by hand; `tests/golden/test_lucene.py` has its recorded rankings."""

from __future__ import annotations

import pytest

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever
from dikast.retrieval.rm3 import RM3, document_vector, relevance_model

FILLER = [Document(f"f{number}", f"filler{number} common") for number in range(30)]
DOCUMENTS = [
    Document("d1", "oracle oracle panel zebra apple x 2024 don't naïve common"),
    Document("d2", "oracle juror panel"),
    Document("d3", "juror votes"),
]


@pytest.fixture(scope="module")
def bm25() -> BM25:
    return BM25(Index.build([*DOCUMENTS, *FILLER]))


def test_document_vectors_leave_out_what_anserini_leaves_out(bm25: BM25) -> None:
    """One character, not `[a-z0-9]`, in more than a tenth of the documents; ties in alphabetical order."""
    assert document_vector(bm25.index, "d1", 10) == {"oracl": 2, "2024": 1, "appl": 1, "panel": 1, "zebra": 1}
    assert list(document_vector(bm25.index, "d1", 3)) == ["oracl", "2024", "appl"]


def test_the_relevance_model_by_hand() -> None:
    model = relevance_model([({"a": 3, "b": 1}, 2.0), ({"b": 1}, 4.0), ({}, 9.0)], 10)
    assert model == pytest.approx({"b": 4.5 / 6, "a": 1.5 / 6})
    assert relevance_model([({"a": 3, "b": 1}, 2.0)], 1) == {"a": 1.0}
    assert relevance_model([], 10) == {}


def test_expansion_mixes_the_query_with_the_model(bm25: BM25) -> None:
    query = WeightedQuery({"oracl": 3.0, "absent": 1.0}, "the text")
    expanded = RM3(bm25, original_weight=0.4).expand(query, [Hit("d2", 1.5)])
    third = 0.6 / 3
    assert expanded.terms == pytest.approx({"oracl": 0.3 + third, "absent": 0.1, "juror": third, "panel": third})
    assert expanded.text == "the text"
    assert sum(expanded.terms.values()) == pytest.approx(1)


async def test_without_a_usable_term_a_query_of_no_weight_stays() -> None:
    """In a collection this small every term is in more than a tenth of the documents, and so no feedback."""
    for weight in (0, 0.0):
        rm3 = RM3(BM25(Index.build([Document("d1", "cold car"), Document("d2", "warm car")])), original_weight=weight)
        query = WeightedQuery.from_text("cold car", rm3.analyze)
        assert await rm3.search([query], 5) == await rm3.bm25.search([query], 5) != [[]]


def test_a_query_of_no_weight_counts_nothing_where_there_is_a_model(bm25: BM25) -> None:
    expanded = RM3(bm25, original_weight=0).expand(WeightedQuery({"absent": 1.0}, ""), [Hit("d2", 1.5)])
    assert expanded.terms["absent"] == 0
    assert sum(expanded.terms.values()) == pytest.approx(1)


def test_no_feedback_leaves_the_query(bm25: BM25) -> None:
    query = WeightedQuery({"oracl": 1.0}, "")
    assert RM3(bm25).expand(query, []) is query


async def test_search_finds_what_the_query_does_not_name(bm25: BM25) -> None:
    rm3 = RM3(bm25, fb_docs=2)
    assert isinstance(rm3, Retriever)
    query = WeightedQuery.from_text("oracle", rm3.analyze)
    plain, expanded = await bm25.search([query], 10), await rm3.search([query], 10)
    assert "d3" not in dict(plain[0])
    assert "d3" in dict(expanded[0])
    assert await rm3.search([WeightedQuery({}, "")], 10) == [[]]
    assert await rm3.documents(["d3"]) == [DOCUMENTS[2]]


def test_kept_vectors_are_bounded_and_change_nothing(bm25: BM25, monkeypatch: pytest.MonkeyPatch) -> None:
    query, feedback = WeightedQuery({"oracl": 1.0}, ""), [Hit("d1", 2.0), Hit("d2", 1.0), Hit("d3", 0.5)]
    expected = RM3(bm25).expand(query, feedback)
    monkeypatch.setattr("dikast.retrieval.rm3.KEPT_VECTORS", 1)
    rm3 = RM3(bm25)
    assert [rm3.expand(query, feedback) for _ in range(2)] == [expected, expected]
    assert len(rm3._vectors) == 1


def test_unknown_feedback(bm25: BM25) -> None:
    with pytest.raises(RetrievalError, match="no document 'd9'"):
        RM3(bm25).expand(WeightedQuery({"oracl": 1.0}, ""), [Hit("d9", 1.0)])


def test_specs_and_fingerprints(bm25: BM25) -> None:
    rm3 = RM3(BM25("x.index"), fb_docs=3, fb_terms=20, original_weight=0.2)
    assert rm3.spec == "rm3:x.index?k1=0.9&b=0.4&fb_docs=3&fb_terms=20&original_weight=0.2"
    assert RM3(bm25).spec == ""
    assert RM3(bm25).fingerprint() == {
        **bm25.fingerprint(),
        "retriever": "rm3",
        "fb_docs": 10,
        "fb_terms": 10,
        "original_weight": 0.5,
    }


@pytest.mark.parametrize("setting", [{"fb_docs": 0}, {"fb_terms": 0}, {"original_weight": 1.1}])
def test_parameters_out_of_range(bm25: BM25, setting: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        RM3(bm25, **setting)
