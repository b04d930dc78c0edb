"""Specs: a string becomes a retriever and prints as the same string; typos are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import UsageError
from dikast.records import Document
from dikast.retrieval.batch import search_batch, search_topics
from dikast.retrieval.index import build_index
from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Retriever


@pytest.mark.parametrize(
    ("spec", "full"),
    [
        ("bm25:a/b.index", "bm25:a/b.index?k1=0.9&b=0.4"),
        ("bm25:corpus.jsonl?b=0.75&k1=1.2", "bm25:corpus.jsonl?k1=1.2&b=0.75"),
        ("bm25:irds:vaswani", "bm25:irds:vaswani?k1=0.9&b=0.4"),
        ("bm25:what?.jsonl", "bm25:what?.jsonl?k1=0.9&b=0.4"),
        ("bm25:a?b?.jsonl?b=1", "bm25:a?b?.jsonl?k1=0.9&b=1.0"),
        ("rm3:x?fb_docs=3&k1=1", "rm3:x?k1=1.0&b=0.4&fb_docs=3&fb_terms=10&original_weight=0.5"),
    ],
)
def test_round_trip(spec: str, full: str) -> None:
    retriever = load_retriever(spec)
    assert isinstance(retriever, Retriever)
    assert retriever.spec == full
    assert load_retriever(full).spec == full


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("bm52:x", "retriever 'bm52:x' is unknown (one of bm25:PATH, rm3:PATH"),
        ("x.index", "one of bm25:PATH, rm3:PATH"),
        ("bm25", "one of bm25:PATH, rm3:PATH"),
        ("bm25:", "one of bm25:PATH, rm3:PATH"),
        ("bm25:?k1=1", "one of bm25:PATH, rm3:PATH"),
        ("bm25:x?k=1", "k=1 makes no sense (bm25 takes k1, b, language, each a number, but for language)"),
        ("bm25:x?fb_docs=3", "fb_docs=3 makes no sense (bm25 takes k1, b, language, each"),
        ("bm25:x?k1=high", "k1=high makes no sense"),
        (
            "rm3:x?fb_docs=2.5",
            "fb_docs=2.5 makes no sense (rm3 takes k1, b, language, fb_docs, fb_terms, original_weight",
        ),
        (
            "faiss:x?ef=many",
            "ef=many makes no sense (faiss takes nprobe, ef, threads, gpu, encoder, each",
        ),
        ("faiss:x?encoder=nobody:x", "encoder spec 'nobody:x' is unknown"),
        ("bm25:x?b=1&b=0", "a parameter comes twice"),
        ("bm25:x?k1=nan", "k1=nan"),
        ("rm3:x?original_weight=nan", "original_weight=nan"),
        ("hybrid:bm25:a+bm25:b+weights=nan,1", "weights nan, 1.0"),
        ("hybrid:bm25:a+bm25:b+rrf_k=inf", "k=inf: rrf needs k above -1"),
        ("bm25:x?b=2", "b=2.0: k1 is at least 0 and b between 0 and 1"),
    ],
)
def test_typos(spec: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        load_retriever(spec)
    assert told in str(error.value)


def test_a_path_that_is_there_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "what?b=1").write_text("d1\toracle\n")
    assert load_retriever("bm25:what?b=1").spec == "bm25:what?b=1?k1=0.9&b=0.4"
    assert load_retriever("bm25:" + "x?" * 4000).spec


async def test_a_batch_in_processes_answers_as_one_search(tmp_path: Path) -> None:
    documents = [Document(f"d{number:03d}", f"oracle w{number % 7} w{number}") for number in range(200)]
    build_index(documents, tmp_path / "x.index")
    retriever = load_retriever(f"bm25:{tmp_path / 'x.index'}")
    queries = [WeightedQuery.from_text(f"oracle w{number}", retriever.analyze) for number in range(150)]
    found = list(search_batch(retriever.spec, queries, 10, processes=2))
    assert found == await retriever.search(queries, 10)


async def test_topics_as_one_batch(tmp_path: Path) -> None:
    (tmp_path / "corpus.tsv").write_text("d1\toracle\nd2\ttable\n")
    run = await search_topics(load_retriever(f"bm25:{tmp_path / 'corpus.tsv'}"), {"a": "tables", "b": "none"}, 5)
    assert {qid: [hit.docid for hit in hits] for qid, hits in run.items()} == {"a": ["d2"], "b": []}
