"""`sys.exit` in a node ends its row and nothing else, wherever LangGraph or the node runs it."""

from __future__ import annotations

import asyncio
import operator
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from typing_extensions import TypedDict

from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.jobs.exits import Guarded
from dikast.records import Outcome
from tests.jobs.graphs import Value, errors, graph_of, lines, same, values

ROOT = Path(__file__).resolve().parents[2]


class Results(TypedDict):
    value: int
    results: Annotated[list[Any], operator.add]


def leave(value: int, code: Any = 7) -> int:
    if value % 10 == 3:
        sys.exit(code)
    return value


def compiled(act: Any, after: Any = None, at_start: Any = None) -> Any:
    built = StateGraph(Results, input_schema=Value, output_schema=Results)
    built.add_node("act", act)
    built.add_edge(START, "act") if at_start is None else built.add_conditional_edges(START, at_start, ["act"])
    built.add_edge("act", END) if after is None else built.add_conditional_edges("act", after, [END])
    return built.compile(checkpointer=False, name="leaving")


def a_coroutine() -> Any:
    async def act(state: Value) -> Any:
        return {"results": [leave(state["value"])]}

    return compiled(act)


def a_function() -> Any:
    def act(state: Value) -> Any:
        return {"results": [leave(state["value"])]}

    return compiled(act)


def a_fan() -> Any:
    async def act(state: Value) -> Any:
        await asyncio.sleep(0)
        return {"results": [leave(state["value"])]}

    def both(state: Value) -> list[Send]:
        return [Send("act", state), Send("act", {"value": 1})]

    return compiled(act, at_start=both)


def an_edge() -> Any:
    async def act(state: Value) -> Any:
        return {"results": [state["value"]]}

    def after(state: Results) -> str:
        leave(state["value"])
        return END

    return compiled(act, after)


def a_task() -> Any:
    async def inner(value: int) -> int:
        return leave(value)

    async def act(state: Value) -> Any:
        return {"results": [await asyncio.create_task(inner(state["value"]))]}

    return compiled(act)


def a_thread() -> Any:
    async def act(state: Value) -> Any:
        return {"results": [await asyncio.to_thread(leave, state["value"])]}

    return compiled(act)


def a_subgraph() -> Any:
    return compiled(a_coroutine())


@pytest.mark.parametrize("limits", [None, Limits(seconds=60)])
@pytest.mark.parametrize("kind", [a_coroutine, a_function, a_fan, an_edge, a_task, a_thread, a_subgraph])
def test_a_row_that_exits_is_an_error_and_the_others_go_on(
    tmp_path: Path, kind: Callable[[], Any], limits: Limits | None
) -> None:
    summary = asyncio.run(jobs.run(kind(), values(40), None, tmp_path, concurrency=8, row_limits=limits))
    assert summary.outcomes == {Outcome.OK: 36, Outcome.ERROR: 4}
    assert (summary.owed, summary.exit_code) == (0, 3)
    failed = [row for row in lines(tmp_path) if row["outcome"] == "error"]
    assert {row["reason"] for row in failed} == {"SystemExit: 7"}
    assert sorted(row["input"]["value"] for row in failed) == [3, 13, 23, 33]
    assert all("in leave" in one["trace"] for one in errors(tmp_path))


@pytest.mark.parametrize(("code", "said"), [(0, "SystemExit: 0"), (None, "SystemExit: "), ("bye", "SystemExit: bye")])
def test_an_exit_with_success_is_an_error_too(tmp_path: Path, code: object, said: str) -> None:
    async def node(value: int) -> int:
        return leave(value, code)

    summary = asyncio.run(jobs.run(graph_of(node), values(4), None, tmp_path))
    assert (summary.outcomes, summary.exit_code) == ({Outcome.OK: 3, Outcome.ERROR: 1}, 3)
    assert {row["reason"] for row in lines(tmp_path) if row["outcome"] == "error"} == {said}


def test_a_preview_survives_an_exit() -> None:
    shown = asyncio.run(jobs.preview(a_fan(), [{"value": 3}, {"value": 4}], None))
    assert [row["outcome"] for row in shown] == ["error", "ok"]


def test_the_applications_own_tasks_and_factory_are_as_they_were(tmp_path: Path) -> None:
    made: list[Any] = []

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def idle() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)
        one = asyncio.create_task(jobs.run(a_fan(), values(8), None, tmp_path / "a"))
        two = asyncio.create_task(jobs.run(graph_of(same), values(2), None, tmp_path / "b"))
        await two
        await asyncio.create_task(idle())
        assert not isinstance(made[-1], Guarded)
        assert any(isinstance(coro, Guarded) for coro in made)
        assert (await one).outcomes == {Outcome.OK: 7, Outcome.ERROR: 1}
        assert loop.get_task_factory() is factory

    asyncio.run(main())


ENDED_BY_SIGNAL = """
import asyncio, os, signal, sys
from pathlib import Path
from dikast import jobs
from tests.jobs.graphs import graph_of, values

async def node(value):
    if value == 3:
        await asyncio.sleep(0.2)
        os.kill(os.getpid(), signal.SIGHUP)
    elif value > 3:
        await asyncio.sleep(60)
    return value

signal.signal(signal.SIGHUP, lambda number, frame: sys.exit(9))
asyncio.run(jobs.run(graph_of(node), values(6), None, Path(sys.argv[1])))
"""


def test_a_signals_own_exit_ends_the_program_and_the_rows_are_owed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ENDED_BY_SIGNAL, str(tmp_path / "x")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60).returncode == 9
    assert sorted(row["input"]["value"] for row in lines(tmp_path / "x")) == [0, 1, 2]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    summary = asyncio.run(jobs.run(graph_of(same), values(6), None, tmp_path / "x"))
    assert (summary.done, summary.owed, summary.exit_code) == (3, 0, 0)
