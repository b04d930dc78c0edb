"""How much of the way from the best single reformulation to each query's best does selection without judgments go?

    .venv/bin/python benchmarks/genqr_select.py --data ../shared/data/retrieval --json [--rows FILE]

Candidates of a query are all files of `reformulations/COLLECTION/`. `selected`: by `select`, whose feature weights are
learnt on four fifths of the judged queries and applied to the fifth (ten random splits in 5 folds); no judgment of the
query at hand is seen. `two_fold`: the same, learnt on one half. `best_single`: the file with the best mean, chosen with
all judgments; `best_single_unseen`: the file that is best on four fifths, on the fifth. Measure: nDCG@10.
`gap_closed` = (selected - best_single) / (per_query_best - best_single).

`--rows` writes every query's values by file and every choice.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from machine import facts
from numpy.typing import NDArray
from reformulations import Collection, collections

from dikast import stats
from dikast.errors import DataError
from dikast.retrieval.evidence import Evidence
from dikast.retrieval.fusion import rrf
from dikast.retrieval.measures import measure
from dikast.retrieval.predictors import DEPTH, NQC_DEPTH, Candidate, Predictor, expected_gain
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import Pool, fit
from dikast.retrieval.retriever import Hit
from dikast.retrieval.selection import select

MEASURE = "nDCG@10"
SEEDS = range(10)
FOLDS = 5  # as in LETOR: Qin, Liu, Xu and Li 2010
HALVES = 2
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class Task:
    """A collection's queries with their candidates, what each candidate is worth, and the evidence about them."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.qids = list(collection.queries)
        self.evidence = Evidence(collection.bm25)
        self.candidates: dict[str, list[Candidate]] = {qid: [] for qid in self.qids}
        found = [self._search(file.texts) for file in collection.files]
        self.values = np.array(found)
        print(collection.name, "searched", file=sys.stderr, flush=True)
        self.pools = [self._pool(qid) for qid in self.qids]
        print(collection.name, "described", file=sys.stderr, flush=True)

    def _search(self, texts: dict[str, str]) -> Floats:
        bm25 = self.collection.bm25
        queries = [WeightedQuery.from_text(text, bm25.analyze) for text in texts.values()]
        run: dict[str, list[Hit]] = {}
        for qid, query, ranking in zip(texts, queries, bm25.rank(queries, NQC_DEPTH), strict=True):
            run[qid] = [Hit(bm25.index.docids[number], float(score)) for number, score in zip(*ranking, strict=True)]
            self.candidates[qid].append(Candidate(query, run[qid]))
        return self.scores(run)

    def _pool(self, qid: str) -> Pool | None:
        try:
            return self.evidence.pool(self.collection.queries[qid], self.candidates[qid])
        except DataError:  # no candidate finds anything: nothing to choose between
            return None

    def scores(self, run: dict[str, list[Hit]]) -> Floats:
        """The measure, by query."""
        found = measure(self.collection.qrels, run, [MEASURE])[MEASURE]
        return np.array([found[qid] for qid in self.qids])

    def of(self, chosen: Places) -> Floats:
        """What each query gets with its chosen candidate."""
        return self.values[chosen, np.arange(len(self.qids))]

    def by_predictor(self, by: Predictor) -> Places:
        """What a predictor chooses; nothing is learnt."""
        queries = self.collection.queries
        return np.array([select(queries[qid], self.candidates[qid], self.evidence, by=by).place for qid in self.qids])

    def by_shipped_weights(self) -> Places:
        """What the package chooses by default; on the data that its weights were learnt on, this flatters it."""
        queries = self.collection.queries
        return np.array([select(queries[qid], self.candidates[qid], self.evidence).place for qid in self.qids])

    def unseen(self, folds: int, seed: int) -> tuple[Places, Floats, Floats]:
        """For every query, with weights learnt without it: the choice, the pool ranked by estimate, the best single."""
        chosen, single = np.zeros(len(self.qids), np.int64), np.zeros(len(self.qids))
        ranked: dict[str, list[Hit]] = {}
        for test in np.array_split(np.random.default_rng(seed).permutation(len(self.qids)), folds):
            train = np.setdiff1d(np.arange(len(self.qids)), test)
            weights = self.learn(train.tolist())
            single[test] = self.values[self.values[:, train].mean(axis=1).argmax(), test]
            for place in test:
                chosen[place], ranked[self.qids[place]] = self._apply(int(place), weights)
        return chosen, self.scores(ranked), single

    def learn(self, train: Sequence[int]) -> dict[str, float]:
        """Weights that these queries' judgments teach."""
        pools = {self.qids[place]: pool for place in train if (pool := self.pools[place])}
        return fit(list(pools.values()), [self.collection.qrels[qid] for qid in pools])

    def _apply(self, place: int, weights: dict[str, float]) -> tuple[int, list[Hit]]:
        pool = self.pools[place]
        if pool is None:
            return 0, []
        relevance = pool.relevance(weights)
        gains = [expected_gain(candidate.hits, relevance) for candidate in self.candidates[self.qids[place]]]
        best = sorted(relevance, key=lambda docid: -relevance[docid])[:DEPTH]
        return int(np.argmax(gains)), [Hit(docid, relevance[docid]) for docid in best]


