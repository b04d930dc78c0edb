"""FAISS, in one place: building an index over vectors, and searching it with results that can be repeated.

    stored = build(vectors, "HNSW32", threads=8)           # one array of bytes, FAISS's own serialisation
    searcher = Searcher(stored, nprobe=16, ef=64, threads=8, gpu=True, origin="robust.dense")
    [ranking] = searcher.search(queries, k=10)             # numbers and scores, ties by number

Scores are inner products. FAISS adds up a batch in another order than a single query, so its last bits vary; here
FAISS chooses candidates, some more than asked for, and their scores are computed again in one order and in double
precision from the vectors as the index holds them. Equal vectors have equal scores, and ties are broken by number.

The bytes are read where they lie (mapped into memory): Flat and HNSW vectors and IVF lists are not copied.

Not done: L2 distance, binary vectors, filters, adding to an index. FAISS itself does not defend against a file made to
harm it: the checksums of `dikast.retrieval.store` tell damage, not malice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import MissingExtraError, RetrievalError, UsageError
from dikast.retrieval.topk import Ranking

Vectors = NDArray[np.float32]
"""One a row."""
Bytes = NDArray[np.uint8]

EF_CONSTRUCTION = 200
"""hnswlib's default; FAISS's 40 is made for building fast."""
MARGIN = 16
"""Candidates beyond `k`, whose order is only known after computing their scores again."""
NOISE = 1e-5
"""Relative; the rounding error of a single-precision inner product of 4,096 numbers is below it."""
QUERIES_AT_ONCE = 1024
GPU_DEPTH = 2048
"""The most results that FAISS's GPU indexes give; deeper searches run on the CPU."""
FACTORY = re.compile(
    r"Flat|HNSW(?P<links>[1-9]\d*)|IVF(?P<lists>[1-9]\d*),(Flat|PQ(?P<parts>[1-9]\d*)(x(?P<bits>\d+))?)"
)
FACTORY_HINT = "Flat, HNSW32, IVF256,Flat or IVF256,PQ48[x8]: FAISS's own names"


def faiss() -> Any:
    """The library.

    Raises:
        MissingExtraError: It is not installed, or a library that it needs is not.
    """
    try:
        return import_module("faiss")
    except ImportError as error:
        raise MissingExtraError("FAISS", extra="faiss") from error
    except RuntimeError as error:  # how faiss-gpu says that one of CUDA's libraries is missing
        raise MissingExtraError(f"a part of FAISS ({error})", extra="gpu") from error


def processors() -> int:
    """Processors this process may use: how many threads FAISS gets unless told otherwise."""
    return len(os.sched_getaffinity(0))


@contextmanager
def using_threads(count: int) -> Generator[None]:
    """Hold the OpenMP threads of this Python thread at a number: FAISS takes all processors otherwise."""
    library = faiss()
    before = library.omp_get_max_threads()
    library.omp_set_num_threads(count)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)


def check_factory(factory: str, documents: int | None = None, dimension: int | None = None) -> None:
    """Refuse a description of an index that FAISS could not build over so many vectors of this length.

    Raises:
        UsageError: It is not one of the known forms, or does not fit.
    """
    found = FACTORY.fullmatch(factory)
    if found is None:
        raise UsageError(f"no index is called {factory!r:.60}", hint=FACTORY_HINT)
    lists, parts, bits = (int(found[name] or 0) for name in ("lists", "parts", "bits"))
    if parts and dimension is not None and dimension % parts:
        raise UsageError(f"{factory}: {parts} parts do not divide vectors of {dimension} numbers")
    centroids = 1 << (bits or 8) if parts else 0
    if bits > 16 or (documents is not None and max(lists, centroids) > documents):
        what = f"{factory} needs at least {max(lists, centroids):,} documents to learn from"
        raise UsageError(f"{what}; there are {documents:,}" if documents else what, hint="Flat needs none")


def build(vectors: Vectors, factory: str, threads: int) -> Bytes:
    """Index vectors; serialised. HNSW graphs depend on the number of threads, and with more than one on chance.

    Args:
        vectors: `[documents, dimension]`.
        factory: One of FAISS's index factory strings: see `FACTORY_HINT`.
        threads: Threads to build with.

    Raises:
        MissingExtraError: FAISS is not installed.
        UsageError: The factory string is unknown, or does not fit the vectors.
    """
    library = faiss()
    check_factory(factory, *vectors.shape)
    index = library.index_factory(vectors.shape[1], factory, library.METRIC_INNER_PRODUCT)
    if factory.startswith("HNSW"):
        index.hnsw.efConstruction = EF_CONSTRUCTION
    with using_threads(threads):
        index.train(vectors)
        index.add(vectors)
        if factory.startswith("IVF"):
            index.make_direct_map()  # so that a vector can be found by its number
        return cast(Bytes, library.serialize_index(index))


