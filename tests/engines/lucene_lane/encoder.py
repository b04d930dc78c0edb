"""The local sentence encoder gives the vectors that sentence-transformers gave (`tests/golden/minilm.json`).

Recorded with the same files, over the hard texts of the golden tests, an empty one and one that is cut. The lane is
where the model's files are; Lucene has no part in this.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.retrieval.batch import search_topics
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.dense_index import build_dense_index
from dikast.retrieval.encoders.encoder import encode, load_encoder, normalised
from dikast.retrieval.load import load_retriever
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_qrels, read_topics

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
SPEC = "local:all-minilm-l6-v2"


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    return json.loads((GOLDEN / "minilm.json").read_text())


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [*json.loads((GOLDEN / "texts.json").read_text()), "", "damp walls and mould " * 200]


def test_the_same_vectors_in_one_batch_and_one_by_one(recorded: dict[str, Any], texts: list[str]) -> None:
    expected = np.array(recorded["vectors"])
    for options in ("", "?batch=1"):
        vectors = normalised(asyncio.run(encode(load_encoder(f"{SPEC}{options}"), texts, "document")))
        assert vectors.shape == (len(texts), 384)
        assert np.abs(vectors[:, : expected.shape[1]] - expected).max() < 5e-6


def test_a_prefix_and_a_length_change_vectors_and_fingerprint() -> None:
    specs = [SPEC, f"{SPEC}?query_prefix=about:+", f"{SPEC}?max_length=8"]
    text = ["damp walls and mould in the bathroom after a shower"]
    vectors = [asyncio.run(encode(load_encoder(spec), text, "query")) for spec in specs]
    assert not np.allclose(vectors[0], vectors[1], atol=1e-3)
    assert not np.allclose(vectors[0], vectors[2], atol=1e-3)
    assert len({str(load_encoder(spec).fingerprint()) for spec in specs}) == len(specs)


def test_it_finds_what_words_alone_do_not(tmp_path: Path) -> None:
    """On the sample collection a real sentence encoder ranks better than BM25; a broken one would not."""
    files = sample_files()
    asyncio.run(build_dense_index(read_corpus(files.corpus), tmp_path / "x.dense", load_encoder(SPEC)))
    topics, qrels = read_topics(files.topics), read_qrels(files.qrels)
    scores = {
        spec: mean(measure(qrels, run, ["nDCG@10"])["nDCG@10"])
        for spec in (f"bm25:{files.corpus}", f"faiss:{tmp_path / 'x.dense'}")
        for run in [asyncio.run(search_topics(load_retriever(spec), topics, 100))]
    }
    print(scores)
    assert scores[f"faiss:{tmp_path / 'x.dense'}"] > scores[f"bm25:{files.corpus}"]
