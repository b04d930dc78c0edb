from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dikast.errors import RetrievalError
from dikast.records import Document
from dikast.retrieval import dense_index
from dikast.retrieval.dense_index import DenseIndex
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import scripted
from dikast.retrieval.vectors import Vectors
from tests.contract.encoder import toy
from tests.retrieval.test_dense import DOCUMENTS, POINTS, built, path, plane

__all__ = ["path"]  # the fixtures


@pytest.mark.parametrize("factory", ["Flat", "HNSW8", "IVF4,PQ8x4"])
def test_building_twice_gives_the_same_index_whatever_the_order(tmp_path: Path, factory: str) -> None:
    first = DenseIndex.open(built(tmp_path / "a", factory=factory, threads=1))
    second = DenseIndex.open(built(tmp_path / "b", documents=DOCUMENTS[::-1], factory=factory, threads=1))
    assert first.content_hash == second.content_hash
    assert np.array_equal(first.stored_vectors, second.stored_vectors)


def test_the_hash_is_of_texts_encoder_metric_and_kind(tmp_path: Path) -> None:
    points = [Document(docid, text) for docid, text in POINTS.items()]
    hashes = {
        DenseIndex.open(built(tmp_path / "x", encoder, documents, **options)).content_hash
        for encoder, documents, options in [
            (plane, points, {}),
            (toy, points, {}),
            (plane, points[:4], {}),
            (plane, [*points[:4], Document("nowhere", "0 0 again")], {}),
            (plane, points, {"metric": "dot"}),
            (plane, points, {"factory": "HNSW4"}),
        ]
    }
    assert len(hashes) == 6


@scripted
def unsteady(texts: Sequence[str], role: Role) -> Vectors:
    return np.ones((len(texts), 3 if texts[0] == DOCUMENTS[0].contents else 4), np.float32)


def test_an_encoder_that_changes_its_dimension_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_index, "DOCUMENTS_AT_ONCE", 50)
    with pytest.raises(RetrievalError, match="vectors of 3 and of 4 numbers"):
        built(tmp_path / "x", unsteady)
    assert list(tmp_path.iterdir()) == []


def test_progress_and_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = DenseIndex.open(built(tmp_path / "a"))
    monkeypatch.setattr(dense_index, "DOCUMENTS_AT_ONCE", 50)
    told: list[int] = []
    cut = DenseIndex.open(built(tmp_path / "b", progress=told.append))
    assert told == [50, 100, 120]
    assert cut.content_hash == whole.content_hash
