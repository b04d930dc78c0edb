"""BM25 with Lucene's numbers, in numpy: the default retriever.

    bm25 = BM25("corpus.jsonl")                  # a saved index, a collection, or an Index
    [hits] = await bm25.search([WeightedQuery.from_text("hidden table oracle", bm25.analyze)], k=10)

On the collections where Anserini publishes figures it gives the same ones to four decimals. The native query is a bag
of weighted terms, so expansion methods need no query language.

Not done: phrases, fields, filters. RM3 feedback is in `dikast.retrieval.rm3`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path

from dikast.errors import UsageError
from dikast.records import Document
from dikast.retrieval import analysis
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.hits import collector_paused, make_hits
from dikast.retrieval.index import Index
from dikast.retrieval.languages import ENGLISH, agree, language_of
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.scoring import Scorer
from dikast.retrieval.store import is_index, meta_of
from dikast.retrieval.topk import Ranking

K1, B = 0.9, 0.4  # Anserini's defaults; Trotman, Puurula and Burgess 2014, table 3
INLINE_WORK = 5000  # microseconds: so long a thread would keep the interpreter's lock, too (`sys.getswitchinterval`)
QUERY_WORK, TERM_WORK, DOCUMENT_WORK, POSTING_WORK, HIT_WORK = 15, 1, 0.0013, 0.0014, 0.15  # microseconds each
TERM_SHARE = 0.05  # a query term is in so many of the documents


class BM25:
    """Ranks the documents of one index; opened, or built from a collection, at first use.

    Args:
        source: A saved index; or a collection as `read_corpus` takes it, which is indexed in memory; or an `Index`.
        k1: How fast repeated terms saturate, from 0.
        b: How much long documents are held back, 0 to 1.
        language: Of a collection that is indexed in memory, English by default; of an index that of its own.

    Raises:
        UsageError: A parameter is out of its range.
    """

    def __init__(
        self, source: str | Path | Index, *, k1: float = K1, b: float = B, language: str | None = None
    ) -> None:
        if not (0 <= k1 < float("inf") and 0 <= b <= 1):
            raise UsageError(f"k1={k1}, b={b}: k1 is at least 0 and b between 0 and 1")
        self.source, self.k1, self.b = source, k1, b
        self._asked = None if language is None else language_of(language)
        self._scorer: Scorer | None = None
        self._opening = threading.Lock()

    @property
    def spec(self) -> str:
        """`bm25:PATH?k1=..&b=..`; empty for an index that has no file."""
        language = "" if self._asked is None else f"&language={self._asked}"
        return "" if isinstance(self.source, Index) else f"bm25:{self.source}?k1={self.k1}&b={self.b}{language}"

    @property
    def scorer(self) -> Scorer:
        """The open index under this retriever's parameters; opens it, which blocks.

        Raises:
            RetrievalError: The index cannot be opened.
            DataError: The collection cannot be read.
        """
        with self._opening:
            if self._scorer is None:
                self._scorer = Scorer(_open(self.source, self.language), self.k1, self.b)
            return self._scorer

    @cached_property
    def language(self) -> str:
        """In which texts are analysed.

        Raises:
            RetrievalError: The index is of another language than was asked for, or cannot be opened.
        """
        origin = self.source.origin if isinstance(self.source, Index) else self.source
        return agree(_language_of(self.source), self._asked, origin)

    @property
    def index(self) -> Index:
        """The open index."""
        return self.scorer.index

    def fingerprint(self) -> dict[str, object]:
        """Content hash of the index, analysis, `k1` and `b`."""
        return {
            "retriever": "bm25",
            "index": self.index.content_hash,
            "analyzer": analysis.analyzer_of(self.language),
            "k1": self.k1,
            "b": self.b,
        }

    def analyze(self, text: str) -> list[str]:
        """Text to index terms, in order, repeats kept."""
        return analysis.analyze(text, self.language)

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        """The top `k` of each query, best first, ties by document id; documents that match no term are absent.

        A batch that would hold up the event loop runs in a thread; in one, since it keeps the interpreter's lock. Many
        queries over a big index are for `dikast.retrieval.batch`.

        Raises:
            RetrievalError: The index cannot be opened, or a weight is not a finite number.
            DataError: The collection cannot be read.
            UsageError: `k` is below 1.
        """
        scorer = self._scorer or await asyncio.to_thread(lambda: self.scorer)
        if _work(scorer.index, queries, k) <= INLINE_WORK:
            return _search(scorer, queries, k)
        return await asyncio.get_running_loop().run_in_executor(_threads(), _search, scorer, queries, k)

    def rank(self, queries: Sequence[WeightedQuery], k: int) -> list[Ranking]:
        """As `search`, blocking, and as arrays of document numbers and scores, for who has no use for objects.

        A document's id is `index.docids[number]`. At k = 1000, `search` spends most of its time on making hits.
        """
        return list(self.scorer.rank_all([query.terms for query in queries], k))

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        """The documents of these ids, in this order.

        Raises:
            RetrievalError: An id is not in the index, or a text is damaged.
        """
        scorer = self._scorer or await asyncio.to_thread(lambda: self.scorer)
        return [scorer.index.document(docid) for docid in docids]


def _open(source: str | Path | Index, language: str) -> Index:
    if isinstance(source, Index):
        return source
    path = Path(source)
    return Index.open(path) if is_index(path) else Index.build(read_corpus(source), language=language)


def _language_of(source: str | Path | Index) -> str:
    """The language of an index; empty for a collection, which has none yet."""
    if isinstance(source, Index):
        return source.language
    return meta_of(Path(source)).get("language", ENGLISH) if is_index(Path(source)) else ""


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that outlive the event loop, whose own (`asyncio.to_thread`) are started anew in each `asyncio.run`."""
    return ThreadPoolExecutor(thread_name_prefix="dikast-bm25")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a forked process has none of its parent's threads


def _search(scorer: Scorer, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
    with collector_paused():
        rankings = scorer.rank_all([query.terms for query in queries], k)
        return [_hits(scorer.index, ranking) for ranking in rankings]


def _work(index: Index, queries: Sequence[WeightedQuery], k: int) -> float:
    """How many microseconds a batch takes, roughly."""
    terms = sum(len(query.terms) for query in queries)
    each = QUERY_WORK + DOCUMENT_WORK * len(index) + HIT_WORK * min(k, len(index))
    return len(queries) * each + terms * (TERM_WORK + POSTING_WORK * TERM_SHARE * len(index))


def _hits(index: Index, ranking: Ranking) -> list[Hit]:
    return make_hits(index.docid_array[ranking.documents].tolist(), ranking.scores.tolist())
