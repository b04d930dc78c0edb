from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dikast.errors import RetrievalError
from dikast.retrieval import vectors
from dikast.retrieval.vectors import Searcher, Vectors


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