def report(task: Task) -> tuple[dict[str, Any], dict[str, Any]]:
    means = task.values.mean(axis=1)
    best, ceiling = int(means.argmax()), float(task.values.max(axis=0).mean())
    floor = float(means[best])

    def closed(value: float) -> float:
        return round((value - floor) / (ceiling - floor), 4) if ceiling > floor else 0.0

    def told(scores: Floats) -> dict[str, float]:
        return {"selected": round(float(scores.mean()), 4), "gap_closed": closed(float(scores.mean()))}

    folds = [task.unseen(FOLDS, seed) for seed in SEEDS]
    halves = [task.of(task.unseen(HALVES, seed)[0]) for seed in SEEDS]
    by_seed = np.array([task.of(chosen) for chosen, _, _ in folds])
    average = by_seed.mean(axis=0)
    row: dict[str, Any] = {
        "name": task.collection.name,
        "queries": len(task.qids),
        "files": len(task.values),
        "best_single": round(floor, 4),
        "best_single_file": task.collection.files[best].name,
        "best_single_unseen": round(float(np.mean([single.mean() for _, _, single in folds])), 4),
        **told(average),
        "per_query_best": round(ceiling, 4),
        "seeds": [{"seed": seed, **told(scores)} for seed, scores in zip(SEEDS, by_seed, strict=True)],
        "p": round(stats.randomisation(task.values[best].tolist(), average.tolist()).p, 4),
        "interval": [round(bound, 4) for bound in stats.bootstrap((average - task.values[best]).tolist())],
        "two_fold": told(np.mean(halves, axis=0)),
        "shipped_weights": told(task.of(task.by_shipped_weights())),
        "predictors": {by: told(task.of(task.by_predictor(by))) for by in get_args(Predictor)},
        "not_selection": {
            "pool_ranked_by_estimate": round(float(np.mean([ranked.mean() for _, ranked, _ in folds])), 4),
            "rrf_of_all": round(float(fused(task).mean()), 4),
        },
        "exact": (floor, float(average.mean()), ceiling),
        "weights": {name: round(w, 3) for name, w in task.learn(range(len(task.qids))).items()},
    }
    raw = {
        "name": task.collection.name,
        "files": [file.name for file in task.collection.files],
        "values": dict(zip(task.qids, task.values.T.round(6).tolist(), strict=True)),
        "chosen": {
            str(seed): dict(zip(task.qids, chosen.tolist(), strict=True))
            for seed, (chosen, _, _) in zip(SEEDS, folds, strict=True)
        },
    }
    return row, raw


def fused(task: Task) -> Floats:
    return task.scores({qid: rrf([each.hits for each in task.candidates[qid]]) for qid in task.qids})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path, help="file for every value and choice, JSON lines")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    options = parser.parse_args()
    reports = [report(Task(collection)) for collection in collections(options.data)]
    if options.rows:
        options.rows.write_text("".join(json.dumps(raw) + "\n" for _, raw in reports), encoding="utf-8")
    rows = [row for row, _ in reports]
    best, selected, ceiling = np.mean([row.pop("exact") for row in rows], axis=0).tolist()
    total = {
        "measure": MEASURE,
        "best_single": round(best, 4),
        "selected": round(selected, 4),
        "per_query_best": round(ceiling, 4),
        "gap_closed": round((selected - best) / (ceiling - best), 4) if ceiling > best else 0.0,
        "collections": rows,
    }
    print(json.dumps(total | facts("dikast", "numpy", "scipy", "ir-measures")))


if __name__ == "__main__":
    main()
