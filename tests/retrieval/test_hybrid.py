"""Hybrid retrieval: fusion by hand, specs within specs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dikast.errors import RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.dense import Dense
from dikast.retrieval.dense_index import build_dense_index
from dikast.retrieval.hybrid import Hybrid
from dikast.retrieval.index import Index, build_index
from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from tests.contract.encoder import toy

DOCUMENTS = [Document(f"d{number:02d}", f"oracle {'table ' * (number % 5)} w{number % 7}") for number in range(40)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build_index(DOCUMENTS, tmp_path / "x.index")
    asyncio.run(build_dense_index(DOCUMENTS, tmp_path / "x.dense", toy))
    return tmp_path


@pytest.mark.parametrize("weights", [(1.0, 1.0), (3.0, 0.5)])
def test_scores_are_reciprocal_ranks_added_by_hand(folder: Path, weights: tuple[float, float]) -> None:
    parts = [BM25(folder / "x.index"), Dense(folder / "x.dense")]
    query = WeightedQuery.from_text("oracle table w3", parts[0].analyze)

    async def both() -> tuple[list[list[str]], list[tuple[str, float]]]:
        rankings = [[hit.docid for hit in (await part.search([query], 20))[0]] for part in parts]
        [hits] = await Hybrid(parts, weights=weights, depth=20).search([query], 15)
        return rankings, [(hit.docid, hit.score) for hit in hits]

    rankings, fused = asyncio.run(both())
    by_hand = {
        docid: sum(
            weight / (60 + 1 + ranking.index(docid))
            for ranking, weight in zip(rankings, weights, strict=True)
            if docid in ranking
        )
        for docid in {*rankings[0], *rankings[1]}
    }
    expected = sorted(by_hand.items(), key=lambda item: (-item[1], item[0]))[:15]
    assert [docid for docid, _ in fused] == [docid for docid, _ in expected]
    assert [score for _, score in fused] == pytest.approx([score for _, score in expected], abs=1e-12)


def test_a_spec_holds_everything_and_can_be_nested(folder: Path) -> None:
    inner = f"hybrid:bm25:{folder}/x.index?k1=1.2+faiss:{folder}/x.dense+fusion=combmnz+normalize=zscore"
    outer = load_retriever(f"hybrid:{inner.replace('+', '%2B')}+rm3:{folder}/x.index+weights=2,1+rrf_k=10+depth=7")
    assert isinstance(outer, Hybrid)
    assert isinstance(outer.retrievers[0], Hybrid)
    assert (outer.retrievers[0].fusion, outer.retrievers[0].normalize) == ("combmnz", "zscore")
    assert (outer.weights, outer.rrf_k, outer.depth) == ((2.0, 1.0), 10.0, 7)
    again = load_retriever(outer.spec)
    assert again.spec == outer.spec
    assert again.fingerprint() == outer.fingerprint()


def test_a_path_with_a_plus_or_a_percent_comes_back(tmp_path: Path) -> None:
    hybrid = Hybrid([BM25(tmp_path / "a+b%2B"), BM25("c")])
    again = load_retriever(hybrid.spec)
    assert isinstance(again, Hybrid)
    assert [part.spec for part in again.retrievers] == [part.spec for part in hybrid.retrievers]


def test_a_retriever_without_a_spec_gives_none(folder: Path) -> None:
    assert Hybrid([BM25(Index.build(DOCUMENTS)), BM25("c")]).spec == ""


def test_the_fingerprint_is_of_parts_and_fusion(folder: Path) -> None:
    path = f"bm25:{folder}/x.index"
    specs = [
        f"hybrid:{path}+rm3:{folder}/x.index",
        f"hybrid:{path}+{path}?k1=2",
        f"hybrid:{path}+rm3:{folder}/x.index+weights=1,2",
        f"hybrid:{path}+rm3:{folder}/x.index+rrf_k=1",
        f"hybrid:{path}+rm3:{folder}/x.index+depth=5",
        f"hybrid:{path}+rm3:{folder}/x.index+fusion=combsum",
    ]
    assert len({str(load_retriever(spec).fingerprint()) for spec in specs}) == len(specs)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("hybrid:", "is unknown"),
        ("hybrid:bm25:a", "at least two retrievers"),
        ("hybrid:bm25:a+x.dense", "retriever 'x.dense' is unknown"),
        ("hybrid:bm25:a+bm25:b+fusion=max", "fusion=max"),
        ("hybrid:bm25:a+bm25:b+depth=0", "depth=0"),
        ("hybrid:bm25:a+bm25:b+depth", "an option makes no sense"),
        ("hybrid:bm25:a+bm25:b+depth=many", "an option makes no sense"),
        ("hybrid:bm25:a+bm25:b+weights=1", "1 weights for 2 rankings"),
        ("hybrid:bm25:a+bm25:b+weights=1,x", "an option makes no sense"),
        ("hybrid:bm25:a+bm25:b+rrf_k=-1", "rrf needs k above -1"),
        ("hybrid:bm25:a+bm25:b+fusion=combsum+normalize=max", "normalize='max'"),
    ],
)
def test_wrong_specs(spec: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        load_retriever(spec)
    assert told in str(error.value)


def test_a_part_that_fails_fails_the_search(folder: Path) -> None:
    hybrid = load_retriever(f"hybrid:bm25:{folder}/x.index+faiss:{folder}/absent.dense")
    with pytest.raises(RetrievalError, match=r"absent\.dense: cannot read the index"):
        asyncio.run(hybrid.search([WeightedQuery({"oracl": 1.0}, "oracle")], 3))
