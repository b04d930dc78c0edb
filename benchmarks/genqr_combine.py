"""Does one frozen setting of `mix` make more of the same generated keywords than the published form, query x 5 + all?

    .venv/bin/python benchmarks/genqr_combine.py --data ../shared/data/retrieval --json [--rows FOLDER] [--choose]

Default: applies `TUNED_MIX` to every GenQREnsemble file and `POOLED_MIX` to all files of a model together; chooses
nothing. Measure: nDCG@10, over native BM25. p: paired randomisation test, Holm over the files (over the models where
pooled); `p_seeds` has it for ten seeds of the test. `halves`: mean difference in both halves of ten random splits.

`--choose` does what chose these settings: for each seed the queries are split in halves, the best setting of the grid
on one half is applied to the other, which says what choosing so is worth; the setting itself is then chosen in the same
way on all queries.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from machine import facts
from numpy.typing import NDArray
from reformulations import Collection, Generated, collections

from dikast import stats
from dikast.retrieval.combine import (
    POOLED_MIX,
    QUERYGYM_REPEATS,
    TUNED_MIX,
    Combination,
    Damping,
    Mix,
    combine,
    without_query,
)
from dikast.retrieval.measures import measure
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.topk import top
from dikast.retrieval.trec import write_run

METHOD = "genqr_ensemble"
MEASURE = "nDCG@10"
DEPTH = 10
MAX_TERMS = 1024
SEEDS = range(10)
MIXINGS = tuple(round(0.05 * step, 2) for step in range(6, 20))
Floats = NDArray[np.float64]
Lists = Mapping[str, list[list[str]]]
"""Query id -> lists of keywords."""


def generated(collection: Collection, file: Generated) -> dict[str, list[list[str]]]:
    """What the model wrote, without the copies of the query that the method put there."""
    copies = QUERYGYM_REPEATS if file.method == METHOD else None
    return {qid: [[without_query(file.texts[qid], query, copies=copies)]] for qid, query in collection.queries.items()}


def together(parts: Sequence[Lists]) -> dict[str, list[list[str]]]:
    return {qid: [keywords for part in parts for keywords in part[qid]] for qid in parts[0]}


def combined(
    collection: Collection, lists: Lists, setting: Mix = TUNED_MIX, combination: Combination = "mix"
) -> list[WeightedQuery]:
    return [
        combine(
            query,
            lists[qid],
            collection.bm25.analyze,
            combination=combination,
            mixing=setting.mixing,
            damping=setting.damping,
            max_terms=MAX_TERMS,
        )
        for qid, query in collection.queries.items()
    ]


class Scored:
    """A run and what each query gets for it."""

    def __init__(self, collection: Collection, queries: Sequence[WeightedQuery]) -> None:
        docids = collection.bm25.index.docids
        rankings = collection.bm25.rank(queries, DEPTH)
        self.run = {
            qid: [Hit(docids[number], float(score)) for number, score in zip(*ranking, strict=True)]
            for qid, ranking in zip(collection.queries, rankings, strict=True)
        }
        self.values = values(collection, self.run)
        self.mean = round(float(self.values.mean()), 4)


def values(collection: Collection, run: Mapping[str, Sequence[Hit]]) -> Floats:
    found = measure(collection.qrels, run, [MEASURE])[MEASURE]
    return np.array([found[qid] for qid in collection.queries])


def published(collection: Collection, file: Generated) -> Scored:
    texts = file.texts.values()
    return Scored(collection, [WeightedQuery.from_text(text, collection.bm25.analyze) for text in texts])


def row(name: str, model: str, before: Scored, after: Scored) -> dict[str, Any]:
    differences = after.values - before.values
    return {
        "name": name,
        "model": model,
        "queries": len(differences),
        "published_form": before.mean,
        "ours": after.mean,
        "difference": round(float(differences.mean()), 4),
        "interval": [round(bound, 4) for bound in stats.bootstrap(differences.tolist())],
        "wins": int((differences > 0).sum()),
        "ties": int((differences == 0).sum()),
        "losses": int((differences < 0).sum()),
        "halves": {
            str(seed): [round(float(differences[half].mean()), 4) for half in halves(len(differences), seed)]
            for seed in SEEDS
        },
        "raw_p_seeds": [stats.randomisation(before.values.tolist(), after.values.tolist(), seed=s).p for s in SEEDS],
    }


def adjust(rows: list[dict[str, Any]]) -> None:
    """Holm over rows, for each seed."""
    by_seed = [stats.holm([each["raw_p_seeds"][seed] for each in rows]) for seed in SEEDS]
    for place, each in enumerate(rows):
        each["p_seeds"] = [round(adjusted[place], 4) for adjusted in by_seed]
        each["p"] = each["p_seeds"][0]
        each["raw_p"] = round(each.pop("raw_p_seeds")[0], 4)


def halves(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.random.default_rng(seed).permutation(count)
    return order[: count // 2], order[count // 2 :]


def report(collection: Collection, rows: Path | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the GenQREnsemble files, and of the pooled models."""
    single: list[dict[str, Any]] = []
    scored = {file.name: published(collection, file) for file in collection.files}
    ensembles = [file for file in collection.files if file.method == METHOD]
    for file in ensembles:
        lists = generated(collection, file)
        after = Scored(collection, combined(collection, lists))
        rebuilt = Scored(collection, combined(collection, lists, combination="querygym"))
        told = row(file.name, file.model, scored[file.name], after)
        told["paper_form"] = Scored(collection, combined(collection, lists, combination="paper")).mean
        told["published_form_rebuilt"] = rebuilt.mean
        single.append(told)
        save(rows, f"{file.name}.published", scored[file.name])
        save(rows, f"{file.name}.mix", after)
        print(file.name, told["published_form"], told["ours"], file=sys.stderr, flush=True)
    return single, [
        pooled(collection, file, [other for other in collection.files if other.model == file.model], scored, rows)
        for file in ensembles
    ]


