"""Several retrievers as one: each ranks, and the rankings are fused.

    hybrid = load_retriever("hybrid:bm25:robust.index+faiss:robust.dense")                  # RRF, k = 60
    hybrid = load_retriever("hybrid:bm25:a.index+faiss:a.dense+weights=1,2+fusion=combsum+normalize=minmax")

Between the `+` stand retrievers' specs and options, in any order; a `+` or `%` inside a spec is written `%2B` or `%25`.
Every retriever gets the same query: those of terms its terms and weights, dense ones its text. Terms are made by the
first one's analysis, so that all of them must agree on that, as bm25, rm3 and lucene over English indexes do.

Not done: retrievers over different collections (documents come from the first one).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Literal, get_args

from dikast.errors import UsageError
from dikast.records import Document
from dikast.retrieval.fusion import RRF_K, Normalization, combmnz, combsum, rrf
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever

Fusion = Literal["rrf", "combsum", "combmnz"]
DEPTH = 1000
"""Documents of each ranking that are fused; as many as are asked for, where that is more."""
OPTIONS = ("fusion", "rrf_k", "normalize", "weights", "depth")


class Hybrid:
    """Ranks by the fusion of several retrievers' rankings.

    Args:
        retrievers: At least two, over the same documents.
        fusion: How rankings join; see `dikast.retrieval.fusion`.
        rrf_k: How little the first ranks stand out in RRF.
        normalize: What is done to scores before `combsum` and `combmnz`.
        weights: One a retriever; 1 each by default.
        depth: Documents of each ranking that are fused, at least 1.

    Raises:
        UsageError: There are fewer than two retrievers, or a parameter makes no sense.
    """

    def __init__(
        self,
        retrievers: Sequence[Retriever],
        *,
        fusion: Fusion = "rrf",
        rrf_k: float = RRF_K,
        normalize: Normalization = "minmax",
        weights: Sequence[float] | None = None,
        depth: int = DEPTH,
    ) -> None:
        if len(retrievers) < 2:
            raise UsageError("hybrid: at least two retrievers", hint="hybrid:bm25:PATH+faiss:PATH")
        if fusion not in get_args(Fusion) or depth < 1:
            raise UsageError(f"hybrid: fusion={fusion}, depth={depth}", hint="rrf, combsum or combmnz; at least 1")
        self.retrievers, self.fusion, self.rrf_k, self.depth = tuple(retrievers), fusion, rrf_k, depth
        self.normalize: Normalization = normalize
        self.weights = tuple(weights) if weights is not None else (1.0,) * len(retrievers)
        self._fuse([[] for _ in retrievers])  # has fusion refuse what it would refuse at the first search

    @property
    def spec(self) -> str:
        """`hybrid:SPEC+SPEC+fusion=..`; empty if one of the retrievers has no spec."""
        specs = [retriever.spec.replace("%", "%25").replace("+", "%2B") for retriever in self.retrievers]
        given = {"rrf_k": self.rrf_k} if self.fusion == "rrf" else {"normalize": self.normalize}
        weights = ",".join(map(str, self.weights))
        options = {"fusion": self.fusion, **given, "weights": weights, "depth": self.depth}
        written = [*specs, *(f"{name}={value}" for name, value in options.items())]
        return f"hybrid:{'+'.join(written)}" if all(specs) else ""

    def fingerprint(self) -> dict[str, object]:
        """Those of the retrievers, and how they are fused."""
        knob = {"rrf_k": self.rrf_k} if self.fusion == "rrf" else {"normalize": self.normalize}
        fused: dict[str, object] = {"fusion": self.fusion, **knob, "weights": list(self.weights), "depth": self.depth}
        parts = [retriever.fingerprint() for retriever in self.retrievers]
        return {"retriever": "hybrid", "retrievers": parts, **fused}

    def analyze(self, text: str) -> list[str]:
        """As the first retriever."""
        return self.retrievers[0].analyze(text)

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` of each query's fused ranking; raises as the retrievers do.

        Raises:
            UsageError: `k` is below 1.
        """
        if k < 1:
            raise UsageError(f"k={k}: at least 1 document has to be asked for")
        depth = max(k, self.depth)
        runs = await asyncio.gather(*(retriever.search(queries, depth) for retriever in self.retrievers))
        return [self._fuse(rankings)[:k] for rankings in zip(*runs, strict=True)]

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """As the first retriever."""
        return await self.retrievers[0].documents(docids)

    def _fuse(self, rankings: Sequence[Sequence[Hit]]) -> list[Hit]:
        if self.fusion == "rrf":
            return rrf(rankings, k=self.rrf_k, weights=self.weights)
        fuse = combsum if self.fusion == "combsum" else combmnz
        return fuse(rankings, normalize=self.normalize, weights=self.weights)
