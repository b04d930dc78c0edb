"""What every retriever promises: ranked documents for weighted-term queries.

`graphs/` is written against this Protocol, so that native BM25, Lucene and dense indexes are interchangeable.

What a spec names is opened by `dikast.retrieval.load.load_retriever`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from dikast.records import Document
from dikast.retrieval.query import WeightedQuery


class Hit(NamedTuple):
    """One ranked document. In JSON: `[docid, score]`."""

    docid: str
    score: float


@runtime_checkable
class Retriever(Protocol):
    """Ranks documents for weighted-term queries.

    Opening an index happens at first use, so that a handle costs nothing to make.
    """

    @property
    def spec(self) -> str:
        """The string that `load_retriever` turns into this retriever again."""
        ...

    def fingerprint(self) -> dict[str, object]:
        """What changes the ranking: content hash of the index, parameters. No paths."""
        ...

    def analyze(self, text: str) -> list[str]:
        """Text to the index's own terms, in order, repeats kept."""
        ...

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` of each query, best first, ties by document id ascending; without documents that match no term.

        Raises:
            RetrievalError: The index cannot be opened or searched.
        """
        ...

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """The documents of these ids, in this order.

        Raises:
            RetrievalError: An id is not in the index, or the index holds no texts.
        """
        ...


@runtime_checkable
class Expands(Protocol):
    """A retriever that searches by other terms than those it is given, and can say which."""

    async def expanded(self, queries: Sequence[WeightedQuery]) -> list[WeightedQuery]:
        """What `search` really looks for: each query with the terms and weights that feedback gave it.

        Raises:
            RetrievalError: The index cannot be opened or searched.
        """
        ...
