"""What every retriever promises: ranked documents for weighted-term queries.

`graphs/` is written against this Protocol, so that native BM25, Lucene and dense indexes are interchangeable.

    retriever = load_retriever("bm25:corpus.jsonl?k1=1.2&b=0.75")     # or a saved index; opened at first use
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from dikast.errors import UsageError
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


def load_retriever(spec: str) -> Retriever:
    """Turn a spec into a retriever that opens its index at first use.

    `bm25:PATH[?k1=0.9&b=0.4]` and `rm3:PATH[?k1=..&b=..&fb_docs=10&fb_terms=10&original_weight=0.5]`, where PATH is a
    saved index, or a collection as `dikast.retrieval.corpus.read_corpus` takes it, which is indexed in memory.

    Raises:
        UsageError: The spec names no known scheme or parameter, or a parameter's value is out of its range.
    """
    scheme, colon, rest = spec.partition(":")
    path, _, query = rest.partition("?")
    if scheme not in _PARAMETERS or not colon or not path:
        forms = ", ".join(f"{name}:PATH" for name in _PARAMETERS)
        raise UsageError(f"retriever {spec!r:.200} is unknown", hint=f"one of {forms}; PATH is an index or a corpus")
    values = {name: value for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)}
    return _make(scheme, path, {name: _number(spec, scheme, name, value) for name, value in values.items()})


_BM25: Mapping[str, Callable[[str], float]] = {"k1": float, "b": float}
_PARAMETERS: Mapping[str, Mapping[str, Callable[[str], float]]] = {
    "bm25": _BM25,
    "rm3": {**_BM25, "fb_docs": int, "fb_terms": int, "original_weight": float},
}


def _number(spec: str, scheme: str, name: str, value: str) -> float:
    known = _PARAMETERS[scheme]
    try:
        return known[name](value)
    except (KeyError, ValueError) as error:
        hint = f"{scheme} takes {', '.join(known)}, each a number"
        raise UsageError(f"retriever {spec!r:.200}: {name}={value} makes no sense", hint=hint) from error


def _make(scheme: str, path: str, parameters: Mapping[str, Any]) -> Retriever:
    from dikast.retrieval.bm25 import BM25
    from dikast.retrieval.rm3 import RM3

    bm25 = BM25(path, **{name: value for name, value in parameters.items() if name in _BM25})
    feedback = {name: value for name, value in parameters.items() if name not in _BM25}
    return bm25 if scheme == "bm25" else RM3(bm25, **feedback)