class Searcher:
    """An index that is searched with queries of its own dimension. One search at a time.

    Args:
        stored: What `build` gave; kept, and read where it lies.
        nprobe: IVF lists looked into.
        ef: HNSW's breadth of search.
        threads: OpenMP threads of a search.
        gpu: Whether to search on all GPUs, where FAISS has any; FAISS has no HNSW there.
        origin: What names it in errors.

    Raises:
        MissingExtraError: FAISS is not installed.
        RetrievalError: This FAISS cannot read it, or cannot hold it on the GPUs.
    """

    def __init__(self, stored: Bytes, *, nprobe: int, ef: int, threads: int, gpu: bool, origin: str) -> None:
        library = faiss()
        self._stored, self.threads = stored, threads
        try:
            reader = library.ZeroCopyIOReader(library.swig_ptr(stored), stored.size)
            self._index = library.read_index(reader, library.IO_FLAG_MMAP_IFC)
        except (RuntimeError, AttributeError) as error:
            what = f"{origin}: FAISS {library.__version__} cannot read the index's vectors"
            raise RetrievalError(what, hint="build it again with `dikast index build`") from error
        if hasattr(self._index, "hnsw"):
            self._index.hnsw.efSearch = ef
        elif hasattr(self._index, "nprobe"):
            self._index.nprobe = nprobe
        self._gpu_copy: Any = self._copied(origin) if gpu and not hasattr(self._index, "hnsw") else None

    @property
    def on_gpu(self) -> bool:
        """Whether GPUs hold it."""
        return self._gpu_copy is not None

    def __len__(self) -> int:
        """The number of vectors."""
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return int(self._index.d)

    def _copied(self, origin: str) -> Any:
        """The index on all GPUs; `None` where there is none."""
        library = faiss()
        if not hasattr(library, "index_cpu_to_all_gpus") or not library.get_num_gpus():
            return None
        try:
            return library.index_cpu_to_all_gpus(self._index)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise RetrievalError(f"{origin}: not on the GPU: {reason}", hint="?gpu=0 searches on the CPU") from error

    def search(self, queries: Vectors, k: int) -> list[Ranking]:
        """The top `k` of each query, best first, ties by number.

        Args:
            queries: `[queries, dimension]`.
            k: At least 1.
        """
        blocks = (queries[start : start + QUERIES_AT_ONCE] for start in range(0, len(queries), QUERIES_AT_ONCE))
        with using_threads(self.threads):
            return [ranking for block in blocks for ranking in self._block(block, k)]

    def _block(self, queries: Vectors, k: int) -> list[Ranking]:
        depth = min(k + MARGIN, len(self))
        while True:
            rankings = [
                self._ordered(query, numbers[numbers >= 0])
                for query, numbers in zip(queries, self._candidates(queries, depth), strict=True)
            ]
            if depth == len(self) or not any(undecided(ranking, k) for ranking in rankings):
                return [Ranking(ranking.documents[:k], ranking.scores[:k]) for ranking in rankings]
            depth = min(2 * depth, len(self))

    def _candidates(self, queries: Vectors, depth: int) -> NDArray[np.int64]:
        index: Any = self._gpu_copy if self.on_gpu and depth <= GPU_DEPTH else self._index
        return index.search(np.ascontiguousarray(queries), depth)[1]

    def _ordered(self, query: Vectors, numbers: NDArray[np.int64]) -> Ranking:
        numbers = np.sort(numbers)
        vectors = cast(Vectors, self._index.reconstruct_batch(numbers))
        scores = np.einsum("kd,d->k", vectors.astype(np.float64), query.astype(np.float64)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        return Ranking(numbers[order], scores[order])


def undecided(ranking: Ranking, k: int) -> bool:
    """Whether documents that were not looked at may tie with the `k`-th: the last candidate is no worse than that."""
    if len(ranking.scores) <= k:
        return False
    last, least = float(ranking.scores[k - 1]), float(ranking.scores[-1])
    return last - least <= NOISE * max(1.0, abs(last))
