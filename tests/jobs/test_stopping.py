from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest

from dikast import jobs
from dikast.jobs.stopping import SIGNALS
from tests.jobs.graphs import graph_of, lines, same, values


@pytest.mark.parametrize("number", SIGNALS)
async def test_the_first_signal_drains(tmp_path: Path, number: signal.Signals) -> None:
    stopping = asyncio.Event()

    async def node(value: int) -> int:
        if value == 20:
            os.kill(os.getpid(), number)
        if value >= 20:
            await stopping.wait()  # still in flight when the signal is handled
        return value

    def tell(now: jobs.Progress) -> None:
        if now.stopping:
            stopping.set()

    before = [signal.getsignal(one) for one in SIGNALS]
    summary = await jobs.run(graph_of(node), values(100), None, tmp_path, concurrency=8, on_progress=tell)
    assert [signal.getsignal(one) for one in SIGNALS] == before
    assert (summary.stopped, summary.exit_code) == ("interrupted", 130)
    assert 21 <= summary.finished <= 29
    assert len(lines(tmp_path)) == summary.finished
    assert summary.owed == 100 - summary.finished
    again = await jobs.run(graph_of(same), values(100), None, tmp_path)
    assert (again.done, again.finished, again.exit_code) == (summary.owed, 100, 0)


async def test_the_second_signal_aborts(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        if value == 20:
            os.kill(os.getpid(), signal.SIGINT)
        if value >= 20:
            await asyncio.Event().wait()  # never
        return value

    def tell(now: jobs.Progress) -> None:
        if now.stopping and now.in_flight:
            os.kill(os.getpid(), signal.SIGTERM)

    summary = await jobs.run(graph_of(node), values(100), None, tmp_path, concurrency=8, on_progress=tell)
    assert summary.exit_code == 130
    assert 12 <= summary.finished <= 20
    assert len(lines(tmp_path)) == summary.finished
    assert (await jobs.run(graph_of(same), values(100), None, tmp_path)).finished == 100


async def test_the_second_signal_counts_where_every_row_has_started(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()  # never
        return value

    summary = await jobs.run(graph_of(node), values(2), None, tmp_path)
    assert (summary.stopped, summary.owed, summary.exit_code) == ("interrupted", 2, 130)


async def test_a_signal_that_comes_too_late_changes_nothing(tmp_path: Path) -> None:
    async def node(value: int) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            await asyncio.sleep(0)
        return value

    summary = await jobs.run(graph_of(node), values(1), None, tmp_path)
    assert (summary.stopped, summary.exit_code) == ("", 0)


def test_a_job_runs_outside_the_main_thread_too(tmp_path: Path) -> None:
    found: list[jobs.Summary] = []
    thread = threading.Thread(
        target=lambda: found.append(asyncio.run(jobs.run(graph_of(same), values(5), None, tmp_path)))
    )
    thread.start()
    thread.join()
    assert found[0].finished == 5
