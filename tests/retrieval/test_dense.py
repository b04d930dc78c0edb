"""Dense indexes over FAISS: exact order, closed forms, what is wrong with a file, an encoder, a machine."""

from __future__ import annotations

import asyncio
import json
import zlib
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
from dikast.retrieval.vectors import Searcher, Vectors
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


def test_flat_finds_what_sorting_finds(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    made, queries = random.standard_normal((500, 16)).astype("f4"), random.standard_normal((30, 16)).astype("f4")
    stored = vectors.build(made, "Flat", threads=1)
    searcher = Searcher(stored, nprobe=1, ef=1, threads=2, gpu=True, origin="x")
    scores = (queries.astype("f8") @ made.T.astype("f8")).astype("f4")
    for ranking, row in zip(searcher.search(queries, 20), scores, strict=True):
        assert ranking.documents.tolist() == np.argsort(-row, kind="stable")[:20].tolist()


class Contrary(Searcher):
    """Candidates as FAISS may give them: rightly cut by score, with ties in any order, here the worst."""

    def _candidates(self, queries: Vectors, depth: int) -> Any:
        vectors_here = self._index.reconstruct_n(0, len(self))
        scores = queries @ vectors_here.T
        return np.stack([np.lexsort((-np.arange(len(row)), -row))[:depth] for row in scores])


@pytest.mark.parametrize("copies", [3, 17, 40, 200])
def test_ties_are_broken_by_number_whatever_faiss_makes_of_them(copies: int) -> None:
    random = np.random.default_rng(2)
    copy = np.full(8, 3.0)
    made = np.concatenate([random.uniform(-1, 1, (100, 8)), np.tile(copy, (copies, 1))]).astype(np.float32)
    searcher = Contrary(vectors.build(made, "Flat", threads=1), nprobe=1, ef=1, threads=1, gpu=False, origin="x")
    for k in (1, 2, 10, 30):
        [ranking] = searcher.search(made[-1:], k)
        tied = min(k, copies)
        assert ranking.documents[:tied].tolist() == list(range(100, 100 + tied))
        assert len(ranking.documents) == k


def test_more_effort_finds_more(tmp_path: Path) -> None:
    """And the parameters do reach FAISS."""
    random = np.random.default_rng(1)
    made, queries = random.standard_normal((3000, 16)).astype("f4"), random.standard_normal((40, 16)).astype("f4")
    truth = np.argsort(-(queries @ made.T), axis=1)[:, :10]

    def recall(factory: str, effort: int) -> float:
        stored = vectors.build(made, factory, threads=1)
        found = Searcher(stored, nprobe=effort, ef=effort, threads=1, gpu=False, origin="x").search(queries, 10)
        kept = [len({*ranking.documents.tolist()} & {*row.tolist()}) for ranking, row in zip(found, truth, strict=True)]
        return sum(kept) / truth.size

    assert recall("IVF64,Flat", 1) < 0.6 < recall("IVF64,Flat", 16) <= recall("IVF64,Flat", 64) == 1
    assert recall("HNSW4", 1) < 0.97 <= recall("HNSW4", 400)


class Copy:
    """Stands for an index on GPUs: counts what it is asked."""

    def __init__(self, index: Any) -> None:
        self.index, self.depths = index, list[int]()

    def search(self, queries: Vectors, depth: int) -> Any:
        self.depths.append(depth)
        return self.index.search(queries, depth)


def test_where_faiss_finds_gpus_they_search_as_deep_as_they_can(monkeypatch: pytest.MonkeyPatch) -> None:
    library, copies = vectors.faiss(), list[Copy]()

    def copied(index: Any) -> Copy:
        copies.append(Copy(index))
        return copies[-1]

    monkeypatch.setattr(library, "get_num_gpus", lambda: 2)
    monkeypatch.setattr(library, "index_cpu_to_all_gpus", copied)
    made = np.random.default_rng(0).standard_normal((3000, 8)).astype("f4")
    flat, hnsw = (vectors.build(made, factory, threads=1) for factory in ("Flat", "HNSW4"))
    there = Searcher(flat, nprobe=1, ef=1, threads=1, gpu=True, origin="x")
    here = Searcher(flat, nprobe=1, ef=1, threads=1, gpu=False, origin="x")
    assert (there.on_gpu, here.on_gpu) == (True, False)
    assert not Searcher(hnsw, nprobe=1, ef=1, threads=1, gpu=True, origin="x").on_gpu
    for k in (10, 2500):
        [one], [other] = there.search(made[:1], k), here.search(made[:1], k)
        assert one.documents.tolist() == other.documents.tolist()
    [copy] = copies
    assert copy.depths == [10 + vectors.MARGIN]


def test_an_index_that_gpus_cannot_hold_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(index: Any) -> Any:
        raise RuntimeError("out of memory\nat GpuIndex.cu")

    monkeypatch.setattr(vectors.faiss(), "get_num_gpus", lambda: 1)
    monkeypatch.setattr(vectors.faiss(), "index_cpu_to_all_gpus", full)
    stored = vectors.build(np.ones((3, 4), np.float32), "Flat", threads=1)
    with pytest.raises(RetrievalError, match=r"x: not on the GPU: out of memory at .*\?gpu=0"):
        Searcher(stored, nprobe=1, ef=1, threads=1, gpu=True, origin="x")


def test_threads_of_this_process_stay_as_they_were(tmp_path: Path) -> None:
    before = vectors.faiss().omp_get_max_threads()
    with vectors.using_threads(before + 1):
        assert vectors.faiss().omp_get_max_threads() == before + 1
    assert vectors.faiss().omp_get_max_threads() == before


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


def test_what_is_remembered_is_json_that_others_can_read(path: Path) -> None:
    meta = store.open_file(path).meta
    assert meta["encoder"] == toy.fingerprint()
    assert (meta["dimension"], meta["metric"], meta["factory"], meta["kind"]) == (32, "cosine", "Flat", "dense")
    assert json.loads(json.dumps(meta)) == meta
    assert zlib.crc32(store.open_file(path).sections["vectors"].tobytes())


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
