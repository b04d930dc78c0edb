"""Whatever a node does, its row has a record; beside each kind stands the public report that told of it elsewhere."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.errors import ModelRefused, ModelTimeout, ModelUnavailable, UsageError
from dikast.jobs.attempt import Work, trace_of
from dikast.jobs.keys import add_keys
from dikast.records import Outcome
from tests.jobs.graphs import Anything, Value, errors, graph_of, lines, same, values


class PanicException(BaseException):
    """As pyo3's, the base of Rust panics in tokenizers, polars and pydantic-core."""


class Wordless(Exception):
    """An exception that cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def group(*inner: BaseException) -> BaseException:
    return BaseExceptionGroup("several", [BaseExceptionGroup("inner", [*inner])])


# pyo3 #3918
@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        (PanicException("unwrap on None"), Outcome.ERROR, "PanicException: unwrap on None"),
        (group(PanicException("x")), Outcome.ERROR, "BaseExceptionGroup: several (1 sub-exception)"),
        (group(ValueError("x"), ModelTimeout("late")), Outcome.ERROR, "ExceptionGroup: several (1 sub-exception)"),
        (group(ModelTimeout("late"), ModelTimeout("later")), Outcome.TIMEOUT, "late"),
        (group(ModelRefused("no")), Outcome.FILTERED, "no"),
        (group(TimeoutError("late")), Outcome.TIMEOUT, "ExceptionGroup: several (1 sub-exception)"),
        (Wordless(), Outcome.ERROR, "Wordless: (no text: its __str__ raised RuntimeError)"),
    ],
)
async def test_a_row_has_a_record_whatever_its_node_raises(
    tmp_path: Path, error: BaseException, outcome: Outcome, said: str
) -> None:
    async def node(value: int) -> int:
        if value % 10 == 3:
            raise error
        return value

    summary = await jobs.run(graph_of(node), values(40), None, tmp_path, concurrency=8)
    assert summary.outcomes == {Outcome.OK: 36, outcome: 4}
    assert (summary.owed, summary.exit_code) == (0, 3 if outcome.failed else 0)
    assert {row["reason"] for row in lines(tmp_path) if row["outcome"] != "ok"} == {said}
    assert len(errors(tmp_path)) == (4 if outcome is Outcome.ERROR else 0)


@pytest.mark.parametrize("error", [UsageError("wrong setting"), ModelUnavailable("nobody there")])
async def test_a_setting_that_no_row_can_work_with_stops_the_job_out_of_a_group_too(
    tmp_path: Path, error: Exception
) -> None:
    async def node(value: int) -> int:
        raise group(ModelTimeout("late"), error)

    with pytest.raises(type(error), match=str(error)):
        await jobs.run(graph_of(node), values(3), None, tmp_path)
    assert lines(tmp_path) == []


async def test_a_row_whose_node_raises_generator_exit_has_a_record(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        if value % 10 == 3:
            raise GeneratorExit
        return value

    summary = await jobs.run(graph_of(node), values(40), None, tmp_path, concurrency=8)
    assert summary.outcomes == {Outcome.OK: 36, Outcome.ERROR: 4}
    assert (summary.owed, summary.exit_code) == (0, 3)
    assert {row["reason"] for row in lines(tmp_path) if row["outcome"] == "error"} == {"GeneratorExit: "}


def test_a_traceback_that_cannot_be_shown_costs_no_record() -> None:
    error = SyntaxError("bad")
    error.lineno, error.text = 1, 5  # type: ignore[assignment]  # what a program may have put there
    assert trace_of(error).startswith("SyntaxError: its traceback cannot be shown")


async def test_a_preview_survives_a_generator_exit() -> None:
    async def node(value: int) -> int:
        raise GeneratorExit

    assert [row["outcome"] for row in await jobs.preview(graph_of(node), values(2), None)] == ["error", "error"]


async def test_a_row_whose_task_is_cancelled_by_others_is_owed_and_the_exit_code_says_so(tmp_path: Path) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def node(value: int) -> int:
        if value == 3:
            for task in tasks:
                task.cancel()
            await asyncio.Event().wait()
        return value

    class Telling(Work):
        async def do(self, row: Any) -> Any:
            task = asyncio.current_task()
            if row.input["value"] == 3 and task is not None:
                tasks.append(task)
            return await super().do(row)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dikast.jobs.job.Work", Telling)
        summary = await jobs.run(graph_of(node), values(10), None, tmp_path)
    assert (summary.finished, summary.owed, summary.exit_code) == (9, 1, 3)


@pytest.mark.parametrize("panic", [PanicException("serde"), ValueError("no"), RecursionError()])
async def test_a_result_whose_serializer_fails_is_an_error(tmp_path: Path, panic: BaseException) -> None:
    from pydantic import BaseModel, model_serializer

    class Broken(BaseModel):
        @model_serializer
        def say(self) -> Any:
            raise panic

    async def node(value: int) -> object:
        return Broken() if value else 0

    summary = await jobs.run(graph_of(node), values(2), None, tmp_path)
    assert summary.outcomes == {Outcome.OK: 1, Outcome.ERROR: 1}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
async def test_a_number_that_json_does_not_have_is_null_and_the_row_says_so(tmp_path: Path, number: float) -> None:
    async def node(value: int) -> object:
        return {"scores": [1.5, number], "best": number} if value else 1.5

    summary = await jobs.run(graph_of(node), values(2), None, tmp_path)
    assert summary.outcomes == {Outcome.OK: 2}

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    text = (tmp_path / "rows.jsonl").read_text()
    one, two = sorted(
        (json.loads(line, parse_constant=refuse) for line in text.splitlines()), key=lambda row: row["row"]
    )
    assert (one["output"]["result"], one["reason"]) == (1.5, "")
    assert two["output"]["result"] == {"scores": [1.5, None], "best": None}
    assert two["reason"] == "null stands for 2 number(s) that are not finite, which JSON does not have"


class Listed(TypedDict):
    items: list[Any]
    nested: dict[str, Any]


class Told(Listed):
    seen: Any


def mutating(fails: int = 0) -> Any:
    """A graph that changes its input in place, as deep as it goes; its first calls fail."""
    calls: list[int] = []

    async def act(state: Listed) -> dict[str, Any]:
        seen = json.loads(json.dumps(state))
        state["items"].append("more")
        state["nested"]["deep"][0]["x"] = "changed"
        calls.append(1)
        if len(calls) <= fails:
            raise ValueError("not yet")
        return {"seen": seen}

    built = StateGraph(Told, input_schema=Listed, output_schema=Told)
    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    return built.compile(checkpointer=False, name="mutating")


# langgraph #8314
async def test_a_row_is_what_it_was_in_every_sample_and_in_the_record(tmp_path: Path) -> None:
    given: list[Any] = [{"items": [n], "nested": {"deep": [{"x": n}]}} for n in range(2)]
    before = json.loads(json.dumps(given))
    graph = mutating()
    await jobs.run(graph, given, None, tmp_path, samples=3)
    assert given == before
    for row in lines(tmp_path):
        assert row["input"] == before[row["row"] - 1]
        assert row["output"]["seen"] == before[row["row"] - 1]
    assert (await jobs.run(graph, given, None, tmp_path, samples=3)).done == 0


async def test_a_retry_sends_what_the_first_attempt_was_sent(tmp_path: Path) -> None:
    given = [{"items": ["a"], "nested": {"deep": [{"x": 1}]}}]
    graph = mutating(fails=1)
    assert (await jobs.run(graph, given, None, tmp_path)).failed == 1
    await jobs.retry(graph, None, tmp_path)
    (row,) = jobs.Run.open(tmp_path).rows()
    assert (row["outcome"], row["output"]["seen"]) == ("ok", given[0])


def test_samples_share_nothing() -> None:
    one, two = add_keys([{"a": [{"b": [1]}]}], 2)
    one.input["a"][0]["b"].append(2)
    assert two.input == {"a": [{"b": [1]}]}


# inspect_ai pull request 818
async def test_a_rows_time_limit_ends_a_node_that_makes_no_call(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        if value == 3:
            await asyncio.Event().wait()  # never
        return value

    summary = await jobs.run(graph_of(node), values(5), None, tmp_path, row_limits=Limits(seconds=1))
    assert summary.outcomes == {Outcome.OK: 4, Outcome.TIMEOUT: 1}
    assert summary.exit_code == 3
    (late,) = (row for row in lines(tmp_path) if row["outcome"] == "timeout")
    assert (late["row"], late["reason"]) == (4, "the row's limit of 1 seconds is used up")


async def test_a_rows_time_limit_ends_a_node_that_is_an_ordinary_function(tmp_path: Path) -> None:
    released = threading.Event()
    summary = await jobs.run(waiting(released), values(2), None, tmp_path, row_limits=Limits(seconds=1))
    released.set()
    assert summary.outcomes == {Outcome.TIMEOUT: 2}


def waiting(released: threading.Event) -> Any:
    """A graph whose node is an ordinary function and waits."""
    built = StateGraph(Anything, input_schema=Value, output_schema=Anything)

    def act(state: Value) -> dict[str, Any]:
        released.wait()
        return {"result": state["value"]}

    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    return built.compile(checkpointer=False, name="waiting")


async def test_a_node_that_does_not_stop_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dikast.jobs.attempt.STOP_SECONDS", 0.1)
    released = asyncio.Event()
    nodes: list[asyncio.Task[Any] | None] = []

    async def node(value: int) -> int:
        nodes.append(asyncio.current_task())
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return value

    summary = await jobs.run(graph_of(node), values(1), None, tmp_path / "a", row_limits=Limits(seconds=0))
    assert summary.outcomes == {Outcome.TIMEOUT: 1}
    summary = await jobs.run(graph_of(node), values(1), None, tmp_path / "b", limits=Limits(seconds=0.1))
    assert (summary.owed, summary.stopped) == (1, "the run's limit of 0.1 seconds is used up")
    released.set()
    await asyncio.wait([task for task in nodes if task is not None])
    assert lines(tmp_path / "b") == []


async def test_the_runs_time_limit_ends_rows_that_make_no_call_and_they_stay_owed(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        if value:
            await asyncio.Event().wait()  # never
        return value

    summary = await jobs.run(graph_of(node), values(3), None, tmp_path, limits=Limits(seconds=1))
    assert (summary.finished, summary.owed, summary.exit_code) == (1, 2, 3)
    assert summary.stopped == "the run's limit of 1 seconds is used up"
    assert (await jobs.run(graph_of(same), values(3), None, tmp_path)).owed == 0
