"""Dense indexes over FAISS: exact order, closed forms, what is wrong with a file, an encoder, a machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.errors import DataError, MissingExtraError, RetrievalError, UsageError
from dikast.records import Document
from dikast.retrieval import dense_index, store, vectors
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.dense import Dense
from dikast.retrieval.dense_index import DenseIndex, build_dense_index
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import scripted
from dikast.retrieval.index import build_index
from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.vectors import Vectors
from tests.contract.encoder import toy, wider

DOCUMENTS = [Document(f"d{number:03d}", f"oracle word{number % 11} word{number}") for number in range(120)]


@scripted
def plane(texts: Sequence[str], role: Role) -> Vectors:
    """Texts that are two numbers, as they are; queries are turned by a right angle where they say so."""
    points = np.array([[float(number) for number in text.split()[:2]] for text in texts], np.float32)
    return points[:, ::-1] if role == "query" and "turned" in texts[0] else points


POINTS = {"east": "2 0", "north": "0 1", "between": "3 3", "west": "-1 0", "nowhere": "0 0"}


def built(path: Path, encoder: Any = toy, documents: Sequence[Document] = DOCUMENTS, **options: Any) -> Path:
    asyncio.run(build_dense_index(documents, path, encoder, **options))
    return path


def search(dense: Dense, text: str, k: int = 10) -> list[Hit]:
    [hits] = asyncio.run(dense.search([WeightedQuery({}, text)], k))
    return hits


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_scores_are_the_inner_products(tmp_path: Path, metric: str) -> None:
    documents = [Document(docid, text) for docid, text in POINTS.items()]
    found = dict(search(Dense(built(tmp_path / "x", plane, documents, metric=metric)), "3 0.5"))
    query = np.array([3, 0.5])
    for docid, text in POINTS.items():
        point = np.array([float(number) for number in text.split()])
        lengths = np.linalg.norm(query) * np.linalg.norm(point)
        by_hand = query @ point / (1 if metric == "dot" else lengths or 1)
        assert found[docid] == pytest.approx(by_hand, abs=1e-6)
    assert [*found] == sorted(found, key=lambda docid: (-found[docid], docid))


def test_queries_and_documents_are_encoded_as_what_they_are(tmp_path: Path) -> None:
    dense = Dense(built(tmp_path / "x", plane, [Document(docid, text) for docid, text in POINTS.items()]))
    assert search(dense, "9 1", 1)[0].docid == "east"
    assert search(dense, "9 1 turned", 1)[0].docid == "north"


@pytest.mark.parametrize("factory", ["Flat", "IVF4,Flat"])
@pytest.mark.parametrize("k", [1, 10, 17, 60])
def test_a_tie_wider_than_the_margin_is_cut_by_ids(tmp_path: Path, factory: str, k: int) -> None:
    """Sixty copies, in the collection in reverse order: more than FAISS is asked for at first."""
    copies = [Document(f"copy{number:02d}", "the same words") for number in reversed(range(60))]
    path = built(tmp_path / "x", toy, [*copies, *DOCUMENTS], factory=factory)
    hits = search(Dense(path, nprobe=4, ef=256), "same words", k)
    assert [hit.docid for hit in hits] == [f"copy{number:02d}" for number in range(k)]
    assert len({hit.score for hit in hits}) == 1


def test_fingerprint_names_the_effort_only_where_it_counts(tmp_path: Path) -> None:
    flat, hnsw = built(tmp_path / "a"), built(tmp_path / "b", factory="HNSW8")
    assert Dense(flat, ef=9).fingerprint() == Dense(flat, nprobe=5).fingerprint()
    assert Dense(hnsw, ef=9).fingerprint() != Dense(hnsw, ef=10).fingerprint()
    assert Dense(hnsw, threads=1, gpu=False).fingerprint() == Dense(hnsw).fingerprint()


def test_vectors_can_be_searched_with(tmp_path: Path) -> None:
    """The mean of two documents' vectors is nearest to those two."""
    dense = Dense(built(tmp_path / "x"))

    async def both() -> list[Hit]:
        made = await dense.encode([DOCUMENTS[3].contents, DOCUMENTS[50].contents], "document")
        [hits] = await dense.search_vectors(made.mean(0, keepdims=True), 2)
        return hits

    assert {hit.docid for hit in asyncio.run(both())} == {"d003", "d050"}


def test_another_encoder_and_another_dimension_are_told(tmp_path: Path) -> None:
    path = built(tmp_path / "x.dense")
    with pytest.raises(RetrievalError, match=r"built with another encoder: encoder 'scripted:.*toy', not '.*wider'"):
        search(Dense(path, encoder=wider), "x")
    index = DenseIndex.open(path)
    index.encoder = wider.fingerprint()
    with pytest.raises(RetrievalError, match=r"x\.dense: vectors of 32 numbers, but scripted:.*wider gives 33"):
        search(Dense(index, encoder=wider), "x")


