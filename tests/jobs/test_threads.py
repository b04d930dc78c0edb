from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph

from dikast import jobs
from dikast.jobs.threads import RowThreads, row_threads
from tests.jobs.graphs import Anything, Value, values

ROOT = Path(__file__).resolve().parents[2]


def graph_of_function(node: Any) -> Any:
    """A graph whose node is an ordinary function."""
    built = StateGraph(Anything, input_schema=Value, output_schema=Anything)

    def act(state: Value) -> dict[str, Any]:
        return {"result": node(state["value"])}

    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    return built.compile(checkpointer=False, name="function")


async def test_ordinary_functions_run_as_many_at_a_time_as_rows_may_be_in_flight(tmp_path: Path) -> None:
    together = threading.Barrier(8)  # the rows in flight at the start; more than the default executor's threads here

    def node(value: int) -> int:
        if value < 8:
            together.wait(60)
        return value

    summary = await jobs.run(graph_of_function(node), values(20), None, tmp_path, concurrency=64)
    assert summary.exit_code == 0


async def test_the_loop_gets_its_own_executor_back(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    own = ThreadPoolExecutor(1, "own")
    loop.set_default_executor(own)
    assert await asyncio.to_thread(name) == "own_0"
    with row_threads(1):
        assert (await asyncio.to_thread(name)).startswith("dikast-row-")
        with row_threads(2):
            assert (await asyncio.to_thread(name)).startswith("dikast-row-")
        assert (await asyncio.to_thread(name)).startswith("dikast-row-")
    assert await asyncio.to_thread(name) == "own_0"


async def test_jobs_on_one_loop_end_in_any_order() -> None:
    one, two = row_threads(1), row_threads(1)
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert (await asyncio.to_thread(name)).startswith("dikast-row-")
    two.__exit__(None, None, None)
    assert not (await asyncio.to_thread(name)).startswith("dikast-row-")


def name() -> str:
    return threading.current_thread().name


def test_threads_are_used_again_and_never_more_than_allowed() -> None:
    threads = RowThreads(None)
    threads.most = 3
    started: set[str] = set()
    for _ in range(50):
        for future in [threads.submit(name) for _ in range(5)]:
            started.add(future.result(60))
    assert 1 <= len(started) <= 3


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_what_a_function_raises_is_the_futures(error: BaseException) -> None:
    threads = RowThreads(None)
    threads.most = 1

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        threads.submit(fail).result(60)
    assert threads.submit(lambda: 1).result(60) == 1


def test_after_shutdown_what_waits_is_done_and_no_more_is_taken() -> None:
    threads = RowThreads(None)
    threads.most = 1
    future = threads.submit(lambda: 1)
    threads.shutdown()
    assert future.result(60) == 1
    with pytest.raises(RuntimeError, match="after shutdown"):
        threads.submit(lambda: 1)


def test_a_function_that_hangs_does_not_keep_the_program_from_ending(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys, threading; from pathlib import Path; from dikast import Limits, jobs\n"
        "from tests.jobs.test_threads import graph_of_function; from tests.jobs.graphs import values\n"
        "graph = graph_of_function(lambda value: threading.Event().wait())\n"
        "run = jobs.run(graph, values(2), None, Path(sys.argv[1]), row_limits=Limits(seconds=0.5))\n"
        "print({outcome.value: count for outcome, count in asyncio.run(run).outcomes.items()})\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "{'timeout': 2}\n"
