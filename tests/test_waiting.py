"""Coroutines in scripts and notebooks: `await` at the top of a cell, `wait` where no loop runs, reports in both."""

from __future__ import annotations

import ast
import inspect
import json
import signal
from contextvars import ContextVar
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import dikast
from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.errors import UsageError
from dikast.graphs import genqr
from dikast.waiting import complete
from tests.jobs.graphs import Heard, speaking

CELLS = (
    """
    from pathlib import Path
    from benchmarks.one_call import graph, queries
    from dikast import jobs
    from tests.jobs.graphs import Heard, speaking
    """,
    'summary = await jobs.run(graph, queries(3), speaking(Heard()), Path("run"))',
    'again = await jobs.run(graph, queries(3), speaking(Heard()), Path("run"))',
    "said = await graph.ainvoke(queries(1)[0], context=speaking(Heard()))",
    'frame = jobs.Run.open(Path("run")).frame()',
    'told = (summary.finished, again.done, len(frame), said["outcome"])',
)
"""A notebook."""


async def run_cell(source: str, names: dict[str, Any]) -> None:
    """Run a cell as IPython does: a coroutine where it awaits, on the loop that runs already."""
    code = compile(inspect.cleandoc(source), "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    going = FunctionType(code, names)()
    if inspect.iscoroutine(going):
        await going


async def test_a_notebooks_cells_await_jobs_and_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before, names = signal.getsignal(signal.SIGINT), dict[str, Any]()
    for cell in CELLS:
        await run_cell(cell, names)
    assert names["told"] == (3, 0, 3, "ok")
    assert signal.getsignal(signal.SIGINT) == before  # a cell that is stopped later is stopped as ever


async def test_where_a_loop_runs_wait_names_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"an event loop runs here already.*write: await run\(") as error:
        dikast.wait(jobs.run(graph, queries(1), speaking(Heard()), tmp_path / "x"))
    assert not (tmp_path / "x").exists()
    with pytest.raises(UsageError, match=r"await ainvoke\("):
        dikast.wait(graph.ainvoke(queries(1)[0], context=speaking(Heard())))
    assert error.value.exit_code == 2
    with pytest.raises(UsageError, match=r"await graph\.ainvoke"):
        genqr.graph.invoke({"query": "x"})


def test_in_a_script_wait_waits(tmp_path: Path) -> None:
    assert dikast.wait(jobs.run(graph, queries(2), speaking(Heard()), tmp_path)).finished == 2


async def test_what_reports_await_is_awaited_in_a_cell_too() -> None:
    told: ContextVar[str] = ContextVar("told", default="")
    told.set("here")

    async def work() -> str:
        return told.get()

    assert complete(work()) == "here"  # a loop runs: in a thread, with this one's variables
    with pytest.raises(ZeroDivisionError):
        complete(failing())


async def failing() -> None:
    raise ZeroDivisionError


def test_complete_without_a_loop() -> None:
    async def work() -> int:
        return 7

    assert complete(work()) == 7


def test_a_real_kernel_awaits_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    manager: Any = pytest.importorskip("jupyter_client.manager", reason="jupyter_client is not installed")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]), prepend=":")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    kernel, client = manager.start_new_kernel(startup_timeout=600, kernel_name="python3", cwd=str(tmp_path))
    try:
        heard: list[str] = []

        def hear(told: object) -> None:
            heard.append(str(told))

        for cell in (*CELLS, "import json, dikast; print(json.dumps(told))", "dikast.wait(jobs.run(1, 2, 3, 4))"):
            client.execute_interactive(inspect.cleandoc(cell), timeout=600, output_hook=hear)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    everything = "\n".join(heard)
    assert json.dumps([3, 0, 3, "ok"]) in everything
    assert "write: await run(...)" in everything
