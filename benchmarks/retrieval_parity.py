"""Native BM25 and RM3: figures on every collection at hand, speed against bm25s, growth on synthetic documents.

    .venv/bin/python benchmarks/retrieval_parity.py --data ../shared/data/retrieval --json [--rows FOLDER]

A collection is a folder with `corpus.jsonl.gz`, `topics.tsv` and `qrels.txt`. `--rows` writes the TREC runs.

Speed: one thread each, alternating, best of several rounds, processor time. The figure to report is `with_ids`, what
every caller gets: document ids and scores, as objects here (`BM25.search`, event loop and all) and as arrays there
(`retrieve` with the ids as corpus). `ratio` itself is of bare arrays of document numbers and scores (`BM25.rank`);
`with_tokenizing` is that from the query's text on. bm25s runs on its numpy backend, the fastest that needs no further
compiler. Collections count by their queries.

`index_ratio`: seconds to build all indexes, tokenising and stemming included, ours over theirs.

Growth: documents of 60 words with Zipf-distributed frequencies, six-word queries taken from such documents, k = 10 and
100; each size in a process of its own. `--full` adds nothing: a million documents are in the default.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

os.environ.setdefault("OMP_NUM_THREADS", "1")

import bm25s
import numpy as np
import Stemmer
from machine import facts

from dikast.records import Document
from dikast.retrieval.analysis import analyze
from dikast.retrieval.batch import search_topics
from dikast.retrieval.bm25 import BM25, K1, B
from dikast.retrieval.corpus import read_corpus
from dikast.retrieval.index import Index, build_index
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Retriever
from dikast.retrieval.rm3 import RM3
from dikast.retrieval.trec import read_qrels, read_topics, write_run

MEASURES = {"ndcg@10": "nDCG@10", "map": "AP", "r@100": "R@100", "r@1000": "R@1000", "p@30": "P@30"}
DEPTH = 1000
ROUNDS = 7
GROWTH = (10_000, 100_000, 1_000_000)
VOCABULARY, WORDS, QUERIES, QUERY_WORDS = 200_000, 60, 200, 6


class Collection(NamedTuple):
    """One folder of the data."""

    name: str
    documents: list[Document]
    topics: dict[str, str]
    qrels: dict[str, dict[str, int]]


def collections(data: Path) -> Iterator[Collection]:
    for corpus in sorted(data.glob("*/corpus.jsonl.gz")):
        folder = corpus.parent
        documents = list(read_corpus(corpus))
        yield Collection(folder.name, documents, read_topics(folder / "topics.tsv"), read_qrels(folder / "qrels.txt"))


def queries(retriever: Retriever, texts: Mapping[str, str]) -> list[WeightedQuery]:
    return [WeightedQuery.from_text(text, retriever.analyze) for text in texts.values()]


def figures(collection: Collection, bm25: BM25, rows: Path | None) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    retrievers: dict[str, Retriever] = {"bm25": bm25, "rm3": RM3(bm25)}
    for name, retriever in retrievers.items():
        run = asyncio.run(search_topics(retriever, collection.topics, DEPTH))
        values = measure(collection.qrels, run, list(MEASURES.values()))
        found[name] = {key: round(mean(values[known]), 4) for key, known in MEASURES.items()}
        if rows:
            write_run(rows / f"{collection.name}.{name}.run", run, tag=name)
    return found


def best(*tasks: Callable[[], object]) -> list[float]:
    """The least processor time of each task, in seconds, over rounds in which they take turns."""
    least = [float("inf")] * len(tasks)
    for _ in range(ROUNDS):
        for place, task in enumerate(tasks):
            started = time.process_time()
            task()
            least[place] = min(least[place], time.process_time() - started)
    return least


class Rival:
    """bm25s over the same documents, with its own tokenizer."""

    def __init__(self, documents: list[Document]) -> None:
        self.ids = [document.docid for document in documents]
        self.stem = Stemmer.Stemmer("english")
        self.model: Any = bm25s.BM25(method="lucene", k1=K1, b=B, backend="numpy")
        self.model.index(self.tokens([document.contents for document in documents]), show_progress=False)

    def tokens(self, texts: list[str]) -> Any:
        """Its own form of tokenised texts."""
        return cast(Any, bm25s).tokenize(texts, stopwords="en", stemmer=self.stem, show_progress=False)

    def retrieve(self, tokens: Any, k: int, corpus: list[str] | None = None) -> None:
        """Rank for each query; `corpus` maps document numbers to what is returned."""
        depth = min(k, len(self.ids))
        self.model.retrieve(tokens, k=depth, corpus=corpus, show_progress=False, n_threads=0)


def race(collection: Collection, bm25: BM25, rival: Rival, k: int) -> dict[str, tuple[float, float]]:
    """Seconds for all topics: ours, bm25s's."""
    texts = list(collection.topics.values())
    asked, tokens = queries(bm25, collection.topics), rival.tokens(texts)
    seconds = best(
        lambda: bm25.rank(asked, k),
        lambda: rival.retrieve(tokens, k),
        lambda: asyncio.run(bm25.search(asked, k)),
        lambda: rival.retrieve(tokens, k, rival.ids),
        lambda: bm25.rank(queries(bm25, collection.topics), k),
        lambda: rival.retrieve(rival.tokens(texts), k),
    )
    return {
        name: (seconds[place], seconds[place + 1])
        for place, name in zip((0, 2, 4), ("arrays", "with_ids", "with_tokenizing"), strict=True)
    }