def pooled(
    collection: Collection, file: Generated, of_model: list[Generated], scored: Mapping[str, Scored], rows: Path | None
) -> dict[str, Any]:
    after = Scored(collection, combined(collection, pool(collection, of_model), POOLED_MIX))
    best = max(of_model, key=lambda other: scored[other.name].mean)
    told = row(file.name, file.model, scored[file.name], after)
    told |= {"files": len(of_model), "best_file": best.name, "best_published_form": scored[best.name].mean}
    save(rows, f"{file.name}.pooled", after)
    print(file.model, "pooled", told["published_form"], told["ours"], file=sys.stderr, flush=True)
    return told


def pool(collection: Collection, files: Sequence[Generated]) -> dict[str, list[list[str]]]:
    return together([generated(collection, file) for file in files])


def save(folder: Path | None, name: str, scored: Scored) -> None:
    if folder:
        write_run(folder / f"{name.replace('/', '.')}.run", scored.run, tag="combine")


def grid(collection: Collection, lists: Lists) -> dict[Mix, Floats]:
    """What every setting gets on every query; scores are linear in the mixing, so that terms are scored once."""
    runs: dict[Mix, dict[str, list[Hit]]] = {}
    docids = collection.bm25.index.docids
    queries = [dense(collection, query) for query in combined(collection, lists, Mix(0.0, "none"))]
    for damping in get_args(Damping):
        added = combined(collection, lists, Mix(1.0, damping))
        for qid, query, keywords in zip(collection.queries, queries, added, strict=True):
            scores = dense(collection, keywords)
            for mixing in MIXINGS:
                ranking = top(((1 - mixing) * query + mixing * scores).astype(np.float32), DEPTH)
                hits = [Hit(docids[number], float(score)) for number, score in zip(*ranking, strict=True)]
                runs.setdefault(Mix(mixing, damping), {})[qid] = hits
    return {setting: values(collection, run) for setting, run in runs.items()}


