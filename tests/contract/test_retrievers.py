"""What every retriever of dikast promises, whatever index is behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from dikast.errors import DataError, RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics
from tests.contract.retrievers import KINDS, Kind

COPIES = ("copy-c", "copy-a", "copy-b")
COPIED = "zyzzyva weevils infest the quinoa silo"
DOCUMENTS = [*read_corpus(sample_files().corpus), *(Document(docid, COPIED) for docid in COPIES)]
TOPICS = list(read_topics(sample_files().topics).values())
K = 20


class Made(NamedTuple):
    """A retriever over `DOCUMENTS`, and how it was made."""

    kind: Kind
    spec: str
    folder: Path


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def made(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("retriever")
    return Made(kind, kind.make(DOCUMENTS, folder), folder)


@pytest.fixture
def retriever(made: Made) -> Retriever:
    return load_retriever(made.spec)


def queries(retriever: Retriever, texts: Sequence[str]) -> list[WeightedQuery]:
    return [WeightedQuery.from_text(text, retriever.analyze) for text in texts]


async def search(retriever: Retriever, texts: Sequence[str], k: int = K) -> list[list[Hit]]:
    return await retriever.search(queries(retriever, texts), k)


def test_it_satisfies_the_protocol(retriever: Retriever) -> None:
    assert isinstance(retriever, Retriever)


async def test_best_first_each_document_once_ties_by_id(retriever: Retriever) -> None:
    found = await search(retriever, TOPICS)
    assert all(found)
    for hits in found:
        assert len({hit.docid for hit in hits}) == len(hits)
        assert all((-one.score, one.docid) < (-other.score, other.docid) for one, other in pairwise(hits))


async def test_it_finds_what_was_asked_for(retriever: Retriever) -> None:
    """A document's own words find that document."""
    wanted = DOCUMENTS[::30]
    found = await search(retriever, [document.contents for document in wanted], 5)
    missed = [document.docid for document, hits in zip(wanted, found, strict=True) if document.docid not in dict(hits)]
    assert not missed


async def test_equal_documents_tie_and_stand_in_the_order_of_their_ids(made: Made, retriever: Retriever) -> None:
    [hits] = await search(retriever, [COPIED], 10_000)
    copies = [hit for hit in hits if hit.docid in COPIES]
    assert [hit.docid for hit in copies] == sorted(COPIES)
    assert (len({hit.score for hit in copies}) == 1) == made.kind.scores


async def test_a_cut_through_equal_documents_is_made_by_their_ids(made: Made, retriever: Retriever) -> None:
    for k in (1, 2, 3):
        [hits] = await search(retriever, [COPIED], k)
        assert [hit.docid for hit in hits] == sorted(COPIES)[:k]


@pytest.mark.parametrize("k", [1, 7, 10_000])
async def test_no_more_than_k_and_a_smaller_k_is_the_head_of_a_larger(retriever: Retriever, k: int) -> None:
    few, many = await search(retriever, TOPICS[:5], k), await search(retriever, TOPICS[:5], 10_001)
    assert [hits[:k] for hits in many] == few
    assert all(1 <= len(hits) <= min(k, len(DOCUMENTS)) for hits in few)


async def test_k_below_one_is_refused(retriever: Retriever) -> None:
    with pytest.raises(UsageError, match="k=0"):
        await search(retriever, ["damp"], 0)


async def test_an_empty_query_finds_nothing_and_no_query_gives_no_ranking(retriever: Retriever) -> None:
    [first, empty, blank, last] = await search(retriever, ["damp walls", "", " \n", "damp walls"])
    assert (empty, blank) == ([], [])
    assert first == last != []
    assert await retriever.search([], K) == []


async def test_unknown_words_are_no_error(retriever: Retriever) -> None:
    [hits] = await search(retriever, ['qqqqqq xxxxxx \x00 \U0001f600 ^^ AND ( "'])
    assert len(hits) <= K


async def test_weights_count_where_terms_are_searched_with(made: Made, retriever: Retriever) -> None:
    terms = {term: 1.0 for term in retriever.analyze("damp wall")}
    even = WeightedQuery(terms, "damp wall")
    uneven = WeightedQuery({**terms, retriever.analyze("wall")[0]: 9.0}, "damp wall")
    one, other = await retriever.search([even, uneven], K)
    assert (one != other) == made.kind.weighs


async def test_one_at_a_time_at_once_and_as_a_batch_are_the_same(retriever: Retriever) -> None:
    asked = queries(retriever, TOPICS)
    batch = await retriever.search(asked, K)
    at_once = await asyncio.gather(*(retriever.search([query], K) for query in asked))
    one_by_one = [await retriever.search([query], K) for query in asked[:5]]
    assert [hits for [hits] in at_once] == batch
    assert [hits for [hits] in one_by_one] == batch[:5]


def test_one_event_loop_after_another(retriever: Retriever) -> None:
    assert asyncio.run(search(retriever, TOPICS[:3])) == asyncio.run(search(retriever, TOPICS[:3]))


async def test_documents_come_in_the_order_asked(retriever: Retriever) -> None:
    wanted = [DOCUMENTS[place] for place in (5, 0, 50, 5)]
    assert await retriever.documents([document.docid for document in wanted]) == wanted
    assert await retriever.documents([]) == []


async def test_an_unknown_document_is_told(retriever: Retriever) -> None:
    with pytest.raises(RetrievalError, match="no document 'absent'"):
        await retriever.documents([DOCUMENTS[0].docid, "absent"])


def test_analysis_keeps_order_and_repeats(retriever: Retriever) -> None:
    assert retriever.analyze("The walls' dampness: walls, damp") == ["wall", "damp", "wall", "damp"]
    assert retriever.analyze("the of and") == []


async def test_a_spec_makes_the_same_retriever_again(made: Made, retriever: Retriever) -> None:
    again = load_retriever(retriever.spec)
    assert again.spec == retriever.spec
    assert again.fingerprint() == retriever.fingerprint()
    assert await search(again, TOPICS[:5]) == await search(retriever, TOPICS[:5])


def test_a_fingerprint_is_json_and_names_no_place(made: Made, retriever: Retriever) -> None:
    printed = json.dumps(retriever.fingerprint(), sort_keys=True)
    assert str(made.folder) not in printed
    assert "/" not in printed


def test_a_fingerprint_changes_with_a_documents_text(made: Made, retriever: Retriever, tmp_path: Path) -> None:
    changed = [*DOCUMENTS[:-1], Document(DOCUMENTS[-1].docid, f"{COPIED} again")]
    assert load_retriever(made.kind.make(changed, tmp_path)).fingerprint() != retriever.fingerprint()


def test_an_absent_index_is_told_at_first_use_and_not_before(made: Made) -> None:
    with pytest.raises((RetrievalError, DataError), match="gone") as told:
        load_retriever(made.spec.replace(str(made.folder), f"{made.folder}/gone")).fingerprint()
    assert "\n" not in str(told.value)
