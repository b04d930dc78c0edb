"""What methods say of their runs: a number a row, none for rows that failed; and a tuning of one over live actors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.graphs import METHODS, load_method, zo_ranksgd
from dikast.graphs.method import Method
from dikast.jobs.heap import spare_collector
from dikast.jobs.manifest import Attempt, Manifest
from dikast.jobs.reading import Run
from tests.graphs.rlgf import scripts

OK: dict[str, Any] = {"outcome": "ok"}


@pytest.fixture(scope="module", autouse=True)
def frozen() -> Iterator[None]:
    """As within a job, which keeps the collector from what is there."""
    with spare_collector():
        yield


class Rows(Run):
    """A run of these rows."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        attempts = [Attempt(started="2026-01-01T00:00:00+00:00")]
        manifest = Manifest(graph="x", samples=1, fingerprint={}, attempts=attempts)
        super().__init__(Path("runs/x"), manifest)
        self.__dict__["given"] = [
            {"key": f"k{at}", "row": at + 1, "input": dict[str, Any](), **row} for at, row in enumerate(rows)
        ]

    def rows(self, outcomes: Any = None) -> Iterator[dict[str, Any]]:
        """All of them."""
        del outcomes
        yield from self.__dict__["given"]


def measured(method: str, name: str, *rows: dict[str, Any]) -> dict[str, float]:
    found = load_method(method).measures
    assert found is not None
    return dict(found(name)(Rows(*rows), None))


FAILED: dict[str, Any] = {"outcome": "error", "output": None}


def test_hidden_tables_accuracy_is_a_games_share_of_right_answers() -> None:
    def game(*correct: bool | None) -> dict[str, Any]:
        return {**OK, "output": {"turns": [{"correct": one} for one in correct]}}

    assert measured("hidden_tables", "accuracy", game(True, False), game(None), FAILED, game(False)) == {
        "k0": 0.5,
        "k3": 0,
    }


def test_rlgf_rewards_are_as_they_are() -> None:
    rows = [{**OK, "output": {"reward": value}} for value in (0.25, None, -3.0)]
    assert measured("rlgf", "reward", *rows, FAILED) == {"k0": 0.25, "k2": -3.0}


def test_a_judges_agreement_with_people_counts_a_missing_verdict_as_none() -> None:
    def pair(id_: str, gold: str, winner: str | None) -> dict[str, Any]:
        given = {"id": id_, "instruction": "i", "response_1": "a", "response_2": "b", "gold": gold}
        return {**OK, "input": given, "output": {"winner": winner, "votes": []}}

    rows = [pair("a", "1", "1"), pair("b", "2", "1"), pair("c", "2", None), pair("d", "", "2")]
    failed = {**pair("e", "1", None), **FAILED}
    assert measured("reviseval", "agreement", *rows, failed) == {"k0": 1, "k1": 0, "k2": 0}


@pytest.mark.parametrize(("name", "value"), [("functional", 1), ("secure", 0), ("func_secure", 0)])
def test_cweval_says_whether_a_sample_works_and_is_secure(name: str, value: int) -> None:
    last = {"verdict": "fail", "functional": True, "secure": False}
    row = {**OK, "input": {"task_id": "core.py.cwe_020_0", "sample": 0}, "output": {"first": last, "last": last}}
    assert measured("cweval", name, row, {**FAILED, "input": row["input"]}) == {"k0": value}


def test_a_method_says_which_measures_it_has() -> None:
    with_some = [name for name in METHODS if load_method(name).measures is not None]
    assert {"genqr", "hidden_tables", "reviseval", "cweval", "rlgf"} <= set(with_some)
    for name in with_some:
        method: Method = load_method(name)
        assert method.measures is not None
        with pytest.raises(UsageError):
            method.measures("no such measure")


async def test_rlgfs_own_knobs_are_tuned_by_its_reward(tmp_path: Path) -> None:
    """Over live actors: a policy that writes p, a guide that writes g, and a reward that likes the guide's letter."""
    base = scripts.context(collector="aggrevated", horizon=6)
    context = zo_ranksgd.Context(
        method="rlgf", base=base, knobs="beta,horizon=2:12", measure="reward", folder=tmp_path, seed=1
    )
    rows = [{**scripts.ROW, "id": f"r{at}"} for at in range(3)]
    graph: Any = zo_ranksgd.graph
    told = await graph.ainvoke({"id": "t", "rows": rows, "budget": 9}, context=context)
    assert told["outcome"] == "ok"
    assert [one["scored"] for one in told["trials"]] == [3] * len(told["trials"])
    assert told["value"] == max(one["value"] for one in told["trials"])
    assert {one["settings"]["horizon"] for one in told["trials"]} > {6}