def dense(collection: Collection, query: WeightedQuery) -> NDArray[np.float32]:
    scorer = collection.bm25.scorer
    scores = np.zeros(len(scorer.index), np.float32)
    for term, weight in query.terms.items():
        if weight and (impacts := scorer.impacts(term)):
            scores[impacts.documents] += np.float32(weight) * impacts.scores
    return scores


def choose(tables: Sequence[dict[Mix, Floats]], before: Sequence[Floats]) -> dict[str, Any]:
    """Choose the setting with the best mean over files, and cross-validate choosing so.

    `unseen` is what settings chosen on one half of the queries get on the other.
    """
    chosen: Counter[Mix] = Counter()
    seeds: list[dict[str, Any]] = []
    for seed in SEEDS:
        unseen: list[float] = []
        baseline: list[float] = []
        picks: list[Mix] = []
        for side in (0, 1):
            split = [halves(len(each), seed) for each in before]
            train, test = [each[side] for each in split], [each[1 - side] for each in split]
            pick = max(tables[0], key=lambda setting: mean_over(tables, setting, train))
            picks.append(pick)
            unseen.append(mean_over(tables, pick, test))
            baseline.append(float(np.mean([each[part].mean() for each, part in zip(before, test, strict=True)])))
        chosen.update(picks)
        seeds.append(
            {
                "seed": seed,
                "chosen": picks,
                "unseen": round(float(np.mean(unseen)), 4),
                "published_form": round(float(np.mean(baseline)), 4),
            }
        )
    everything = [np.arange(len(each)) for each in before]
    means = {setting: mean_over(tables, setting, everything) for setting in tables[0]}
    setting = max(means, key=means.__getitem__)
    return {
        "setting": setting._asdict(),
        "times_chosen": {f"{each.mixing} {each.damping}": times for each, times in chosen.most_common()},
        "unseen": round(float(np.mean([each["unseen"] for each in seeds])), 4),
        "published_form": round(float(np.mean([each["published_form"] for each in seeds])), 4),
        "all_queries": {f"{each.mixing} {each.damping}": round(mean, 4) for each, mean in means.items()},
        "seeds": seeds,
    }


def mean_over(tables: Sequence[dict[Mix, Floats]], setting: Mix, parts: Sequence[NDArray[np.int64]]) -> float:
    return float(np.mean([table[setting][part].mean() for table, part in zip(tables, parts, strict=True)]))


def choosing(found: Sequence[Collection]) -> dict[str, Any]:
    single: list[dict[Mix, Floats]] = []
    all_files: list[dict[Mix, Floats]] = []
    before: list[Floats] = []
    for collection in found:
        for file in collection.files:
            if file.method == METHOD:
                of_model = [other for other in collection.files if other.model == file.model]
                single.append(grid(collection, generated(collection, file)))
                all_files.append(grid(collection, pool(collection, of_model)))
                before.append(published(collection, file).values)
                print(file.name, "grid done", file=sys.stderr, flush=True)
    return {"single": choose(single, before), "pooled": choose(all_files, before)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=Path, help="folder for the TREC runs")
    parser.add_argument("--choose", action="store_true", help="print what cross-validation on this data would choose")
    parser.add_argument("--json", action="store_true", help="accepted for uniformity: the last line is JSON anyway")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    options = parser.parse_args()
    if options.rows:
        options.rows.mkdir(parents=True, exist_ok=True)
    found = list(collections(options.data))
    told: dict[str, Any] = {
        "measure": MEASURE,
        "setting": TUNED_MIX._asdict(),
        "pooled_setting": POOLED_MIX._asdict(),
    }
    if options.choose:
        told["choice"] = choosing(found)
    else:
        reports = [report(collection, options.rows) for collection in found]
        told["rows"] = [each for single, _ in reports for each in single]
        told["pooled"] = [each for _, several in reports for each in several]
        adjust(told["rows"])
        adjust(told["pooled"])
    print(json.dumps(told | facts("dikast", "numpy", "ir-measures")))


if __name__ == "__main__":
    main()
