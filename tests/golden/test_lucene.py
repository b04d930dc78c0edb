"""Native BM25 and RM3 against what real Lucene answered on the sample collection (`tests/engines/record_lucene.py`)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from dikast.retrieval.analysis import analyze
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever
from dikast.retrieval.rm3 import RM3
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

GOLDEN = Path(__file__).with_name("lucene.json")
HITS = 100
TOLERANCE = 1e-4  # Anserini rounds scores to 4 decimals, and sets ties apart by a millionth


@pytest.fixture(scope="module")
def lucene() -> dict[str, Any]:
    return json.loads(GOLDEN.read_text())


def test_the_recording_is_of_this_collection(lucene: dict[str, Any]) -> None:
    """Else: record again, by `tests/engines/record_lucene.py`."""
    files = sample_files()
    for name, path in (("corpus", files.corpus), ("topics", files.topics)):
        assert lucene[name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert lucene["engine"].startswith("anserini-")


@pytest.mark.parametrize("name", ["bm25", "rm3"])
async def test_same_rankings_and_scores(name: str, lucene: dict[str, Any]) -> None:
    bm25 = BM25(sample_files().corpus)
    retriever: Retriever = RM3(bm25) if name == "rm3" else bm25
    topics = read_topics(sample_files().topics)
    queries = [WeightedQuery.from_text(text, retriever.analyze) for text in topics.values()]
    found = dict(zip(topics, await retriever.search(queries, HITS), strict=True))
    recorded = {qid: [Hit(*hit) for hit in hits] for qid, hits in lucene[name].items()}
    assert {qid for qid, hits in found.items() if hits} == set(recorded)
    for qid, expected in recorded.items():
        assert [hit.docid for hit in found[qid]] == [hit.docid for hit in expected], f"query {qid}"
        scores = [hit.score for hit in expected]
        assert [hit.score for hit in found[qid]] == pytest.approx(scores, abs=TOLERANCE), f"query {qid}"


def test_same_terms_of_hard_texts(lucene: dict[str, Any]) -> None:
    """Abbreviations, numbers, possessives, eight scripts, emoji, stemmer's corner cases."""
    texts = json.loads(GOLDEN.with_name("texts.json").read_text())
    assert len(texts) == len(lucene["terms"])
    for text, terms in zip(texts, lucene["terms"], strict=True):
        assert analyze(text) == terms
