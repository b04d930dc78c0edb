"""The retrievers that the contract suite runs over: how each is made from a collection, and what it does not do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.records import Document
from dikast.retrieval.dense_index import build_dense_index
from dikast.retrieval.index import build_index
from tests.contract.encoder import toy

Make = Callable[[Sequence[Document], Path], str]
"""(collection, a folder of one's own) -> the spec of a retriever over it."""


@dataclass(frozen=True)
class Kind:
    """A kind of retriever.

    Args:
        make: Indexes a collection.
        weighs: Whether terms and their weights are searched with; else only the text is.
        scores: Whether scores say how well a document matches, so that equal documents have equal ones; else ranks.
    """

    make: Make
    weighs: bool = True
    scores: bool = True


def native(scheme: str) -> Make:
    def make(documents: Sequence[Document], folder: Path) -> str:
        build_index(documents, folder / "x.index")
        return f"{scheme}:{folder / 'x.index'}"

    return make


def dense(factory: str, options: str = "") -> Make:
    def make(documents: Sequence[Document], folder: Path) -> str:
        asyncio.run(build_dense_index(documents, folder / "x.dense", toy, factory=factory, threads=1))
        return f"faiss:{folder / 'x.dense'}{options}"

    return make


def hybrid(documents: Sequence[Document], folder: Path) -> str:
    return f"hybrid:{native('bm25')(documents, folder)}+{dense('Flat')(documents, folder)}"


KINDS: Mapping[str, Kind] = {
    "bm25": Kind(native("bm25")),
    "rm3": Kind(native("rm3")),
    "faiss-flat": Kind(dense("Flat"), weighs=False),
    "faiss-hnsw": Kind(dense("HNSW16"), weighs=False),
    "faiss-ivfpq": Kind(dense("IVF4,PQ8x4", "?nprobe=4"), weighs=False),
    "hybrid": Kind(hybrid, scores=False),
}