def rates(topics: int, seconds: list[tuple[float, float]]) -> dict[str, float]:
    ours, theirs = (sum(column) for column in zip(*seconds, strict=True))
    return {"ours_qps": round(topics / ours), "bm25s_qps": round(topics / theirs), "ratio": round(theirs / ours, 2)}


def speed(found: list[tuple[Collection, BM25]]) -> dict[str, Any]:
    rivals = [Rival(collection.documents) for collection, _ in found]
    topics = sum(len(collection.topics) for collection, _ in found)
    told: dict[str, Any] = {"bm25s_backend": "numpy", "threads": 1, "clock": "processor time, best of rounds"}
    for k in (100, 1000):
        races = [race(collection, bm25, rival, k) for (collection, bm25), rival in zip(found, rivals, strict=True)]
        told[f"k{k}"] = {"with_ids": rates(topics, [each["with_ids"] for each in races])}
        told[f"k{k}"] |= rates(topics, [each["arrays"] for each in races])
        told[f"k{k}"]["with_tokenizing"] = rates(topics, [each["with_tokenizing"] for each in races])
        told[f"k{k}"]["collections"] = {
            collection.name: rates(len(collection.topics), [each["arrays"]])
            | {"with_ids": rates(len(collection.topics), [each["with_ids"]])}
            for (collection, _), each in zip(found, races, strict=True)
        }
    return told


def first_builds(found: list[Collection]) -> tuple[list[BM25], dict[str, float]]:
    """Build each collection's index once, in a process that has seen none of its words; so does bm25s."""
    analyze("the stemmer's library is loaded before the clock starts")
    ours: list[BM25] = []
    seconds = {"index_s": 0.0, "bm25s_index_s": 0.0}
    for collection in found:
        started = time.process_time()
        ours.append(BM25(Index.build(collection.documents)))
        seconds["index_s"] += time.process_time() - started
        started = time.process_time()
        Rival(collection.documents)
        seconds["bm25s_index_s"] += time.process_time() - started
    return ours, seconds | {"index_ratio": round(seconds["index_s"] / seconds["bm25s_index_s"], 2)}


def words() -> np.ndarray[Any, np.dtype[np.object_]]:
    """Made-up words, the more frequent the shorter."""
    made: list[str] = []
    for number in range(VOCABULARY):
        letters, rest = "", number + 20
        while rest:
            rest, digit = divmod(rest, 20)
            letters += "bcdfghjklmnpqrstvwxz"[digit] + "aeiou"[digit % 5]
        made.append(letters)
    return np.array(made, np.object_)


def synthetic(count: int, seed: int) -> Iterator[Document]:
    random, vocabulary = np.random.default_rng(seed), words()
    shares = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
    for start in range(0, count, 1000):
        chosen = cast(Any, np).searchsorted(shares, random.random((1000, WORDS)) * shares[-1])
        for place, row in enumerate(vocabulary[np.minimum(chosen, VOCABULARY - 1)]):
            yield Document(f"d{start + place:08d}", " ".join(row))


def grow(count: int, folder: Path) -> dict[str, float]:
    """One size: run in a process of its own, since the peak of memory is the process's."""
    started = time.process_time()
    for _ in synthetic(count, seed=0):
        pass
    making, started = time.process_time() - started, time.process_time()
    path = folder / f"{count}.index"
    index = build_index(synthetic(count, seed=0), path)
    seconds = time.process_time() - started - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    bm25, random = BM25(index), np.random.default_rng(1)
    texts = [document.contents.split() for document in synthetic(1000, seed=1)][:QUERIES]
    asked = [WeightedQuery.from_text(" ".join(random.choice(text, QUERY_WORDS)), bm25.analyze) for text in texts]
    bm25.rank(asked, 10)
    ten, hundred = best(lambda: bm25.rank(asked, 10), lambda: bm25.rank(asked, 100))
    return {
        "docs": count,
        "index_s": round(seconds, 1),
        "qps": round(QUERIES / hundred),
        "qps_k10": round(QUERIES / ten),
        "rss_mb": peak,
        "search_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
        "file_mb": path.stat().st_size >> 20,
    }


def growth() -> Iterator[dict[str, float]]:
    for count in GROWTH:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--grow", str(count), "--data", folder]
            ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        say(ran.stdout.strip())
        yield json.loads(ran.stdout)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--grow", type=int, help="internal: one size of the growth, in the folder --data")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    options = parser.parse_args()
    if options.grow:
        print(json.dumps(grow(options.grow, options.data)))
        return
    if options.rows:
        options.rows.mkdir(parents=True, exist_ok=True)
    read = list(collections(options.data))
    retrievers, built = first_builds(read)
    found = list(zip(read, retrievers, strict=True))
    told = {"collections": {one.name: figures(one, bm25, options.rows) for one, bm25 in found}}
    say(json.dumps(told))
    raced = speed(found) | built
    say(json.dumps(raced))
    report = told | {"speed": raced, "growth": list(growth())}
    print(json.dumps(report | facts("dikast", "bm25s", "PyStemmer", "numpy", "scipy", "nltk", "ir-measures")))


if __name__ == "__main__":
    main()
