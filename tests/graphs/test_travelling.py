"""Every method's context goes to a Ray worker as JSON, and is the same there; or says that it cannot go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.graphs import every_graph, load_method
from dikast.graphs.duo import torch_duo
from dikast.graphs.h2o import roles as h2o_roles
from dikast.jobs.attempt import Work
from dikast.jobs.engines import Place
from dikast.jobs.engines.ray import order_of
from dikast.jobs.engines.worker import context_of, found_at
from dikast.jobs.fingerprint import fingerprint
from dikast.jobs.stopping import Stop
from dikast.records import Document
from dikast.retrieval.index import build_index
from tests.graphs.cweval.small import write_task
from tests.graphs.duo.inside import Written
from tests.graphs.h2o.benches import Scripted
from tests.graphs.summhay.hay import hay

SPEC = "server:http://a/v1,http://b/v1#m?timeout=9"
GIVEN: dict[str, dict[str, Any]] = {
    "genqr": {"solver": SPEC, "retriever": "bm25:{folder}/index"},
    "hidden_tables": {"solver": SPEC, "oracle": "tables:{folder}/t.csv", "critic": SPEC},
    "reviseval": {"judges": [SPEC, "scripted:tests.jobs.engines.small:twice"], "solver": SPEC},
    "astral": {"targets": [SPEC], "oracles": [SPEC], "authority": {SPEC: "ours"}, "vault": "file:{folder}/withheld"},
    "summhay": {"haystacks": ["{folder}/t.json"], "solver": SPEC, "judge": "words", "retriever": "full"},
    "summhay.make": {"writer": SPEC},
    "summhay.judging": {"judge": SPEC},
    "cweval": {"solver": SPEC, "executor": "tasks:{folder}/tasks"},
    "cweval.scoring": {"executor": "tasks:{folder}/tasks"},
    "tapir": {"solver": SPEC, "judge": SPEC},
    "tapir.expand": {"teacher": SPEC, "classifier": SPEC},
    "dno": {"solver": SPEC, "judge": SPEC},
    "self_tokens": {"solver": SPEC},
    "self_tokens.correcting": {"solver": SPEC},
    "transfer_q": {"solver": SPEC, "baseline": SPEC, "reward": "metric:rougeL"},
    "h2o": {"solver": "transformers:any"},
    "rlgf": {"guide": SPEC, "solver": SPEC, "reward": "judge:" + SPEC},
    "rest_mcts": {"solver": SPEC, "critic": SPEC},
    "duo": {"duo": "any"},
    "duo.tiers": {"small": SPEC, "big": SPEC},
}
"""What each is made of where it runs elsewhere; the others are refused."""
STAY = {"tapir.rounds", "dno.rounds", "rlgf.rounds", "rest_mcts.rounds", "zo_ranksgd"}


def place_of(name: str, context: Any, parts: Any) -> Place:
    work = Work(load_method(name).load_graph(), context)
    stop: Any = Stop
    ledger: Any = None
    return Place(work, parts, ledger, None, None, 4, lambda: None, stop)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t.json").write_text(json.dumps(hay()), encoding="utf-8")
    (tmp_path / "t.csv").write_text("a\n1\n", encoding="utf-8")
    write_task(tmp_path / "tasks")
    build_index([Document("d1", "flat battery"), Document("d2", "starter motor")], tmp_path / "index")
    monkeypatch.setattr(h2o_roles, "load_bench", bench)  # torch is not here
    monkeypatch.setattr(torch_duo, "load_duo", named_duo)
    return tmp_path


def bench(spec: str) -> Scripted:
    return Scripted()


def named_duo(spec: str) -> Any:
    made = Written()
    made.spec = spec
    return made


def test_every_graph_travels_or_stays() -> None:
    assert {*GIVEN, *STAY} == set(every_graph())
    assert {name for name in every_graph() if getattr(load_method(name).context, "only_here", "")} == STAY


@pytest.mark.parametrize("name", GIVEN)
def test_a_context_is_the_same_there(name: str, folder: Path) -> None:
    method = load_method(name)
    given = json.loads(json.dumps(GIVEN[name]).replace("{folder}", str(folder)))
    context = method.context.model_validate(given)
    parts = fingerprint(name, context, 1)
    order = order_of(place_of(name, context, parts), "")
    assert found_at(order.graph) is method.load_graph()
    there = context_of(order)
    assert there == context or there.model_dump_json() == context.model_dump_json()
    assert there is not context
    assert fingerprint(name, there, 1) == parts


@pytest.mark.parametrize("name", sorted(STAY))
def test_a_method_that_keeps_folders_of_its_own_is_refused(name: str) -> None:
    context: Any = load_method(name).context.model_construct()
    with pytest.raises(UsageError, match=r"these rows can be done in this process alone: its .* are jobs of their own"):
        order_of(place_of(name, context, {"samples": 1}), "")
