"""BM25 against its formula, and what every caller may rely on."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import random
import signal
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval import bm25 as module
from dikast.retrieval import scoring
from dikast.retrieval.bm25 import BM25, K1, B
from dikast.retrieval.index import Index, build_index
from dikast.retrieval.maxscore import Contribution
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever

# org.apache.lucene.util.SmallFloat.byte4ToInt for 0..255, the first of which are exact.

TERMS = ["oracl", "tabl", "critic", "judg", "solver", "hidden", "graph", "absent"]
WORDS = ["oracle", "table", "critic", "judge", "solver", "hidden", "graph"]
texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
collections = st.lists(texts, min_size=1, max_size=15)
weights = st.dictionaries(
    st.sampled_from(["oracl", "tabl", "critic", "judg", "absent"]), st.floats(0.01, 20), min_size=1, max_size=5
)


def retriever(contents: list[str], k1: float = K1, b: float = B) -> BM25:
    documents = [Document(f"d{number:02d}", text) for number, text in enumerate(contents)]
    return BM25(Index.build(documents), k1=k1, b=b)


async def top(bm25: BM25, terms: dict[str, float], k: int = 100) -> list[Hit]:
    return (await bm25.search([WeightedQuery(terms, "")], k))[0]


def formula(contents: list[str], terms: dict[str, float], k1: float, b: float) -> dict[str, float]:
    """The formula in the docstring of `scoring`, written out."""
    counts = [Counter(module.analysis.analyze(text)) for text in contents]
    held = [count for count in counts if count]
    mean = sum(count.total() for count in held) / len(held) if held else 1
    scores: dict[str, float] = {}
    for number, count in enumerate(counts):
        for term, weight in terms.items():
            if not count[term]:
                continue
            df = sum(term in other for other in held)
            idf = math.log(1 + (len(held) - df + 0.5) / (df + 0.5))
            norm = k1 * (1 - b + b * count.total() / mean)
            docid = f"d{number:02d}"
            scores[docid] = scores.get(docid, 0) + weight * idf * count[term] / (count[term] + norm)
    return scores


@given(collections, weights, st.sampled_from([(0.9, 0.4), (1.2, 0.75), (0.0, 0.0), (2.0, 1.0)]))
async def test_scores_are_the_formulas(
    contents: list[str], terms: dict[str, float], setting: tuple[float, float]
) -> None:
    k1, b = setting
    found = await top(retriever(contents, k1=k1, b=b), terms)
    expected = formula(contents, terms, k1, b)
    assert dict(found) == pytest.approx(expected, rel=1e-5)
    assert found == sorted(found, key=lambda hit: (-hit.score, hit.docid))


@given(collections, weights)
async def test_a_weighted_query_is_the_sum_of_its_terms(contents: list[str], terms: dict[str, float]) -> None:
    bm25 = retriever(contents)
    sums: defaultdict[str, float] = defaultdict(float)
    for term, weight in terms.items():
        for docid, score in await top(bm25, {term: 1.0}):
            sums[docid] += weight * score
    assert dict(await top(bm25, terms)) == pytest.approx(dict(sums), rel=1e-5)


def plain(bm25: BM25, terms: dict[str, float], k: int) -> list[Hit]:
    """What `search` promises, one number after another: sums of 32-bit floats, heaviest term first."""
    adding = [(-weight * held.highest, term, held) for term, weight in terms.items() if (held := impacts(bm25, term))]
    sums: dict[str, np.float32] = {}
    for _, term, held in sorted(adding):
        for number, score in zip(held.documents, held.scores, strict=True):
            docid = bm25.index.docids[int(number)]
            sums[docid] = sums.get(docid, np.float32(0)) + score * np.float32(terms[term])
    ranked = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    return [Hit(docid, float(score)) for docid, score in ranked][:k]


def impacts(bm25: BM25, term: str) -> Contribution | None:
    return bm25.scorer.impacts(term)


@settings(max_examples=40)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 150), st.booleans())
async def test_every_way_to_rank_gives_the_plain_ranking(seed: int, size: int, k: int, signed: bool) -> None:
    """Few words in short documents make many ties; not one bit of a score, nor the order, may depend on the way."""
    choose = random.Random(seed)
    contents = [" ".join(choose.choices(WORDS, range(7, 0, -1), k=choose.randrange(4))) for _ in range(size)]
    usual = [1.0, 1.0, 2.0, 0.3, 1e-3] + [-1.0] * signed
    asked = [
        {term: choose.choice(usual) for term in choose.sample(TERMS, choose.randrange(len(TERMS)))} for _ in range(5)
    ]
    queries = [WeightedQuery(terms, "") for terms in asked]
    expected = [plain(retriever(contents), terms, k) for terms in asked]
    assert await retriever(contents).search(queries, k) == expected
    seldom, never = {"FEW_DOCUMENTS": -4 * size}, {"FEW_DOCUMENTS": -9 * size}  # are terms held for all documents
    for way in (seldom, never, {"SMALL": 0}, {"SMALL": 0, **seldom}, {"SMALL": 0, **never}, {"BLOCK": 2}):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in way.items():
                patch.setattr(scoring, name, value)
            assert await retriever(contents).search(queries, k) == expected


def test_terms_of_many_documents_are_held_for_all_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would compare a thing with itself."""
    monkeypatch.setattr(scoring, "FEW_DOCUMENTS", -5)
    bm25 = retriever(["oracle"] * 3 + ["table"])
    often, seldom = impacts(bm25, "oracl"), impacts(bm25, "tabl")
    assert often is not None
    assert often.everywhere is not None
    assert often.everywhere.tolist() == [*often.scores.tolist(), 0]
    assert seldom is not None
    assert seldom.everywhere is None


