"""Published figures on real collections; needs the shared data sets beside the checkout."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from dikast.retrieval.batch import search_topics
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.retriever import Retriever
from dikast.retrieval.rm3 import RM3
from dikast.retrieval.trec import read_qrels, read_topics

REFORMULATIONS = [
    "csqe.Qwen2.5-7B-Instruct.0c8c184e",  # texts over several lines, in CSV's quotes
    "genqr.Qwen2.5-7B-Instruct.1a155820",  # a text with a tab
    "genqr_ensemble.gpt-4.1-nano.0d366684",
    "mugi.gpt-4.1-nano.293d5e12",
]


@cache
def index(collection: Path) -> BM25:
    return BM25(collection / "corpus.jsonl.gz")


async def figure(retriever: Retriever, collection: Path, name: str) -> float:
    run = await search_topics(retriever, read_topics(collection / "topics.tsv"), 1000)
    return mean(measure(read_qrels(collection / "qrels.txt"), run, [name])[name])


@pytest.mark.parametrize(
    ("collection", "model", "name", "published", "tolerance"),
    [
        ("scifact", "bm25", "nDCG@10", 0.6789, 0.00005),  # Anserini's regressions, k1 0.9, b 0.4
        ("scifact", "bm25", "R@100", 0.9253, 0.00005),
        ("scifact", "bm25", "R@1000", 0.9767, 0.00005),
        ("scifact", "rm3", "nDCG@10", 0.6457, 0.00005),
        ("npl", "bm25", "nDCG@10", 0.4368, 0.00005),
        ("npl", "rm3", "nDCG@10", 0.4406, 0.00005),
        ("cacm", "bm25", "P@30", 0.1942, 0.00005),
        ("cacm", "bm25", "AP", 0.3075, 0.00005),  # Lucene's on this text; 0.3123 on the HTML, whose tags are off here
        ("cacm", "rm3", "AP", 0.3584, 0.00005),  # likewise; 0.3648 on the HTML
    ],
)
async def test_figures(
    collection: str, model: str, name: str, published: float, tolerance: float, shared_data: Path
) -> None:
    folder = shared_data / "retrieval" / collection
    bm25 = index(folder)
    retriever = RM3(bm25) if model == "rm3" else bm25
    assert await figure(retriever, folder, name) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("name", REFORMULATIONS)
async def test_reformulations_reproduce_their_published_score(name: str, shared_data: Path) -> None:
    folder = shared_data / "retrieval" / "scifact"
    files = shared_data / "retrieval" / "reformulations" / "scifact"
    published = json.loads((files / "published.json").read_text())[name]["published"]["ndcg_cut_10"]
    run = await search_topics(index(folder), read_topics(files / f"{name}.queries.tsv.gz"), 1000)
    values = measure(read_qrels(folder / "qrels.txt"), run, ["nDCG@10"])["nDCG@10"]
    assert round(mean(values), 4) == published
