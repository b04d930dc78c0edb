"""Rivals as settings of the graph: each asks what its paper asks, and searches with its paper's query."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from dikast.agents.ledger import recording
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import ModelSolver
from dikast.errors import ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs import genqr
from dikast.graphs.genqr.presets import Method
from dikast.graphs.genqr.replies import parse, parse_lines
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.dense import Dense as DenseIndexed
from dikast.retrieval.dense_index import build_dense_index
from dikast.retrieval.encoders.encoder import Role
from dikast.retrieval.encoders.scripted import scripted as vectors_of
from dikast.retrieval.fusion import rrf
from dikast.retrieval.index import Index
from dikast.retrieval.query import WeightedQuery
from dikast.retrieval.retriever import Hit
from dikast.retrieval.vectors import Vectors

DOCUMENTS = [
    Document("d1", "the battery of the car is flat in winter"),
    Document("d2", "cold cranking amperage of an accumulator"),
    Document("d3", "a starter motor turns the engine"),
    Document("d4", "gardens in winter"),
]
QUERY = "car dead in winter"
METHODS = get_args(Method)


@pytest.fixture(scope="module")
def retriever() -> BM25:
    return BM25(Index.build(DOCUMENTS))


@dataclass
class Model:
    """Says one thing after the other, by a rule, and notes what it was asked."""

    say: Callable[[str, int], str]
    asked: list[str] = field(default_factory=list[str])

    def __call__(self, request: Request) -> str:
        self.asked.append(request.messages[-1]["content"])
        return self.say(self.asked[-1], len(self.asked))


async def run(
    retriever: Any, method: Method, say: Callable[[str, int], str], **knobs: Any
) -> tuple[genqr.Output, list[str]]:
    model = Model(say)
    settings = {**genqr.preset(method), **knobs}
    context = genqr.Context(solver=ModelSolver(ScriptedModel(model)), retriever=retriever, **settings)
    output = (await genqr.graph.ainvoke({"query": QUERY, "qid": "q1"}, context=context, version="v2")).value
    return output, model.asked


def terms(retriever: BM25, *texts: str) -> dict[str, float]:
    return {term: float(n) for term, n in Counter(t for text in texts for t in retriever.analyze(text)).items()}


PASSAGE = "The accumulator gives amperage to the starter."


def passage(_: str, number: int) -> str:
    return f"{PASSAGE} Number{number}, said."


def numbered(numbers: Sequence[int]) -> list[str]:
    return [f"{PASSAGE} Number{number}, said." for number in numbers]


@pytest.mark.parametrize(
    ("method", "calls", "copies"),
    [("genqr", 5, 1), ("query2doc", 1, 5), ("query2e", 1, 5), ("lamer", 5, 5), ("csqe", 4, 2)],
)
async def test_the_papers_query(retriever: BM25, method: Method, calls: int, copies: int) -> None:
    """`copies` of the query and everything that was said, all counted."""
    output, asked = await run(retriever, method, passage)
    (query,) = output["queries"]
    assert len(asked) == calls
    assert query["terms"] == terms(retriever, *[QUERY] * copies, *numbered(range(1, calls + 1)))
    assert output["outcome"] == "ok"


async def test_mugi_repeats_the_query_by_the_length_of_the_passages(retriever: BM25) -> None:
    output, asked = await run(retriever, "mugi", passage)
    said = numbered(range(1, 6))
    copies = len(" ".join(said)) // len(QUERY) // 5
    assert (len(asked), copies) == (5, 3)
    assert output["queries"][0]["terms"] == terms(retriever, *[QUERY] * copies, *said)


async def test_an_ensemble_and_its_fusion_are_the_defaults(retriever: BM25) -> None:
    output, asked = await run(retriever, "ensemble", passage)
    assert output["queries"][0]["terms"] == terms(retriever, QUERY, *numbered(range(1, 11)))
    fused, again = await run(retriever, "fusion", passage)
    assert len(asked) == len(again) == len(fused["queries"]) == 10


async def test_the_tuned_mix_is_an_ensemble_with_the_frozen_setting(retriever: BM25) -> None:
    output, _ = await run(retriever, "ensemble_mix", lambda _, n: "starter, starter" if n == 1 else "amperage")
    log = {"starter": math.log(3), "amperag": math.log(10)}
    query = {term: 0.3 * count / 3 for term, count in terms(retriever, QUERY).items()}
    expected = {**query, **{term: 0.7 * weight / sum(log.values()) for term, weight in log.items()}}
    assert len(query) == 3
    assert output["queries"][0]["terms"] == pytest.approx(expected)


async def test_samples_of_one_instruction_are_drawn_apart(retriever: BM25) -> None:
    """Each sample has a seed and a cache key of its own."""
    output, _ = await run(retriever, "genqr", passage)
    sources = [one["provenance"] for one in output["reformulations"]]
    assert [source["sample"] for source in sources] == [0, 1, 2, 3, 4]
    assert len({source["seed"] for source in sources}) == 5
    assert len({one["instruction"] for one in output["reformulations"]}) == 1


async def test_lamer_shows_the_first_search_and_csqe_asks_with_and_without_it(retriever: BM25) -> None:
    _, asked = await run(retriever, "lamer", passage)
    assert all("battery of the car" in text and "gardens" in text for text in asked)
    _, asked = await run(retriever, "csqe", passage)
    assert ["battery of the car" in text for text in asked] == [False, False, True, True]
    assert ["word for word" in text for text in asked] == [False, False, True, True]


async def test_csqe_without_documents_asks_from_knowledge_alone(retriever: BM25) -> None:
    output, asked = await run(BM25(Index.build([Document("d", "nothing of that")])), "csqe", passage)
    assert (len(asked), output["outcome"]) == (2, "ok")


QUESTIONS = "1. Why is it dead?\n\nQ2: What is an accumulator?\n- How does a starter turn?\n4. Too many?"


def qa(prompt: str, _: int) -> str:
    if "three different questions" in prompt:
        return QUESTIONS
    if "Drop what has nothing" in prompt:
        assert "It is flat." in prompt
        return "flat accumulator"
    return "It is flat."


async def test_qa_expand_asks_answers_and_refines(retriever: BM25) -> None:
    output, asked = await run(retriever, "qa_expand", qa)
    assert len(asked) == 1 + 3 + 1
    questions = ["Why is it dead?", "What is an accumulator?", "How does a starter turn?"]
    assert [one["instruction"] for one in output["reformulations"]] == questions
    # Answers are given to the questions alone.
    assert all(question in text and QUERY not in text for question, text in zip(questions, asked[1:4], strict=True))
    assert output["queries"][0]["terms"] == terms(retriever, *[QUERY] * 3, "flat accumulator")
    assert output["plan"] is not None
    assert output["plan"]["text"] == QUESTIONS
    assert output["refined"] is not None
    assert output["refined"]["text"] == "flat accumulator"


async def test_a_plan_that_comes_to_nothing_leaves_the_query(retriever: BM25) -> None:
    output, asked = await run(retriever, "qa_expand", lambda _, __: "?!")
    assert len(asked) == 1
    assert output["hits"] == output["baseline"] != []
    assert (output["outcome"], output["reason"].startswith("plan: no line")) == ("unparsed", True)


async def test_weights_do_not_matter_where_a_plan_comes_to_nothing(retriever: BM25) -> None:
    knobs: dict[str, Any] = {"refine": None, "mode": "fusion", "weights": (1.0, 2.0, 3.0)}
    output, _ = await run(retriever, "qa_expand", lambda _, __: "?!", **knobs)
    assert [docid for docid, _ in output["hits"]] == [docid for docid, _ in output["baseline"]] != []


@pytest.mark.parametrize("failing", ["three different", "Drop what"])
async def test_a_failed_call_beside_the_answers_is_the_rows_failure(retriever: BM25, failing: str) -> None:
    def slow(prompt: str, number: int) -> str:
        if failing in prompt:
            raise ModelTimeout("slow")
        return qa(prompt, number)

    output, _ = await run(retriever, "qa_expand", slow)
    what = "plan" if failing.startswith("three") else "refined"
    assert output["outcome"] == "timeout"
    assert output["reason"].startswith(f"{what}: slow")
    if what == "refined":  # the answers are used as they are
        assert output["queries"][0]["terms"] == terms(retriever, *[QUERY] * 3, *["It is flat."] * 3)


async def test_a_model_that_cannot_be_reached_ends_the_row_from_the_plan_on(retriever: BM25) -> None:
    def gone(_: str, __: int) -> str:
        raise ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await run(retriever, "qa_expand", gone)


class Dense:
    """A dense retriever by hand: the vector of a text is its counts of four letters, scores are inner products."""

    spec = "python:dense"

    def fingerprint(self) -> dict[str, object]:
        return {"dense": 1}

    def analyze(self, text: str) -> list[str]:
        return text.lower().split()

    @staticmethod
    def encode(text: str) -> list[float]:
        return [text.lower().count(letter) / len(text) for letter in "aeio"]

    async def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[Hit]]:
        return [self.rank(self.encode(query.text))[:k] for query in queries]

    def rank(self, vector: Sequence[float]) -> list[Hit]:
        scored = {one.docid: self.encode(one.contents) for one in DOCUMENTS}
        hits = [Hit(name, sum(a * b for a, b in zip(vector, held, strict=True))) for name, held in scored.items()]
        return sorted(hits, key=lambda hit: (-hit.score, hit.docid))

    async def documents(self, docids: Sequence[str]) -> list[Document]:
        held = {one.docid: one for one in DOCUMENTS}
        return [held[docid] for docid in docids]


async def test_hyde_searches_with_the_mean_of_the_passages_and_the_query() -> None:
    """With every document ranked, fused inner products are those with the mean vector, times the number of vectors."""
    dense = Dense()
    output, asked = await run(dense, "hyde", passage)
    assert len(asked) == 8
    texts = [query["text"] for query in output["queries"]]
    assert texts == [*numbered(range(1, 9)), QUERY]
    vectors = [dense.encode(text) for text in texts]
    mean = [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]
    expected = dense.rank(mean)
    assert [docid for docid, _ in output["hits"]] == [hit.docid for hit in expected]
    assert [score for _, score in output["hits"]] == pytest.approx([9 * hit.score for hit in expected], abs=1e-12)


@vectors_of
def letters(texts: Sequence[str], role: Role) -> Vectors:
    return np.array([Dense.encode(text) for text in texts], np.float32)


async def test_hyde_over_a_dense_index(tmp_path: Path) -> None:
    """FAISS's ranking by the mean vector, one number at a time."""
    pytest.importorskip("faiss", reason="needs the extra faiss: faiss-cpu")
    await build_dense_index(DOCUMENTS, tmp_path / "x", letters, metric="dot")
    output, _ = await run(DenseIndexed(tmp_path / "x", encoder=letters), "hyde", passage)
    vectors = letters.function([*numbered(range(1, 9)), QUERY], "query")
    documents = letters.function([one.contents for one in DOCUMENTS], "document")
    assert isinstance(vectors, np.ndarray)
    scores = dict(zip([one.docid for one in DOCUMENTS], (documents @ vectors.mean(axis=0)).tolist(), strict=True))
    assert [docid for docid, _ in output["hits"]] == sorted(scores, key=lambda docid: -scores[docid])
    assert [score / 9 for _, score in output["hits"]] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_runs_and_falls_back_to_the_query(retriever: BM25, method: Method) -> None:
    output, _ = await run(retriever, method, qa)
    assert output["outcome"] == "ok"
    empty, _ = await run(retriever, method, lambda _, __: "")
    assert [docid for docid, _ in empty["hits"]] == [docid for docid, _ in empty["baseline"]]
    assert empty["outcome"] == "empty"


