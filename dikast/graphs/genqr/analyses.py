"""What can be learnt from a finished GenQR run without asking a model again.

    rows = list(Run.open(Path("runs/x")).rows())
    points = await instruction_sweep(rows, context, qrels, "nDCG@10")

The recorded reformulations are searched with anew: with the first n of them, or joined and fused in other ways. What a
run selected or refined is left aside: these are analyses of all that was generated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dikast import stats
from dikast.errors import UsageError
from dikast.graphs.genqr.records import ORIGINAL, Reformulation
from dikast.graphs.genqr.search import search_again
from dikast.graphs.genqr.selection import evidence_of, index_of, search
from dikast.records import Qrels
from dikast.retrieval.measures import mean, measure
from dikast.retrieval.plots import Point
from dikast.retrieval.relevance import Pool, fit
from dikast.retrieval.retriever import Hit

if TYPE_CHECKING:
    from dikast.graphs.genqr.context import Context

Rows = Sequence[Mapping[str, Any]]
"""A journal's finished rows that have an output."""

FUSIONS: Mapping[str, Mapping[str, str]] = {
    "ensemble": {"mode": "ensemble"},
    "RRF": {"mode": "fusion", "fusion": "rrf"},
    "CombSUM": {"mode": "fusion", "fusion": "combsum", "normalize": "none"},
    "CombSUM min-max": {"mode": "fusion", "fusion": "combsum", "normalize": "minmax"},
    "CombSUM z-score": {"mode": "fusion", "fusion": "combsum", "normalize": "zscore"},
    "CombMNZ min-max": {"mode": "fusion", "fusion": "combmnz", "normalize": "minmax"},
}
"""Name -> settings of the ablation; each fusion with the original query's ranking and without."""


def per_query(rows: Rows, qrels: Qrels, name: str) -> dict[str, tuple[float, float]]:
    """Query id -> the measure before and after, of the judged queries that have a row."""
    asked = select_judgments(rows, qrels)
    runs = {key: {row["input"]["qid"]: hits_of(row["output"][key]) for row in rows} for key in ("baseline", "hits")}
    before, after = (measure(asked, runs[key], [name])[name] for key in ("baseline", "hits"))
    return {qid: (before[qid], after[qid]) for qid in asked}


async def instruction_sweep(rows: Rows, context: Context, qrels: Qrels, name: str) -> list[Point]:
    """The measure with the first 1, 2, ... reformulations of every query."""
    plain = context.model_copy(update={"weights": ()})
    most = max((len(row["output"]["reformulations"]) for row in rows), default=0)
    points: list[Point] = []
    for n in range(1, most + 1):
        runs = await _searched(rows, {str(n): plain}, lambda made, n=n: made[:n])
        points.append(point(str(n), runs[str(n)], select_judgments(rows, qrels), name))
    return points


async def fusion_ablation(rows: Rows, context: Context, qrels: Qrels, name: str) -> list[Point]:
    """The measure of all reformulations joined, or fused in each way."""
    contexts: dict[str, Context] = {}
    for label, settings in FUSIONS.items():
        update = {"weights": (), "with_original": False, **settings}
        contexts[label] = context.model_copy(update=update)
        if label != "ensemble":
            contexts[f"{label} + original"] = context.model_copy(update={**update, "with_original": True})
    runs = await _searched(rows, contexts, lambda made: made)
    return [point(label, run, select_judgments(rows, qrels), name) for label, run in runs.items()]


async def learn_selection(rows: Rows, context: Context, qrels: Qrels) -> tuple[dict[str, float], list[str]]:
    """Weights for `select="evidence"` from a run's judged queries, and the ids of these: use them for other queries.

    Raises:
        UsageError: The retriever has no native index.
        DataError: No reformulation of any query finds a document that is judged relevant.
    """
    bm25 = index_of(context.retriever)
    if bm25 is None:
        raise UsageError("evidence is learnt from a bm25: or rm3: index", hint="run with one of these retrievers")
    evidence, pools = evidence_of(bm25), dict[str, Pool]()
    for row in rows:
        made, query, qid = row["output"]["reformulations"], row["input"]["query"], row["input"]["qid"]
        found = await search(query, made, [*range(len(made)), ORIGINAL], context)
        if qid in qrels and any(candidate.hits for candidate in found.values()):
            pools[qid] = evidence.pool(query, list(found.values()))
    return fit(list(pools.values()), [qrels[qid] for qid in pools]), list(pools)


async def _searched(
    rows: Rows,
    contexts: Mapping[str, Context],
    take: Callable[[list[Reformulation]], list[Reformulation]],
) -> dict[str, dict[str, list[Hit]]]:
    found = await asyncio.gather(
        *(search_again(row["input"]["query"], take(row["output"]["reformulations"]), contexts) for row in rows)
    )
    return {name: {row["input"]["qid"]: one[name] for row, one in zip(rows, found, strict=True)} for name in contexts}


def point(label: str, run: Mapping[str, Sequence[Hit]], qrels: Qrels, name: str) -> Point:
    """A run's mean with its bootstrap interval."""
    values = measure(qrels, run, [name])[name]
    low, high = stats.bootstrap(list(values.values()))
    return Point(label, mean(values), low, high)


def select_judgments(rows: Rows, qrels: Qrels) -> dict[str, Mapping[str, int]]:
    """The judgments of these rows' queries."""
    asked = {row["input"]["qid"] for row in rows}
    return {qid: grades for qid, grades in qrels.items() if qid in asked}


def hits_of(pairs: Sequence[Sequence[Any]]) -> list[Hit]:
    """Read a ranking from its JSON form: pairs of document id and score."""
    return [Hit(str(docid), float(score)) for docid, score in pairs]