async def test_ties_are_broken_by_id_also_at_the_cut() -> None:
    bm25 = retriever(["oracle"] * 50 + ["oracle oracle"])
    assert [hit.docid for hit in await top(bm25, {"oracl": 1.0}, 4)] == ["d50", "d00", "d01", "d02"]


async def test_negative_and_zero_weights() -> None:
    bm25 = retriever(["oracle", "table", "oracle table", "critic"])
    found = await top(bm25, {"oracl": 1.0, "tabl": -1.0, "critic": 0.0})
    assert [hit.docid for hit in found] == ["d00", "d02", "d01"]
    assert found[2].score < 0


@pytest.mark.parametrize("weight", [math.nan, math.inf, 1e39])
async def test_a_weight_that_is_no_number_is_told(weight: float) -> None:
    with pytest.raises(RetrievalError, match="weight is not a finite number"):
        await top(retriever(["oracle"]), {"oracl": weight})


@pytest.mark.parametrize("setting", [{"k1": -0.1}, {"k1": math.nan}, {"k1": math.inf}, {"b": 1.1}, {"b": -0.1}])
def test_parameters_out_of_range(setting: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="k1 is at least 0 and b between 0 and 1"):
        retriever(["oracle"], **setting)


async def test_k_below_one() -> None:
    with pytest.raises(UsageError, match="k=0"):
        await top(retriever(["oracle"]), {"oracl": 1.0}, 0)


async def test_concurrent_searches_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE_WORK", 0)
    bm25 = retriever([f"oracle table{number % 7} critic{number % 11}" for number in range(500)])
    queries = [WeightedQuery.from_text(f"oracle table{n % 7} critic{n % 5}", bm25.analyze) for n in range(40)]
    batches = await asyncio.gather(*(bm25.search(queries, 20) for _ in range(8)))
    alone = [(await bm25.search([query], 20))[0] for query in queries]
    assert all(batch == alone for batch in batches)


@given(collections, weights)
async def test_threads_and_the_event_loop_agree(contents: list[str], terms: dict[str, float]) -> None:
    bm25 = retriever(contents)
    inline = await top(bm25, terms)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "INLINE_WORK", -1)
        assert await top(bm25, terms) == inline


async def test_arrays_say_the_same_as_hits() -> None:
    bm25 = retriever(["oracle table", "oracle", "critic"])
    query = WeightedQuery({"oracl": 1.0, "tabl": 2.0}, "")
    ranking = bm25.rank([query], 2)[0]
    docids = [bm25.index.docids[number] for number in map(int, ranking.documents)]
    assert [Hit(*pair) for pair in zip(docids, map(float, ranking.scores), strict=True)] == (
        await bm25.search([query], 2)
    )[0]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_process_searches_in_threads_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INLINE_WORK", -1)
    bm25 = retriever(["oracle"])
    assert asyncio.run(top(bm25, {"oracl": 1.0}))
    child = os.fork()
    if not child:
        signal.alarm(20)  # ends a child that waits for its parent's threads
        os._exit(len(asyncio.run(top(bm25, {"oracl": 1.0}))))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


async def test_the_collector_is_left_as_it_was() -> None:
    bm25 = retriever(["oracle"])
    for switch, enabled in ((gc.disable, False), (gc.enable, True)):
        switch()
        await top(bm25, {"oracl": 1.0})
        assert gc.isenabled() is enabled


async def test_a_handle_opens_at_first_use(tmp_path: Path) -> None:
    path = tmp_path / "x.index"
    bm25 = BM25(path, k1=1.2, b=0.75)
    assert isinstance(bm25, Retriever)
    assert bm25.spec == f"bm25:{path}?k1=1.2&b=0.75"
    with pytest.raises(DataError, match="No such file"):
        await top(bm25, {"oracl": 1.0})
    index = build_index([Document("d", "oracle")], path)
    assert [hit.docid for hit in await top(bm25, {"oracl": 1.0})] == ["d"]
    assert bm25.fingerprint() == {
        "retriever": "bm25",
        "index": index.content_hash,
        "analyzer": "lucene-english-1",
        "k1": 1.2,
        "b": 0.75,
    }
    assert await bm25.documents(["d"]) == [Document("d", "oracle")]


async def test_a_collection_is_indexed_at_first_use_and_answers_as_its_index(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.tsv"
    corpus.write_text("d2\toracle table\nd1\ttable\n")
    index = build_index([Document("d1", "table"), Document("d2", "oracle table")], tmp_path / "x.index")
    from_corpus, from_index = BM25(corpus), BM25(index)
    assert await top(from_corpus, {"tabl": 1.0}) == await top(from_index, {"tabl": 1.0})
    assert from_corpus.fingerprint() == from_index.fingerprint()
    assert from_index.spec == ""


async def test_few_kept_contributions_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [f"oracle w{number} w{number % 3} table" for number in range(30)]
    terms = {"oracl": 1.0, "w1": 2.0, "w2": 0.5, "tabl": 1.0}
    expected = await top(retriever(contents), terms)
    monkeypatch.setattr(scoring, "KEPT_BYTES", 1)
    monkeypatch.setattr(scoring, "LONG_POSTINGS", 3)
    bm25 = retriever(contents)
    assert [await top(bm25, terms) for _ in range(2)] == [expected, expected]
    assert len(bm25.scorer._impacts) == 1
