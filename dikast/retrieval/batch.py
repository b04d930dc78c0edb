"""Many queries at once: a topics file's, or more than one processor should handle.

    run = await search_topics(retriever, read_topics("topics.tsv"), k=1000)
    for hits in search_batch("bm25:robust.index", queries, k=1000, processes=8): ...

Each of `search_batch`'s processes starts in about a second and opens the retriever's spec for itself: of a saved index
they share the pages, a collection would be indexed in each. Threads gain nothing here, since numpy keeps the
interpreter's lock while it adds up scores.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from dikast.retrieval.load import load_retriever
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit, Retriever

SHARE = 64  # queries sent to a process at once

_opened: dict[str, Retriever] = {}


async def search_topics(retriever: Retriever, topics: Mapping[str, str], k: int) -> dict[str, list[Hit]]:
    """The top `k` of each topic, as one batch: query id -> hits; raises as the retriever's `search`."""
    queries = [WeightedQuery.from_text(text, retriever.analyze) for text in topics.values()]
    return dict(zip(topics, await retriever.search(queries, k), strict=True))


def search_batch(spec: str, queries: Sequence[WeightedQuery], k: int, processes: int) -> Iterator[list[Hit]]:
    """The top `k` of each query, in order, as soon as they are known; raises as the retriever's `search`."""
    shares = [queries[start : start + SHARE] for start in range(0, len(queries), SHARE)]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for found in pool.map(_search, repeat(spec), shares, repeat(k)):
            yield from found


def _search(spec: str, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
    if spec not in _opened:
        _opened[spec] = load_retriever(spec)
    return asyncio.run(_opened[spec].search(queries, k))
