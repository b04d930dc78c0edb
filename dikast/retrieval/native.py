"""Which retrievers have a native index to look into: BM25, and RM3 over it."""

from __future__ import annotations

from dikast.retrieval.bm25 import BM25
from dikast.retrieval.retriever import Retriever
from dikast.retrieval.rm3 import RM3


def index_of(retriever: Retriever) -> BM25 | None:
    """The native index behind a retriever; `None` for one that has none."""
    if isinstance(retriever, RM3):
        return retriever.bm25
    return retriever if isinstance(retriever, BM25) else None
