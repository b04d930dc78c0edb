"""Which reformulations are gone on with: near-duplicates, evidence, a judge; no judgments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from dikast.agents.judge import ModelJudge
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver
from dikast.errors import ModelTimeout, ModelUnavailable
from dikast.graphs import genqr
from dikast.graphs.genqr.records import Candidate
from dikast.graphs.genqr.search import fuse
from dikast.graphs.genqr.selection import mark_best, resemblance
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.evidence import Evidence
from dikast.retrieval.fusion import rrf
from dikast.retrieval.index import Index
from dikast.retrieval.oracle import QrelsOracle
from dikast.retrieval.predictors import Candidate as Found
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.relevance import FEATURES
from dikast.retrieval.retriever import Hit
from dikast.retrieval.rm3 import RM3
from dikast.retrieval.selection import select

DOCUMENTS = [
    Document("d1", "the battery of the car is flat in winter"),
    Document("d2", "cold cranking amperage of an accumulator of a car"),
    Document("d3", "a starter motor turns the engine of a car"),
    Document("d4", "gardens in winter"),
    Document("d5", "snow on gardens"),
]
QUERY = "car dead in winter"
CANARY = "canary5f1c"
WORDS = {"one": "battery, flat", "two": "amperage, accumulator", "three": "gardens, snow"}


@pytest.fixture(scope="module")
def retriever() -> BM25:
    return BM25(Index.build(DOCUMENTS))


def solver(words: Mapping[str, str] = WORDS) -> ModelSolver:
    def say(request: Request) -> str:
        return words[request.messages[-1]["content"].partition(":")[0]]

    return ModelSolver(ScriptedModel(say))


async def run(retriever: Any, words: Mapping[str, str] = WORDS, **knobs: Any) -> genqr.Output:
    context = genqr.Context(solver=solver(words), retriever=retriever, instructions=tuple(words), **knobs)
    return (await genqr.graph.ainvoke({"query": QUERY, "qid": "q1"}, context=context, version="v2")).value


def kept(output: genqr.Output) -> list[int]:
    assert output["selection"] is not None
    return [one["index"] for one in output["selection"]["candidates"] if one["kept"]]


async def by_hand(retriever: BM25, by: Any, texts: list[str]) -> list[float]:
    """The library's values of queries that are written out."""
    queries = [WeightedQuery.from_text(text, retriever.analyze) for text in texts]
    hits = await retriever.search(queries, 100)
    found = [Found(query, ranking) for query, ranking in zip(queries, hits, strict=True)]
    return select(QUERY, found, Evidence(retriever), by=by).values


@pytest.mark.parametrize("by", ["evidence", "clarity", "nqc", "wig", "agreement"])
async def test_the_best_by_each_evidence_is_searched_with(retriever: BM25, by: str) -> None:
    output = await run(retriever, select=by)
    texts = [f"{QUERY} {WORDS[name].replace(',', '')}" for name in WORDS]
    values = await by_hand(retriever, by, texts)
    selection = output["selection"]
    assert selection is not None
    assert selection["by"] == by
    assert [one["value"] for one in selection["candidates"]] == pytest.approx(values)
    [chosen] = kept(output)
    assert values[chosen] == max(values)
    assert output["queries"][0]["terms"] == WeightedQuery.from_text(texts[chosen], retriever.analyze).terms
    assert len(output["reformulations"]) == 3


async def test_learnt_weights_decide(retriever: BM25) -> None:
    """With weight on long documents, or against them, another reformulation is taken."""
    plain = dict.fromkeys(FEATURES, 0.0)
    chosen = [
        kept(await run(retriever, select="evidence", evidence_weights=plain | {"length": weight})) for weight in (9, -9)
    ]
    assert chosen[0] != chosen[1]
    with pytest.raises(ValidationError, match="has to name these features"):
        await run(retriever, select="evidence", evidence_weights={"length": 1.0})


async def test_several_are_kept_for_an_ensemble_or_a_fusion(retriever: BM25) -> None:
    output = await run(retriever, select="agreement", keep=2)
    first, second = kept(output)
    texts = [QUERY, *(WORDS[list(WORDS)[place]] for place in (first, second))]
    assert output["queries"][0]["terms"] == WeightedQuery.from_text(" ".join(texts), retriever.analyze).terms
    fused = await run(retriever, select="agreement", keep=2, mode="fusion", weights=(1.0, 2.0, 3.0))
    assert kept(fused) == [first, second]
    queries = [WeightedQuery(query["terms"], query["text"]) for query in fused["queries"]]
    rankings = await retriever.search(queries, 1000)
    # Weights are those of the reformulations that were kept.
    assert fused["hits"] == rrf(rankings, weights=[first + 1.0, second + 1.0])


def test_weights_go_with_the_reformulations_that_are_kept(retriever: BM25) -> None:
    settings = {"solver": "replay:x", "retriever": retriever, "instructions": ("one", "two", "three")}
    context = genqr.Context.model_validate(
        {**settings, "mode": "fusion", "with_original": True, "weights": (1.0, 2.0, 3.0, 4.0)}
    )
    rankings = [[Hit("a", 2.0), Hit("b", 1.0)], [Hit("b", 2.0)]]
    assert fuse(rankings, context, [2, -1]) == rrf(rankings, weights=[3.0, 4.0])


