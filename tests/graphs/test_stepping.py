"""What is asked of every graph: it tells its steps and nothing else, and a synchronous call says what to call."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph

from dikast.agents.judge import load_judge
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.errors import UsageError
from dikast.graphs import (
    METHODS,
    astral,
    cweval,
    dno,
    duo,
    genqr,
    h2o,
    hidden_tables,
    load_method,
    reviseval,
    self_tokens,
    summhay,
    tapir,
    zo_ranksgd,
)
from dikast.graphs.astral.safety_oracle import load_safety_oracle
from dikast.graphs.astral.target import load_target
from dikast.graphs.dno.judge import load_list_judge
from dikast.graphs.hidden_tables.code_critic import load_code_critic
from dikast.graphs.tapir.judge import load_pair_scorer
from dikast.records import Document
from dikast.retrieval.bm25 import BM25
from dikast.retrieval.index import Index
from tests.graphs.cweval.small import NAME, TASK_ID, Reader, no_box
from tests.graphs.duo import inside
from tests.graphs.h2o.benches import Scripted
from tests.graphs.rest_mcts import scripts as rest_mcts_scripts
from tests.graphs.rlgf import scripts as rlgf_scripts
from tests.graphs.self_tokens.words import Words
from tests.graphs.summhay.hay import hay
from tests.graphs.transfer_q import letters

CANARY = "CANARY-41d0"
"""In everything that a user, a model or a document says."""


def saying(text: str) -> ScriptedModel:
    def say(request: Request) -> str:
        return text

    return ScriptedModel(say)


def a_genqr(folder: Path) -> tuple[Any, Any]:
    found = BM25(Index.build([Document("d1", f"flat battery {CANARY}"), Document("d2", "starter motor")]))
    solver = load_solver(saying(f"battery, {CANARY}"))
    return genqr.Context(solver=solver, retriever=found, feedback="pseudo", fluent=True), {"query": f"battery {CANARY}"}


class Oracle:
    """A table oracle without a sandbox."""

    spec = "python:oracle"

    def fingerprint(self) -> dict[str, object]:
        return {}

    async def ready(self) -> str:
        return "none"

    async def describe(self, *arguments: Any, **named: Any) -> str:
        return f"- {CANARY}: text"

    def codes(self, detail: Any) -> tuple[str, ...]:
        return ("ok", "timeout")

    def unanswered(self, question_id: str) -> bool | None:
        return None

    def tell(self, question_id: str, answer: Any) -> None:
        raise AssertionError("there is no answer")

    async def run(self, table: str, programs: list[str], **named: Any) -> list[Any]:
        return [SimpleNamespace(status="timeout", code="timeout", group=0, answer=None, correct=None) for _ in programs]


def a_hidden_tables(folder: Path) -> tuple[Any, Any]:
    solver = load_solver(saying(f"```python\nanswer = {CANARY!r}\n```"))
    critic = load_code_critic(saying(f"VERDICT: approve\n{CANARY}"))
    oracle: Any = Oracle()
    context = hidden_tables.Context(solver=solver, oracle=oracle, critic=critic)
    return context, {"table": CANARY, "question": f"which {CANARY}?"}


def a_reviseval(mode: Any) -> Callable[[Path], tuple[Any, Any]]:
    def make(folder: Path) -> tuple[Any, Any]:
        solver, judge = load_solver(saying(f"better {CANARY}")), load_judge(saying("[[A]]"))
        context = reviseval.Context(solver=solver, judges=(judge,), mode=mode, on_conflict="synthesise")
        return context, {"instruction": CANARY, "response_1": CANARY, "response_2": "another"}

    return make


def an_astral(folder: Path) -> tuple[Any, Any]:
    target = load_target(saying(f"I can help. {CANARY}"))
    oracle = load_safety_oracle(saying(json.dumps({"reason": CANARY, "verdict": "safe"})))
    context = astral.Context(
        targets=(target,),
        oracles=(oracle,),
        generator=load_solver(saying(f"how to {CANARY}?")),
        authority={target.spec: "a test"},
    )
    return context, {"id": CANARY, "cell": {"category": "self_harm", "style": "slang", "technique": "logical_appeal"}}


def a_summhay(folder: Path) -> tuple[Any, Any]:
    (folder / "t.json").write_text(json.dumps(hay()).replace("Aurora", CANARY), encoding="utf-8")
    solver = load_solver(saying(f"- The {CANARY} came. [1]\n- Nothing sank. [2]"))
    actors = {"haystacks": [str(folder / "t.json")], "solver": solver, "judge": "words", "retriever": "full"}
    context = summhay.Context.model_validate(actors)
    return context, {"topic_id": "t1", "subtopic_id": "s1"}


def a_cweval(folder: Path) -> tuple[Any, Any]:
    solver = load_solver(saying(f"```python\ndef double(n): {CANARY}\n```"))
    context = cweval.Context(solver=solver, executor=no_box(folder, [NAME]), rounds=2, critic=Reader(CANARY))
    return context, {"task_id": TASK_ID, "sample": 0}


def a_dno(folder: Path) -> tuple[Any, Any]:
    judge = load_list_judge(saying(json.dumps({"reasoning": CANARY, "answer_1": 6, "answer_2": 1})))
    context = dno.Context(solver=load_solver(saying(f"It is {CANARY}.")), judge=judge)
    return context, {"id": CANARY, "prompt": f"what is {CANARY}?", "gold": f"gold {CANARY}"}


def a_tapir(folder: Path) -> tuple[Any, Any]:
    judge = load_pair_scorer(saying(json.dumps({"reason": CANARY, "first": 9, "second": 1})))
    context = tapir.Context(solver=load_solver(saying(f"It is {CANARY}.")), judge=judge)
    return context, {"id": CANARY, "instruction": f"what is {CANARY}?", "answer": f"gold {CANARY}", "task": "Math"}


def a_self_tokens(folder: Path) -> tuple[Any, Any]:
    context = self_tokens.Context(solver=Words(text=CANARY), gap=2)
    return context, {"id": CANARY, "prompt": CANARY, "reference": "100 101 7 103"}


def an_rlgf(folder: Path) -> tuple[Any, Any]:
    return rlgf_scripts.context(collector="aggrevated"), {"id": CANARY, "prompt": CANARY, "reference": CANARY}


def a_rest_mcts(folder: Path) -> tuple[Any, Any]:
    solver = rest_mcts_scripts.Adder(says=lambda partial, sample: f"{CANARY} {len(partial.steps)} {sample}")
    critic = rest_mcts_scripts.Knows(says=lambda solution: 0.5)
    made = rest_mcts_scripts.context(solver=solver, critic=critic, depth=2)
    return made, {"id": CANARY, "question": CANARY, "answer": CANARY}


def a_transfer_q(folder: Path) -> tuple[Any, Any]:
    return letters.context(), {"id": CANARY, "prompt": CANARY}


def a_zo_ranksgd(folder: Path) -> tuple[Any, Any]:
    base, given = a_genqr(folder)
    context = zo_ranksgd.Context(
        method="genqr", base=base, knobs="mixing", judge=load_judge(saying("[[A]]")), folder=folder
    )
    return context, {"id": "tuning", "rows": [given], "budget": 4}


def a_duo(folder: Path) -> tuple[Any, Any]:
    return duo.Context(duo=inside.Written()), {"id": CANARY, "text": f"to be {CANARY}"}


def an_h2o(folder: Path) -> tuple[Any, Any]:
    row = {"id": CANARY, "prompt": f"{CANARY} " * 40, "policy": "h2o", "heavy": 0.1, "recent": 0.1, "answer": CANARY}
    return h2o.Context(solver=Scripted()), row


CASES: list[tuple[str, Callable[[Path], tuple[Any, Any]]]] = [
    ("genqr", a_genqr),
    ("hidden_tables", a_hidden_tables),
    *(("reviseval", a_reviseval(mode)) for mode in ("reviseval", "direct", "commit-first", "free")),
    ("astral", an_astral),
    ("summhay", a_summhay),
    ("cweval", a_cweval),
    ("dno", a_dno),
    ("tapir", a_tapir),
    ("self_tokens", a_self_tokens),
    ("transfer_q", a_transfer_q),
    ("rlgf", an_rlgf),
    ("rest_mcts", a_rest_mcts),
    ("zo_ranksgd", a_zo_ranksgd),
    ("duo", a_duo),
    ("h2o", an_h2o),
]


def test_every_method_is_asked() -> None:
    assert {name for name, _ in CASES} == set(METHODS)


@pytest.mark.parametrize(("name", "case"), CASES)
async def test_each_node_tells_that_it_begins_and_nothing_of_what_is_said(
    tmp_path: Path, name: str, case: Callable[[Path], tuple[Any, Any]]
) -> None:
    graph, (context, given) = load_method(name).load_graph(), case(tmp_path)
    told: list[Any] = []
    ran: list[str] = []
    async for mode, part in graph.astream(given, context=context, stream_mode=["custom", "updates"]):
        told.append(part) if mode == "custom" else ran.extend(part)
    assert len(ran) > 2
    assert sorted(event["step"] for event in told) == sorted(ran)
    for event in told:
        assert event.keys() == {"graph", "step", "text"}
        assert event["graph"] == name
        assert re.fullmatch(r"[a-z0-9',/ ]{5,60}", event["text"]), event
    said = json.dumps([told])
    assert CANARY not in said
    assert "self_harm" not in said
    assert "timeout" not in said


CALLS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda graph: graph.invoke({}),
    "stream": lambda graph: graph.stream({}),
    "batch": lambda graph: graph.batch([{}]),
}


@pytest.mark.parametrize("how", CALLS)
@pytest.mark.parametrize("name", METHODS)
def test_a_synchronous_call_says_in_a_line_what_to_call(name: str, how: str) -> None:
    with pytest.raises(UsageError, match=r"^[^\n]*dikast\.wait\(graph\.ainvoke\(\.\.\.\)\)[^\n]*$") as error:
        CALLS[how](load_method(name).load_graph())
    assert f"graph {name!r} is asynchronous" in str(error.value)


def test_so_does_one_from_a_users_own_graph_and_one_compiled_anew() -> None:
    built: Any = StateGraph(genqr.State)
    built.add_node("inner", genqr.graph).add_edge(START, "inner").add_edge("inner", END)
    with pytest.raises(UsageError, match="asynchronous"):
        built.compile().invoke({"query": "x"})
    again: Any = genqr.build().compile(checkpointer=InMemorySaver(), name="mine")
    with pytest.raises(UsageError, match="graph 'mine' is asynchronous"):
        again.invoke({"query": "x"}, {"configurable": {"thread_id": "1"}})


def test_what_the_line_says_works(tmp_path: Path) -> None:
    context, given = a_genqr(tmp_path)
    assert asyncio.run(genqr.graph.ainvoke(given, context=context))["outcome"] == "ok"