@pytest.mark.parametrize(
    ("documents", "told"),
    [
        ([], "holds no document"),
        ([Document("d", "a"), Document("d", "b")], "'d' comes twice"),
        ([Document("a b", "a")], "'a b' is empty or holds white space"),
    ],
)
def test_wrong_documents(tmp_path: Path, documents: list[Document], told: str) -> None:
    with pytest.raises(DataError, match=told):
        built(tmp_path / "x", documents=documents)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        ("flat", "no index is called 'flat' (Flat, HNSW32, IVF256,Flat or IVF256,PQ48"),
        ("IVF4", "no index is called 'IVF4'"),
        ("PCA8,Flat", "no index is called"),
        ("HNSW0", "no index is called"),
        ("IVF4,PQ7x4", "7 parts do not divide vectors of 32 numbers"),
        ("IVF500,Flat", "needs at least 500 documents to learn from; there are 120"),
        ("IVF4,PQ8", "needs at least 256 documents to learn from; there are 120"),
    ],
)
def test_kinds_of_index_that_cannot_be(tmp_path: Path, factory: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        built(tmp_path / "x", factory=factory)
    assert told in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return built(tmp_path / "x.dense")


def test_any_cut_and_any_damage_is_told(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 7, 63, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RetrievalError, match=r"torn|empty|not a dikast index|cannot read"):
            DenseIndex.open(path)
    for place in range(200, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        if whole[place] and place % 64 < 40:
            with pytest.raises(RetrievalError):
                read_all(path)


def read_all(path: Path) -> None:
    index = DenseIndex.open(path)
    for docid in index.texts.docids:
        index.texts.document(docid)


def test_each_kind_of_index_is_told_from_the_other(tmp_path: Path, path: Path) -> None:
    build_index(DOCUMENTS, tmp_path / "x.index")
    with pytest.raises(RetrievalError, match=r"this is a bm25 index, not a dense one \(search it as bm25:"):
        search(Dense(tmp_path / "x.index"), "x")
    with pytest.raises(RetrievalError, match=r"this is a dense index, not a bm25 one \(search it as faiss:"):
        BM25(path).index  # noqa: B018


def test_other_versions_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(store, "VERSION", 2)
        with pytest.raises(RetrievalError, match="index format 1, this dikast reads 2"):
            DenseIndex.open(path)
    monkeypatch.setattr(dense_index, "FORMAT", 2)
    with pytest.raises(RetrievalError, match="dense index format 1, this dikast reads 2"):
        DenseIndex.open(path)


def test_vectors_that_faiss_cannot_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a newer FAISS, whose kinds this one does not know; the checksums are right."""
    true = vectors.build

    def newer(*arguments: Any) -> vectors.Bytes:
        made = true(*arguments)
        made[:4] = np.frombuffer(b"IxZZ", np.uint8)
        return made

    monkeypatch.setattr(vectors, "build", newer)
    path = built(tmp_path / "x.dense")
    with pytest.raises(RetrievalError, match=r"x\.dense \(written by FAISS .*\): FAISS .* cannot read") as told:
        search(Dense(path), "x")
    assert "\n" not in str(told.value)


def test_without_faiss_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(vectors, "import_module", missing)
    for attempt in (lambda: search(Dense(path), "x"), lambda: built(path)):
        with pytest.raises(MissingExtraError, match=r"FAISS is not installed \(pip install 'dikast\[faiss\]'\)"):
            attempt()


def test_a_faiss_without_a_library_of_cudas_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(name: str) -> Any:
        raise RuntimeError("faiss-gpu installed but nvidia-cuda-runtime-cu12 is missing")

    monkeypatch.setattr(vectors, "import_module", lacking)
    with pytest.raises(MissingExtraError, match=r"nvidia-cuda-runtime-cu12 is missing.*dikast\[gpu\]"):
        search(Dense(path), "x")


def test_nothing_is_unpickled_and_the_file_is_mapped(path: Path) -> None:
    index = DenseIndex.open(path)
    assert not index.stored_vectors.flags.owndata
    assert not index.stored_vectors.flags.writeable
    assert all(array.dtype.kind in "iu" for array in store.open_file(path).sections.values())
    assert b"pickle" not in Path(vectors.__file__).read_bytes()


@pytest.mark.parametrize("options", [{"nprobe": 0}, {"ef": 0}, {"threads": 0}])
def test_parameters_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="each is at least 1"):
        Dense("x", **options)


def test_a_spec_carries_the_encoder_it_was_given(path: Path) -> None:
    spec = f"faiss:{path}?threads=1&gpu=0&encoder=scripted:tests.contract.encoder:toy"
    dense = load_retriever(spec)
    assert dense.spec == f"faiss:{path}?nprobe=16&ef=128&threads=1&gpu=0&encoder=scripted:tests.contract.encoder:toy"
    assert load_retriever(dense.spec).spec == dense.spec
    [hits] = asyncio.run(dense.search([WeightedQuery({}, "oracle word7")], 3))
    assert hits == search(Dense(path), "oracle word7", 3)
    address = "server:http://h:1/v1#A/B?query_prefix=a%26b:+&batch=3"
    there = load_retriever(f"faiss:x?encoder={address.replace('%', '%25').replace('&', '%26')}")
    assert isinstance(there, Dense)
    assert there._given is not None
    assert there._given.spec == address
    assert load_retriever(there.spec).spec == there.spec
