from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict

from dikast.agents.ledger import recording
from dikast.agents.models.limits import Limits
from dikast.agents.models.request import Request, Sampling, Structured
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution, Solver
from dikast.agents.solver import ModelSolver
from dikast.errors import ModelTimeout, ModelUnavailable, UsageError
from dikast.graphs import genqr
from dikast.graphs.genqr.graph import sift
from dikast.records import Document, Outcome, Provenance, Usage
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.fusion import combsum, rrf
from dikast.retrieval.index import Index
from dikast.retrieval.query import WeightedQuery

DOCUMENTS = [
    Document("d1", "the battery of the car is flat in winter"),
    Document("d2", "cold cranking amperage of an accumulator"),
    Document("d3", "a starter motor turns the engine"),
    Document("d4", "gardens in winter"),
]
QUERY = "car dead in winter"


@pytest.fixture(scope="module")
def retriever() -> BM25:
    return BM25(Index.build(DOCUMENTS))


@dataclass
class Script:
    """A solver without a model: answers by instruction, and notes what it was asked."""

    answers: Mapping[str, str | Exception | Outcome]
    asked: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    spec: str = "python:script"

    def fingerprint(self) -> Mapping[str, object]:
        return {"script": 1}

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        self.asked.append(fields)
        # Finish in another order than asked.
        await asyncio.sleep(0.001 * (5 - len(self.asked)) if len(self.asked) < 5 else 0)
        answer = self.answers[fields["instruction"]]
        if isinstance(answer, Exception):
            raise answer
        outcome = answer if isinstance(answer, Outcome) else Outcome.OK
        text = "" if isinstance(answer, Outcome) else answer
        provenance = Provenance(self.spec, prompt.id, sampling.seed, sample, "stop", False)
        return Solution(text, outcome, "", Usage(calls=1, output_tokens=len(text.split())), provenance)


def context(solver: Solver, retriever: BM25, **knobs: Any) -> genqr.Context:
    return genqr.Context(solver=solver, retriever=retriever, instructions=("one", "two", "three"), **knobs)


async def run(context: genqr.Context, query: str = QUERY) -> genqr.Output:
    return (await genqr.graph.ainvoke({"query": query}, context=context, version="v2")).value


ANSWERS = {"one": "battery, flat", "two": "cold cranking amperage, battery", "three": "starter motor"}


async def test_ensemble_searches_once_with_all_keywords(retriever: BM25) -> None:
    output = await run(context(Script(ANSWERS), retriever))
    assert [one["keywords"] for one in output["reformulations"]] == [
        ["battery", "flat"],
        ["cold cranking amperage", "battery"],
        ["starter motor"],
    ]
    (query,) = output["queries"]
    expected = WeightedQuery.from_text(
        f"{QUERY} battery flat cold cranking amperage battery starter motor", retriever.analyze
    )
    assert query["terms"] == expected.terms
    assert {hit[0] for hit in output["hits"]} == {"d1", "d2", "d3", "d4"}
    assert {hit[0] for hit in output["baseline"]} == {"d1", "d4"}
    assert output["outcome"] == "ok"


@pytest.mark.parametrize(("fusion", "fuse"), [("rrf", rrf), ("combsum", combsum)])
async def test_fusion_fuses_one_ranking_an_instruction(retriever: BM25, fusion: str, fuse: Any) -> None:
    solver = Script(ANSWERS)
    output = await run(context(solver, retriever, mode="fusion", fusion=fusion, normalize="minmax"))
    texts = [f"{QUERY} battery flat", f"{QUERY} cold cranking amperage battery", f"{QUERY} starter motor"]
    queries = [WeightedQuery.from_text(text, retriever.analyze) for text in texts]
    assert [query["terms"] for query in output["queries"]] == [query.terms for query in queries]
    assert output["hits"] == fuse(await retriever.search(queries, 1000))


async def test_each_instruction_runs_once_and_they_differ(retriever: BM25) -> None:
    """The authors' script fuses ten copies of the last instruction."""
    solver = Script(ANSWERS)
    output = await run(context(solver, retriever, mode="fusion"))
    assert sorted(fields["instruction"] for fields in solver.asked) == ["one", "three", "two"]
    assert [one["index"] for one in output["reformulations"]] == [0, 1, 2]
    assert len({json.dumps(query) for query in output["queries"]}) == 3


async def test_a_row_whose_instructions_are_not_each_there_once_is_a_bug() -> None:
    runtime = Runtime(context=genqr.Context.model_construct(instructions=("one", "two")))
    twice: Any = {"query": "q", "context": "", "instructions": ["one", "two"]}
    twice["reformulations"] = [{"index": 0}, {"index": 0}]
    with pytest.raises(RuntimeError, match="exactly once"):
        await sift(twice, runtime)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (ModelTimeout("slow"), Outcome.TIMEOUT),
        (Outcome.REFUSED, Outcome.REFUSED),
        (Outcome.EMPTY, Outcome.EMPTY),
        ("!!!", Outcome.UNPARSED),
    ],
)
@pytest.mark.parametrize("mode", ["ensemble", "fusion"])
async def test_what_befalls_an_instruction_is_recorded_and_the_others_count(
    retriever: BM25, answer: str | Exception | Outcome, outcome: Outcome, mode: str
) -> None:
    output = await run(context(Script({**ANSWERS, "two": answer}), retriever, mode=mode))
    assert [one["outcome"] for one in output["reformulations"]] == ["ok", outcome, "ok"]
    assert output["outcome"] == (outcome if outcome.failed else "ok")
    assert "d3" in {hit[0] for hit in output["hits"]}


