"""Analyses of a finished run say what runs with those settings would have said, and ask no model."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver
from dikast.graphs import genqr
from dikast.graphs.genqr.analyses import FUSIONS, fusion_ablation, instruction_sweep, per_query
from dikast.graphs.genqr.search import search_again
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index

DOCUMENTS = [
    Document("d1", "the battery of the car is flat in winter"),
    Document("d2", "cold cranking amperage of an accumulator"),
    Document("d3", "a starter motor turns the engine"),
    Document("d4", "gardens in winter"),
]
QUERIES = {"q1": "car dead in winter", "q2": "gardens"}
QRELS = {"q1": {"d2": 2, "d1": 1}, "q2": {"d4": 1}, "q9": {"d1": 1}}
WORDS = {"one": "starter, engine", "two": "amperage", "three": "accumulator, flat"}
BM = BM25(Index.build(DOCUMENTS))


def say(request: Request) -> str:
    return WORDS[request.messages[-1]["content"].partition(":")[0]]


def context(**knobs: Any) -> genqr.Context:
    settings: dict[str, Any] = {"instructions": tuple(WORDS), **knobs}
    return genqr.Context(solver=ModelSolver(ScriptedModel(say)), retriever=BM, **settings)


async def rows_of(made: genqr.Context) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for qid, query in QUERIES.items():
        done = await genqr.graph.ainvoke({"qid": qid, "query": query}, context=made, version="v2")
        rows.append({"input": {"qid": qid, "query": query}, "output": done.value})
    return rows


async def mean_of(made: genqr.Context) -> float:
    pairs = per_query(await rows_of(made), QRELS, "nDCG@10")
    return sum(after for _, after in pairs.values()) / len(pairs)


async def test_the_sweep_is_runs_with_fewer_instructions() -> None:
    points = await instruction_sweep(await rows_of(context()), context(), QRELS, "nDCG@10")
    assert [point.name for point in points] == ["1", "2", "3"]
    for n, point in enumerate(points, start=1):
        assert point.mean == pytest.approx(await mean_of(context(instructions=tuple(WORDS)[:n])), abs=1e-12)
    assert len({point.mean for point in points}) > 1


async def test_the_ablation_is_runs_with_other_fusions() -> None:
    points = {one.name: one.mean for one in await fusion_ablation(await rows_of(context()), context(), QRELS, "AP")}
    assert len(points) == 2 * len(FUSIONS) - 1
    for label, settings in FUSIONS.items():
        rows = await rows_of(context(**settings))
        values = [after for _, after in per_query(rows, QRELS, "AP").values()]
        assert points[label] == pytest.approx(sum(values) / 2, abs=1e-12)
    rows = await rows_of(context(mode="fusion", with_original=True))
    values = [after for _, after in per_query(rows, QRELS, "AP").values()]
    assert points["RRF + original"] == pytest.approx(sum(values) / 2, abs=1e-12)


@pytest.mark.parametrize(
    "knobs",
    [
        {"combination": "mix", "mixing": 0.3, "damping": "log"},
        {"combination": "dedup"},
        {"mode": "fusion", "fusion": "combmnz", "normalize": "zscore", "with_original": True},
        {"depth": 2},
    ],
)
async def test_recorded_reformulations_searched_again_are_the_runs_own(knobs: dict[str, Any]) -> None:
    """What a sweep over weightings costs no model call for is exactly what the model calls would have given."""
    recorded = (await rows_of(context()))[0]["output"]["reformulations"]
    other = context(**knobs)
    again = await search_again(QUERIES["q1"], recorded, {"other": other})
    assert again["other"] == (await rows_of(other))[0]["output"]["hits"]


async def test_queries_without_a_row_do_not_count() -> None:
    pairs = per_query(await rows_of(context()), QRELS, "AP")
    assert list(pairs) == ["q1", "q2"]
    assert pairs["q2"][0] == 1.0