async def test_keeping_all_is_not_selecting(retriever: BM25) -> None:
    assert (await run(retriever, select="wig", keep=9))["hits"] == (await run(retriever))["hits"]


async def test_the_original_query_is_a_candidate_like_the_others(retriever: BM25) -> None:
    nonsense = {"one": "gardens, snow", "two": "gardens snow snow"}
    output = await run(retriever, nonsense, select="judge", with_original=True, judge=judge("battery"))
    assert kept(output) == [-1]
    assert output["hits"] == output["baseline"]
    assert output["queries"][0]["text"] == QUERY


def judge(good: str, fails: str = "") -> ModelJudge:
    """A judge who likes results that begin with a word."""

    def say(request: Request) -> str:
        asked = request.messages[-1]["content"]
        if fails and fails in asked:
            raise ModelTimeout("slow")
        first = asked.partition("1. ")[2].partition("2. ")[0]
        return f"About {good}: [[5]]" if good in first else "No. [[2]]"

    return ModelJudge(ScriptedModel(say))


async def test_a_judge_sees_what_is_found_and_says_why(retriever: BM25) -> None:
    output = await run(retriever, select="judge", judge=judge("accumulator"))
    assert kept(output) == [1]
    assert output["selection"] is not None
    chosen = output["selection"]["candidates"][1]
    assert (chosen["value"], chosen["reason"]) == (5.0, "About accumulator: [[5]]")


async def test_what_befalls_the_judge_is_recorded_and_the_others_are_chosen_from(retriever: BM25) -> None:
    output = await run(retriever, select="judge", judge=judge("accumulator", fails="1. the battery"))
    assert output["selection"] is not None
    assert [one["outcome"] for one in output["selection"]["candidates"]] == ["timeout", "ok", "ok"]
    assert kept(output) == [1]
    assert (output["outcome"], output["reason"]) == ("timeout", "judge: slow")


async def test_a_judge_who_says_nothing_leaves_the_first(retriever: BM25) -> None:
    def mute(_: Request) -> str:
        return "I cannot say."

    output = await run(retriever, select="judge", judge=ModelJudge(ScriptedModel(mute)))
    assert kept(output) == [0]
    assert output["selection"] is not None
    assert {one["outcome"] for one in output["selection"]["candidates"]} == {"unparsed"}


async def test_a_judge_who_cannot_be_reached_ends_the_row(retriever: BM25) -> None:
    def gone(_: Request) -> str:
        raise ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await run(retriever, select="judge", judge=ModelJudge(ScriptedModel(gone)))


async def test_selection_never_sees_judgments(retriever: BM25) -> None:
    """Judgments that hold a canary are there, with the oracle; neither judge nor output knows them."""
    asked: list[str] = []

    def note(request: Request) -> str:
        asked.append(json.dumps(request.messages))
        return "[[3]]"

    judged = QrelsOracle({"q1": {CANARY: 3, "d2": 1}})
    output = await run(retriever, select="judge", judge=ModelJudge(ScriptedModel(note)), oracle=judged)
    assert len(asked) == 3
    assert CANARY not in "".join(asked) + json.dumps(output)


async def test_near_duplicates_are_left_out_and_named(retriever: BM25) -> None:
    words = {"one": "battery, flat", "two": "flat batteries", "three": "battery, gardens", "four": "?!"}
    output = await run(retriever, words, distinct=0.9)
    assert output["selection"] is not None
    [double] = output["selection"]["candidates"]
    assert (double["index"], double["reason"]) == (1, "near-duplicate of reformulation 1")
    text = f"{QUERY} battery flat battery gardens"
    assert output["queries"][0]["terms"] == WeightedQuery.from_text(text, retriever.analyze).terms
    both = await run(retriever, words, distinct=0.9, select="agreement", keep=4)
    assert kept(both) == [0, 2, 3]


def test_resemblance_is_jaccards() -> None:
    assert resemblance(frozenset("abc"), frozenset("bcd")) == 0.5
    assert resemblance(frozenset(), frozenset()) == 0


def test_the_best_come_first_and_those_without_a_value_last() -> None:
    values = [None, 1.0, 3.0, 3.0, -1.0]
    made = [Candidate(index=i, kept=False, value=v, outcome="ok", reason="") for i, v in enumerate(values)]
    for keep, expected in ((1, [2]), (2, [2, 3]), (4, [1, 2, 3, 4]), (5, [0, 1, 2, 3, 4])):
        assert [one["index"] for one in mark_best(made, keep) if one["kept"]] == expected


async def test_rm3_has_an_index_too(retriever: BM25) -> None:
    assert len(kept(await run(RM3(retriever), select="nqc"))) == 1


class Foreign:
    """A retriever without a native index."""

    spec = "python:foreign"

    def __init__(self, bm25: BM25) -> None:
        self.analyze, self.search, self.documents = bm25.analyze, bm25.search, bm25.documents

    def fingerprint(self) -> dict[str, object]:
        return {}


async def test_without_a_native_index_rankings_alone_decide(retriever: BM25) -> None:
    with pytest.raises(ValidationError, match="select='evidence' looks into a bm25: or rm3: index"):
        await run(Foreign(retriever), select="evidence")
    assert len(kept(await run(Foreign(retriever), select="agreement"))) == 1
