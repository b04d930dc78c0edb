"""The graph of rounds, as a graph and as a job: promoted, rolled back, starved, broken off and gone on with."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast import jobs
from dikast.errors import DataError, UsageError
from dikast.graphs import looping
from dikast.graphs.drawing import mermaid
from dikast.graphs.looping import build
from dikast.jobs.stopping import INTERRUPTED
from dikast.records import Outcome
from dikast.training.rounds import told
from dikast.training.stopping import OnStep, train_stoppably
from tests.training.rounds_plan import CountingPlan


class Numbered(TypedDict):
    n: int


PLANS: dict[str, CountingPlan] = {}


class Context(BaseModel):
    folder: Path


def plan_of(context: Any, given: Mapping[str, Any]) -> CountingPlan:
    return PLANS[given["id"]]


graph = build(Context, plan_of, "loop").compile(checkpointer=False, name="loop")


async def run(plan: CountingPlan, folder: Path) -> dict[str, Any]:
    PLANS["one"] = plan
    return await graph.ainvoke({"id": "one"}, context=Context(folder=folder))


async def test_three_rounds_of_which_one_is_rolled_back(tmp_path: Path) -> None:
    result = await run(CountingPlan(worse=frozenset({2})), tmp_path)
    assert result["outcome"] == "ok"
    assert [one["promoted"] for one in result["rounds"]] == [True, False, True]
    assert [one["before"]["digest"] for one in result["rounds"]] == ["0", "1", "1"]
    assert result["policy"] == {"model": "scripted:13", "digest": "13", "round": 3}
    assert result["usage"]["judge"] == {"calls": 12}
    assert sorted(one.name for one in (tmp_path / "one").iterdir()) == ["round-01", "round-02", "round-03"]


async def test_what_is_finished_is_not_done_again(tmp_path: Path) -> None:
    first = await run(CountingPlan(), tmp_path)
    plan = CountingPlan()
    assert await run(plan, tmp_path) == first
    assert not plan.called


async def test_more_rounds_go_on_from_the_last(tmp_path: Path) -> None:
    await run(CountingPlan(rounds=1), tmp_path)
    plan = CountingPlan(rounds=2)
    result = await run(plan, tmp_path)
    assert {round_ for round_, _ in plan.called} == {2}
    assert result["policy"]["round"] == 2


@pytest.mark.parametrize("stage", ["collect", "rows", "train", "evaluate"])
async def test_broken_off_in_a_stage_the_loop_goes_on_there(tmp_path: Path, stage: str) -> None:
    plan = CountingPlan(breaks={(2, stage): DataError("full")})
    with pytest.raises(DataError, match="full"):
        await run(plan, tmp_path)
    result = await run(plan, tmp_path)
    assert result["policy"]["digest"] == "123"
    assert {place: count for place, count in plan.called.items() if count > 1} == {(2, stage): 2}


async def test_without_training_rows_the_loop_ends_and_says_so(tmp_path: Path) -> None:
    result = await run(CountingPlan(rows_in={1: 0}), tmp_path / "a")
    assert (result["outcome"], result["reason"]) == ("empty", "round 1: no training row")
    assert (result["policy"]["round"], len(result["rounds"])) == (0, 1)
    result = await run(CountingPlan(rows_in={3: 0}), tmp_path / "b")
    assert (result["outcome"], result["reason"]) == ("ok", "round 3: no training row")
    assert (result["policy"]["round"], len(result["rounds"])) == (2, 3)


def test_the_drawing_is_the_graph() -> None:
    assert mermaid(graph) in (looping.__doc__ or "")


async def test_every_stage_is_told(tmp_path: Path) -> None:
    PLANS["one"] = CountingPlan(rounds=1)
    going = graph.astream({"id": "one"}, context=Context(folder=tmp_path), stream_mode="custom")
    steps = [event["step"] async for event in going]
    assert steps == ["begin", "collect", "rows", "train", "evaluate", "decide", "finish"]


async def test_as_a_job_an_error_leaves_the_loop_owed_and_the_same_job_goes_on(tmp_path: Path) -> None:
    for error in (DataError("no teacher"), UsageError("no such model")):
        plan = PLANS["one"] = CountingPlan(breaks={(2, "train"): error})
        out = tmp_path / type(error).__name__
        context = Context(folder=out)
        with pytest.raises(type(error), match="no "):
            await jobs.run(graph, [{"id": "one"}], context, out)
        summary = await jobs.run(graph, [{"id": "one"}], context, out)
        assert summary.outcomes == {Outcome.OK: 1}
        assert plan.called[1, "train"] == 1
        assert plan.called[2, "train"] == 2


async def test_as_a_job_a_signal_in_a_stages_own_job_stops_both_and_both_go_on(tmp_path: Path) -> None:
    async def slow(state: Numbered) -> dict[str, Any]:
        if state["n"] == 1 and not (tmp_path / "sent").exists():
            (tmp_path / "sent").touch()
            os.kill(os.getpid(), signal.SIGINT)
        return {}

    inner: Any = StateGraph(Numbered).add_node("slow", slow).add_edge("__start__", "slow").compile(name="inner")

    class Collecting(CountingPlan):
        async def collect(self, at: Any, folder: Path) -> dict[str, Any]:
            return told(await jobs.run(inner, [{"n": n} for n in range(6)], None, folder, concurrency=1))

    PLANS["one"] = Collecting(rounds=1)
    context = Context(folder=tmp_path / "run")
    first = await jobs.run(graph, [{"id": "one"}], context, tmp_path / "run")
    assert (first.stopped, first.finished, first.exit_code) == (INTERRUPTED, 0, 130)
    second = await jobs.run(graph, [{"id": "one"}], context, tmp_path / "run")
    assert second.outcomes == {Outcome.OK: 1}
    [row] = jobs.Run.open(tmp_path / "run").rows()
    assert row["output"]["rounds"][0]["stages"]["collect"]["result"]["outcomes"] == {"ok": 6}


async def test_as_a_job_a_signal_in_a_training_ends_it_after_its_step_and_leaves_the_loop_owed(tmp_path: Path) -> None:
    steps, loop = list[int](), asyncio.get_running_loop()

    def train(on_step: OnStep) -> None:
        for step in range(1, 4):
            steps.append(step)
            if not (tmp_path / "sent").exists():
                (tmp_path / "sent").touch()
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(2):  # the loop hears the signal, and then tells the stage
                    asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop).result(60)
            on_step({"step": step})

    class Training(CountingPlan):
        async def train(self, at: Any, folder: Path) -> dict[str, Any]:
            await train_stoppably(train)
            return await super().train(at, folder)

    PLANS["one"] = Training(rounds=2)
    context = Context(folder=tmp_path / "run")
    first = await jobs.run(graph, [{"id": "one"}], context, tmp_path / "run")
    assert (first.stopped, first.finished, first.exit_code) == (INTERRUPTED, 0, 130)
    assert steps == [1]
    second = await jobs.run(graph, [{"id": "one"}], context, tmp_path / "run")
    assert second.outcomes == {Outcome.OK: 1}
    assert steps == [1, 1, 2, 3, 1, 2, 3]