@pytest.mark.parametrize("method", METHODS)
def test_presets_go_through_json(method: Method) -> None:
    """So that a run's manifest can be read again."""
    context = genqr.Context.model_validate({"solver": "replay:x", "retriever": "bm25:x", **genqr.preset(method)})
    assert genqr.Context.model_validate_json(context.model_dump_json()).model_dump() == context.model_dump()


def test_an_unknown_method_is_told() -> None:
    unknown: Any = "magic"
    with pytest.raises(UsageError, match="method 'magic' is unknown"):
        genqr.preset(unknown)


async def test_weights_and_the_original_take_part_in_fusion(retriever: BM25) -> None:
    knobs = {"instructions": ("one", "two"), "with_original": True, "weights": (2.0, 0.5, 3.0), "rrf_k": 60}
    output, _ = await run(retriever, "fusion", lambda _, n: ["amperage", "starter"][n - 1], **knobs)
    rankings = await retriever.search([WeightedQuery(q["terms"], q["text"]) for q in output["queries"]], 1000)
    assert output["queries"][2]["text"] == QUERY
    assert output["hits"] == rrf(rankings, k=60, weights=[2.0, 0.5, 3.0])
    by_hand: dict[str, float] = {}
    for weight, ranking in zip((2.0, 0.5, 3.0), rankings, strict=True):
        for rank, hit in enumerate(ranking, start=1):
            by_hand[hit.docid] = by_hand.get(hit.docid, 0.0) + weight / (60 + rank)
    assert dict(output["hits"]) == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"mode": "fusion", "weights": (1.0,)}, "1 weights for 2 rankings"),
        ({"weights": (1.0, 1.0)}, "mode='fusion'"),
        ({"samples": 40}, "80 reformulations of a query: 64 at most"),
        ({"prompt": "critic/relevance"}, "declares document"),
        ({"mode": "fusion", "refine": "genqr/qa_refine"}, "nothing to fuse"),
        ({"select": "judge"}, "needs judge="),
    ],
)
def test_knobs_that_do_not_fit_together(retriever: BM25, knobs: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        genqr.Context.model_validate(
            {"solver": "replay:x", "retriever": retriever, "instructions": ("one", "two"), **knobs}
        )


async def test_a_fluent_query_stands_beside_and_is_not_searched_with(retriever: BM25) -> None:
    def say(prompt: str, _: int) -> str:
        return "Why does a car not start in winter?" if "natural search query" in prompt else "battery, flat"

    output, asked = await run(retriever, "genqr", say, fluent=True)
    assert output["fluent"] is not None
    assert output["fluent"]["text"] == "Why does a car not start in winter?"
    assert "battery, flat" in asked[-1]
    plain, _ = await run(retriever, "genqr", say)
    assert plain["fluent"] is None
    assert plain["queries"] == output["queries"]


async def test_every_call_is_in_the_ledger(retriever: BM25) -> None:
    with recording() as ledger:
        await run(retriever, "qa_expand", qa, fluent=True)
    assert ledger.usage_by_role["solver"].calls == 6


def test_passages_and_lines_are_read() -> None:
    assert parse('  "A passage,\n with a comma."\n', "passage") == ["A passage, with a comma."]
    assert parse("...", "passage") == []
    assert parse_lines("Question 1: Why?\n2) How?\n\n* Who?", 9) == ["Why?", "How?", "Who?"]
    assert parse_lines("1984 was when?", 9) == ["1984 was when?"]
