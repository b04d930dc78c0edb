"""Dense retrieval over FAISS: documents whose vectors are near the query's.

    dense = load_retriever("faiss:robust.dense?ef=128")
    [hits] = await dense.search([WeightedQuery.from_text("damp walls", dense.analyze)], k=10)

**What is encoded is the query's text, once; terms and weights do not count.** For an expanded query that is the text
which the expansion wrote (`dikast.retrieval.combine`: the query, then every keyword in order, repeats kept), cut by
the encoder at its own length. Methods that work on vectors use `encode` and `search_vectors`: HyDE searches with the
mean of passages' vectors.

A search holds one thread of its own, and in it `threads` of FAISS's; searches of one retriever wait for one another
instead of sharing the processors out between them.

Not done: reranking, late interaction, filters.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import numpy as np

from dikast.errors import UsageError
from dikast.records import Document
from dikast.retrieval import analysis, vectors
from dikast.retrieval.dense_index import DenseIndex
from dikast.retrieval.encoders import encoder as encoders
from dikast.retrieval.encoders.encoder import Encoder, Role, load_encoder
from dikast.retrieval.hits import make_hits
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.topk import Ranking
from dikast.retrieval.vectors import Searcher, Vectors

NPROBE = 16
EF = 128
"""With `NPROBE`: see the table in docs/design/retrievers.md. FAISS's own 16 and 1 are for speed alone."""


class Dense:
    """Ranks the documents of one dense index; opened at first use.

    Args:
        source: A saved index, or an open one.
        encoder: What encodes queries; by default the encoder that the index names.
        nprobe: IVF lists looked into, at least 1; more is slower and finds more.
        ef: HNSW's breadth of search, at least 1; likewise.
        threads: FAISS's threads; all processors by default.
        gpu: Whether to search on all GPUs where FAISS has any.

    Raises:
        UsageError: A parameter is out of its range.
    """

    def __init__(
        self,
        source: str | Path | DenseIndex,
        *,
        encoder: Encoder | None = None,
        nprobe: int = NPROBE,
        ef: int = EF,
        threads: int | None = None,
        gpu: bool = True,
    ) -> None:
        if nprobe < 1 or ef < 1 or (threads is not None and threads < 1):
            raise UsageError(f"nprobe={nprobe}, ef={ef}, threads={threads}: each is at least 1")
        self.source, self.nprobe, self.ef, self.threads, self.gpu = source, nprobe, ef, threads, gpu
        self._given = encoder
        self._opening = threading.Lock()
        self._opened: tuple[DenseIndex, Searcher, Encoder] | None = None

    @property
    def spec(self) -> str:
        """`faiss:PATH?nprobe=..&ef=..`, with what was given of the rest; empty for an index that has no file."""
        if isinstance(self.source, DenseIndex):
            return ""
        more = f"&threads={self.threads}" if self.threads else ""
        more += "" if self.gpu else "&gpu=0"
        more += f"&encoder={quote(self._given.spec, safe=ENCODER_SAFE)}" if self._given else ""
        return f"faiss:{self.source}?nprobe={self.nprobe}&ef={self.ef}{more}"

    def fingerprint(self) -> dict[str, object]:
        """Content hash of the index, which covers the encoder, and what widens a search that is not exhaustive."""
        index, _, _ = self._open()
        wide: dict[str, object] = {"ef": self.ef} if index.factory.startswith("HNSW") else {}
        wide |= {"nprobe": self.nprobe} if index.factory.startswith("IVF") else {}
        return {"retriever": "faiss", "index": index.content_hash, "encoder": index.encoder, **wide}

    def analyze(self, text: str) -> list[str]:
        """The terms of native BM25, for who combines queries; search does not look at them."""
        return analysis.analyze(text)

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` for each query's text, best first, ties by document id; nothing for a blank text.

        Raises:
            RetrievalError: The index cannot be opened, or the encoder's vectors do not fit it.
            ModelError: The encoder's server failed.
            MissingExtraError: FAISS, or what the encoder needs, is not installed.
            UsageError: `k` is below 1.
        """
        asked = [place for place, query in enumerate(queries) if query.text.strip()]
        found: list[list[Hit]] = [[] for _ in queries]
        rankings = await self.search_vectors(await self.encode([queries[place].text for place in asked], "query"), k)
        for place, hits in zip(asked, rankings, strict=True):
            found[place] = hits
        return found

    async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """The texts' vectors as the index's metric wants them: `[texts, dimension]`; errors as `search`."""
        index, _, encoder = await self._ready()
        if not texts:
            return np.empty((0, index.dimension), np.float32)
        return index.prepared(await encoders.encode(encoder, texts, role), encoder)

    async def search_vectors(self, queries: Vectors, k: int) -> list[list[Hit]]:
        """The top `k` for each vector, as `search`."""
        if k < 1:
            raise UsageError(f"k={k}: at least 1 document has to be asked for")
        index, searcher, _ = await self._ready()
        rankings = await asyncio.get_running_loop().run_in_executor(self._thread, searcher.search, queries, k)
        return [_hits(index, ranking) for ranking in rankings]

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """The documents of these ids, in this order.

        Raises:
            RetrievalError: An id is not in the index, or a text is damaged.
        """
        index, _, _ = await self._ready()
        return [index.texts.document(docid) for docid in docids]

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="dikast-faiss")

    async def _ready(self) -> tuple[DenseIndex, Searcher, Encoder]:
        return self._opened or await asyncio.to_thread(self._open)

    def _open(self) -> tuple[DenseIndex, Searcher, Encoder]:
        with self._opening:
            if self._opened is None:
                vectors.faiss()
                index = self.source if isinstance(self.source, DenseIndex) else DenseIndex.open(self.source)
                encoder = self._given or load_encoder(index.encoder_spec)
                index.check_encoder(encoder)
                self._opened = index, self._searcher(index), encoder
            return self._opened

    def _searcher(self, index: DenseIndex) -> Searcher:
        return Searcher(
            index.stored_vectors,
            nprobe=self.nprobe,
            ef=self.ef,
            threads=self.threads or vectors.processors(),
            gpu=self.gpu,
            origin=f"{index.origin} (written by FAISS {index.faiss_version})",
        )


ENCODER_SAFE = ":/#,?="
"""What an encoder's spec may hold and a retriever's option does not end at."""


def _hits(index: DenseIndex, ranking: Ranking) -> list[Hit]:
    docids = index.texts.docids
    numbers: list[int] = ranking.documents.tolist()
    return make_hits([docids[number] for number in numbers], ranking.scores.tolist())
