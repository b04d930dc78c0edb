"""Native and Lucene retrievers over the same collections: the same documents, the same measures.

Over the sample collection, and over each of the shared collections where they lie beside the checkout.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import NamedTuple

import pytest

from dikast.retrieval.batch import search_topics
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.load import load_retriever
from dikast.retrieval.lucene import Lucene
from dikast.retrieval.lucene_build import build_lucene_index
from dikast.retrieval.lucene_java import Anserini
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Expands, Hit
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_qrels, read_topics

HERE = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("DIKAST_DATA", HERE.parent / "shared" / "data")) / "retrieval"
DEPTH, TOP = 1000, 10
MEASURES = ["nDCG@10", "AP", "R@100", "R@1000"]
SAME_SHARE = 0.99
PAIRS = {"bm25": "lucene", "rm3": "lucene-rm3"}
Runs = dict[str, dict[str, list[Hit]]]


class Files(NamedTuple):
    """A collection."""

    corpus: Path
    topics: Path
    qrels: Path


def collections() -> dict[str, Files]:
    sample = sample_files()
    found = {"sample": Files(sample.corpus, sample.topics, sample.qrels)}
    for corpus in sorted(SHARED.glob("*/corpus.jsonl.gz")):
        found[corpus.parent.name] = Files(corpus, corpus.with_name("topics.tsv"), corpus.with_name("qrels.txt"))
    return found


COLLECTIONS = collections()


@pytest.fixture(scope="module", params=COLLECTIONS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def index(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(name) / "x.lucene"
    build_lucene_index(read_corpus(COLLECTIONS[name].corpus), folder)
    return folder


@pytest.fixture(scope="module")
def runs(name: str, index: Path) -> Runs:
    topics = read_topics(COLLECTIONS[name].topics)
    sources = {scheme: COLLECTIONS[name].corpus for scheme in PAIRS} | {scheme: index for scheme in PAIRS.values()}
    return {
        scheme: asyncio.run(search_topics(load_retriever(f"{scheme}:{source}"), topics, DEPTH))
        for scheme, source in sources.items()
    }


@pytest.mark.parametrize("native", PAIRS)
def test_same_first_documents(native: str, name: str, runs: Runs) -> None:
    ours, theirs = runs[native], runs[PAIRS[native]]
    differing = [qid for qid in ours if docids(ours[qid])[:TOP] != docids(theirs[qid])[:TOP]]
    print(f"{name} {native}: the same {TOP} documents for {len(ours) - len(differing)} of {len(ours)} queries")
    assert len(differing) <= (1 - SAME_SHARE) * len(ours), differing


@pytest.mark.parametrize("native", PAIRS)
def test_same_measures(native: str, name: str, runs: Runs) -> None:
    qrels = read_qrels(COLLECTIONS[name].qrels)
    ours, theirs = (measure(qrels, runs[scheme], MEASURES) for scheme in (native, PAIRS[native]))
    told = {one: (round(mean(ours[one]), 4), round(mean(theirs[one]), 4)) for one in MEASURES}
    print(f"{name} {native}: {told}")
    assert all(abs(mean(ours[one]) - mean(theirs[one])) < 0.0005 for one in MEASURES), told


def test_weighted_queries_score_the_same(name: str, index: Path) -> None:
    """Weights that no text could express; the analysis is Lucene's for one and ours for the other."""
    topics = list(read_topics(COLLECTIONS[name].topics).values())[:20]
    both: list[list[list[Hit]]] = []
    for spec in (f"bm25:{COLLECTIONS[name].corpus}", f"lucene:{index}"):
        retriever = load_retriever(spec)
        terms = [dict.fromkeys(retriever.analyze(text)) for text in topics]
        weighted = [WeightedQuery({term: 0.3 + 0.7 * place for place, term in enumerate(one)}, "") for one in terms]
        both.append(asyncio.run(retriever.search(weighted, TOP)))
    for ours, theirs in zip(*both, strict=True):
        assert [hit.score for hit in theirs] == pytest.approx([hit.score for hit in ours], rel=1e-5)


def test_rm3_is_what_anserini_itself_makes_of_a_text(name: str, index: Path, runs: Runs) -> None:
    """Its searcher class, with RM3 switched on, given the text: none of our formula takes part."""
    java = Anserini.start()
    searcher = java.type("io.anserini.search.SimpleSearcher")(str(index))
    searcher.set_bm25(0.9, 0.4)
    searcher.set_rm3()
    topics = list(read_topics(COLLECTIONS[name].topics).items())[:100]
    answered = {qid: [hit.docid for hit in searcher.search(text, 2 * TOP)][:TOP] for qid, text in topics}
    differing = [qid for qid in answered if answered[qid] != docids(runs["lucene-rm3"][qid])[:TOP]]
    searcher.close()
    assert len(differing) <= (1 - SAME_SHARE) * len(answered), differing


def test_rm3_adds_the_same_terms(name: str, index: Path) -> None:
    """What `search --show-terms` tells, for as many queries as give the same rankings."""
    topics = list(read_topics(COLLECTIONS[name].topics).values())[:50]
    both: list[list[WeightedQuery]] = []
    for spec in (f"rm3:{COLLECTIONS[name].corpus}", f"lucene-rm3:{index}"):
        retriever = load_retriever(spec)
        assert isinstance(retriever, Expands)
        both.append(
            asyncio.run(retriever.expanded([WeightedQuery.from_text(one, retriever.analyze) for one in topics]))
        )
    same = [ours.terms == pytest.approx(dict(theirs.terms), rel=1e-4) for ours, theirs in zip(*both, strict=True)]
    assert sum(same) >= SAME_SHARE * len(same)


def test_documents_are_those_of_the_collection(name: str, index: Path) -> None:
    documents = list(read_corpus(COLLECTIONS[name].corpus))[::50]
    found = asyncio.run(Lucene(index).documents([document.docid for document in documents]))
    assert found == documents


def docids(hits: list[Hit]) -> list[str]:
    return [hit.docid for hit in hits]