@pytest.mark.parametrize("answer", [Outcome.REFUSED, Outcome.EMPTY, "..."])
@pytest.mark.parametrize("combination", ["paper", "querygym", "mix"])
async def test_nothing_generated_falls_back_to_the_query(retriever: BM25, answer: Any, combination: str) -> None:
    script = Script({"one": answer, "two": answer, "three": answer})
    output = await run(context(script, retriever, combination=combination))
    assert output["hits"] == output["baseline"]
    assert output["outcome"] == (answer if isinstance(answer, Outcome) else "unparsed")
    assert "3 of 3" in output["reason"]


async def test_a_row_whose_every_instruction_fails_is_searched_with_its_query(retriever: BM25) -> None:
    script = Script({"one": ModelTimeout("slow"), "two": ModelTimeout("slow"), "three": ModelTimeout("slow")})
    output = await run(context(script, retriever))
    assert output["hits"] == output["baseline"] != []
    assert (output["outcome"], output["reason"]) == ("timeout", "3 of 3 instructions; the first: slow")


async def test_a_bug_is_not_taken_for_a_bad_reply(retriever: BM25) -> None:
    with pytest.raises(ZeroDivisionError):
        await run(context(Script({**ANSWERS, "two": ZeroDivisionError()}), retriever))


async def test_a_model_that_cannot_be_reached_ends_the_row(retriever: BM25) -> None:
    with pytest.raises(ModelUnavailable):
        await run(context(Script({**ANSWERS, "two": ModelUnavailable("gone")}), retriever))


async def test_a_limit_is_an_outcome(retriever: BM25) -> None:
    model = ScriptedModel(battery.function)
    with recording(limits=Limits(calls=2)):
        output = await run(context(ModelSolver(model), retriever))
    assert sorted(one["outcome"] for one in output["reformulations"]) == ["limit", "ok", "ok"]
    assert output["outcome"] == "limit"


@scripted
def battery(request: Request) -> str:
    if request.structured:
        return '{"keywords": ["battery"]}'
    return "battery"


@pytest.mark.parametrize("reply", ["text", "json"])
async def test_through_a_chat_model(retriever: BM25, reply: str) -> None:
    with recording() as ledger:
        output = await run(context(ModelSolver(ScriptedModel(battery)), retriever, reply=reply))
    assert [one["keywords"] for one in output["reformulations"]] == [["battery"]] * 3
    assert ledger.usage.calls == 3
    assert all(QUERY in call.messages[0]["content"] for call in ledger.calls)


@pytest.mark.parametrize("query", ["the and of", "", "?!", 'title:"a" AND (b^2 OR c~) [x TO y] {"', "a" * 5000])
@pytest.mark.parametrize("mode", ["ensemble", "fusion"])
async def test_queries_that_break_other_parsers(retriever: BM25, query: str, mode: str) -> None:
    output = await run(context(Script(ANSWERS), retriever, mode=mode, combination="mix"), query)
    assert {hit[0] for hit in output["hits"]} >= {"d1", "d2", "d3"}


async def test_without_a_baseline_it_is_not_searched(retriever: BM25) -> None:
    assert (await run(context(Script(ANSWERS), retriever, baseline=False)))["baseline"] == []


async def test_depth_cuts_rankings(retriever: BM25) -> None:
    for mode in ("ensemble", "fusion"):
        assert len((await run(context(Script(ANSWERS), retriever, depth=2, mode=mode)))["hits"]) == 2


def test_the_context_is_json_and_back(retriever: BM25) -> None:
    made = context(ModelSolver(ScriptedModel(battery)), retriever, mixing=0.3)
    told = json.loads(made.model_dump_json())
    assert told["solver"] == battery.spec
    assert told["prompt"] == "genqr/keywords"
    told["retriever"] = retriever
    again = genqr.Context(**told)
    assert (again.mixing, again.instructions, again.prompt) == (0.3, made.instructions, made.prompt)


@pytest.mark.parametrize("knobs", [{"mixing": 1.0}, {"instructions": ()}, {"instructions": ("x",) * 65}, {"colour": 1}])
def test_knobs_out_of_range_are_refused(retriever: BM25, knobs: Any) -> None:
    made: dict[str, Any] = {"solver": Script(ANSWERS), "retriever": retriever, **knobs}
    with pytest.raises(ValueError, match=next(iter(knobs))):
        genqr.Context(**made)


def test_a_model_spec_with_a_typo_is_told(retriever: BM25) -> None:
    spec: Any = "opnvino:smollm2-135m"
    with pytest.raises(UsageError, match="openvino"):
        genqr.Context(solver=spec, retriever=retriever)


async def test_a_missing_or_foreign_context_is_told(retriever: BM25) -> None:
    with pytest.raises(TypeError, match=r"pass context=dikast\.graphs\.genqr\.Context"):
        await genqr.graph.ainvoke({"query": "q"})
    foreign: Any = 3
    with pytest.raises(TypeError, match="got int"):
        await genqr.graph.ainvoke({"query": "q"}, context=foreign)


class AppState(TypedDict, total=False):
    question: str
    sources: list[str]


class AppContext(TypedDict):
    genqr: genqr.Context


async def test_as_a_part_of_somebody_elses_graph(retriever: BM25) -> None:
    async def look_up(state: AppState, runtime: Runtime[AppContext]) -> AppState:
        found = await genqr.graph.ainvoke(
            {"query": state.get("question", "")}, context=runtime.context["genqr"], version="v2"
        )
        return {"sources": [docid for docid, _ in found.value["hits"]]}

    app = StateGraph(AppState, context_schema=AppContext)
    app.add_node("look_up", look_up).add_edge(START, "look_up").add_edge("look_up", END)
    made = AppContext(genqr=context(Script(ANSWERS), retriever))
    result = await app.compile().ainvoke({"question": QUERY}, context=made)
    assert result["sources"][0] == "d1"
