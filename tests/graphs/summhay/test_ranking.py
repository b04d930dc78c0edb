from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dikast.errors import DataError, UsageError
from dikast.graphs.summhay.haystack import parse_haystack
from dikast.graphs.summhay.ranking import Ranker, load_ranker
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import scripted
from dikast.retrieval.index import Index
from dikast.retrieval.vectors import Vectors
from tests.graphs.summhay.hay import hay

HAY = parse_haystack(hay())
SHIPS, CRANES = HAY.subtopics


@scripted
def letters(texts: Sequence[str], role: Role) -> Vectors:
    """How often each letter occurs: a poor encoder, and one to count with."""
    del role
    return np.array([[text.lower().count(chr(97 + at)) + 0.01 for at in range(26)] for text in texts], np.float32)


LETTERS = f"dense:scripted:{__name__}:letters"
SPECS = ("bm25", "bm25?k1=1.2&b=0.7", "rm3", "keyword", "random", "random?seed=3", "oracle", "full", LETTERS,
         f"hybrid:bm25+{LETTERS}", "hybrid:keyword+random", "file:theirs")  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
async def test_each_ranks_the_haystacks_documents_once_and_says_what_it_is(spec: str) -> None:
    ranker = load_ranker(spec)
    assert isinstance(ranker, Ranker)
    assert ranker.spec == spec
    subtopic = SHIPS if spec == "file:theirs" else CRANES
    ranking = await ranker.rank_haystack(HAY, subtopic)
    docids = [one.docid for one in ranking]
    assert set(docids) <= HAY.numbers.keys()
    assert len(set(docids)) == len(docids) > 0
    assert [one.score for one in ranking] == sorted((one.score for one in ranking), reverse=True)
    assert ranking == await load_ranker(spec).rank_haystack(HAY, subtopic)
    assert ranker.fingerprint() == load_ranker(spec).fingerprint()


async def test_the_oracle_alone_sees_the_incidence() -> None:
    ranking = await load_ranker("oracle").rank_haystack(HAY, SHIPS)
    assert [tuple(one) for one in ranking] == [("d2", 2), ("d1", 1), ("d3", 0), ("d4", 0)]
    changed = hay()
    for document in changed["documents"]:
        document["insights_included"] = []
    bare = parse_haystack(changed)
    for spec in SPECS:
        place = 0 if spec == "file:theirs" else 1
        blind = await load_ranker(spec).rank_haystack(bare, bare.subtopics[place])
        same = blind == await load_ranker(spec).rank_haystack(HAY, HAY.subtopics[place])
        assert same == (spec != "oracle"), spec


async def test_keywords_are_shared_by_their_stems() -> None:
    ranking = await load_ranker("keyword").rank_haystack(HAY, CRANES)
    # "What of the cranes? Cranes on the quay": what, crane, quay
    assert (ranking[0].docid, ranking[0].score) == ("d3", pytest.approx(2 / 3))


async def test_lots_differ_by_seed_and_subtopic() -> None:
    draws = {
        tuple(one.docid for one in await load_ranker(f"random?seed={seed}").rank_haystack(HAY, subtopic))
        for seed in range(6)
        for subtopic in HAY.subtopics
    }
    assert len(draws) > 4


async def test_equal_scores_stand_in_the_order_of_the_file() -> None:
    assert [one.docid for one in await load_ranker("full").rank_haystack(HAY, SHIPS)] == ["d1", "d2", "d3", "d4"]


async def test_a_users_own_retriever_over_the_same_documents() -> None:
    same = BM25(Index.build(Document(one.document_id, one.document_text) for one in HAY.documents))
    found = await load_ranker(same).rank_haystack(HAY, CRANES)
    assert found == await load_ranker("bm25").rank_haystack(HAY, CRANES) != []
    other = BM25(Index.build([Document("x", "cranes in the harbour")]))
    with pytest.raises(DataError, match="none of the documents found is in haystack 't1'"):
        await load_ranker(other).rank_haystack(HAY, CRANES)
    nothing = BM25(Index.build([Document("x", "nothing of the kind")]))
    assert await load_ranker(nothing).rank_haystack(HAY, CRANES) == []


async def test_a_retrievers_spec_is_taken(tmp_path: Path) -> None:
    ranker = load_ranker(f"bm25:{tmp_path / 'none.index'}")
    with pytest.raises(DataError, match="No such file"):
        await ranker.rank_haystack(HAY, SHIPS)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "bm26",
        "random?seed=x",
        "random?sede=1",
        "bm25?k9=1",
        "hybrid:",
        "hybrid:bm25+nosuch",
        "file:",
        7,
        "oracle?x=1",
    ],
)
def test_what_is_no_ranker_is_refused(spec: object) -> None:
    with pytest.raises(UsageError):
        load_ranker(spec)


async def test_a_hybrid_is_fused_by_ranks() -> None:
    fused = await load_ranker("hybrid:oracle+oracle").rank_haystack(HAY, SHIPS)
    assert [one.docid for one in fused] == ["d2", "d1", "d3", "d4"]
    assert fused[0].score == pytest.approx(2 / 61)
