from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

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


async def two_jobs(tmp_path: Path, first_ends_first: bool) -> jobs.Summary:
    """Of two jobs on one loop one ends; then a signal comes: how the other one ended."""
    release, started = asyncio.Event(), asyncio.Event()

    async def short(value: int) -> int:
        await started.wait()
        return value

    async def long(value: int) -> int:
        started.set()
        await release.wait()
        return value

    def tell(now: jobs.Progress) -> None:
        if now.stopping:
            release.set()

    nodes = [short, long] if first_ends_first else [long, short]
    running = [
        asyncio.create_task(jobs.run(graph_of(node), values(100), None, tmp_path / node.__name__, on_progress=tell))
        for node in nodes
    ]
    ends, stays = running if first_ends_first else running[::-1]
    assert (await ends).owed == 0
    os.kill(os.getpid(), signal.SIGTERM)
    return await stays


# uvicorn #1579
@pytest.mark.parametrize("first_ends_first", [True, False])
async def test_of_two_jobs_on_one_loop_the_other_still_hears_signals(tmp_path: Path, first_ends_first: bool) -> None:
    before = [signal.getsignal(one) for one in SIGNALS]
    summary = await two_jobs(tmp_path, first_ends_first)
    assert (summary.stopped, summary.exit_code) == ("interrupted", 130)
    assert [signal.getsignal(one) for one in SIGNALS] == before


async def test_an_apps_handler_on_the_loop_hears_signals_during_a_job_and_after_it(tmp_path: Path) -> None:
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    try:
        summary = await jobs.run(graph_of(terminated(heard)), values(100), None, tmp_path, concurrency=4)
        assert summary.stopped == "interrupted"
        heard.clear()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 60)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def terminated(heard: asyncio.Event) -> Callable[[int], Awaitable[int]]:
    """A node that sends SIGTERM and waits until the application has heard it."""

    async def node(value: int) -> int:
        if value == 5:
            os.kill(os.getpid(), signal.SIGTERM)
            await heard.wait()
        return value

    return node


async def test_an_apps_own_handler_is_called_as_well_and_given_back(tmp_path: Path) -> None:
    heard: list[int] = []

    def handler(number: int, frame: object) -> None:
        heard.append(number)

    before = signal.signal(signal.SIGTERM, handler)
    try:
        summary = await jobs.run(graph_of(kill_at(5)), values(100), None, tmp_path, concurrency=4)
        assert (summary.stopped, heard) == ("interrupted", [signal.SIGTERM])
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_what_an_apps_handler_raises_is_raised_when_the_job_has_drained(tmp_path: Path) -> None:
    def handler(number: int, frame: object) -> None:
        raise RuntimeError("terminated")

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(RuntimeError, match="terminated"):
            await jobs.run(graph_of(kill_at(5)), values(100), None, tmp_path, concurrency=4)
    finally:
        signal.signal(signal.SIGTERM, before)
    run = jobs.Run.open(tmp_path)
    assert run.manifest.attempts[-1].stopped == "interrupted"
    assert 5 < run.summary().finished < 100


def kill_at(place: int) -> Callable[[int], Awaitable[int]]:
    """A node that sends SIGTERM at one of the values, and lets the loop hear it."""

    async def node(value: int) -> int:
        if value == place:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
        return value

    return node


async def test_a_signal_that_code_outside_python_handles_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, set_signal, set_for = signal.getsignal, signal.signal, list[int]()

    def tell(number: int) -> Any:
        return None if number == signal.SIGTERM else known(number)

    monkeypatch.setattr(signal, "getsignal", tell)

    def record(number: int, handler: Any) -> Any:
        set_for.append(number)
        return set_signal(number, handler)

    monkeypatch.setattr(signal, "signal", record)
    assert (await jobs.run(graph_of(same), values(3), None, tmp_path)).exit_code == 0
    assert set(set_for) == {signal.SIGINT}


async def test_a_handler_that_somebody_set_meanwhile_stays(tmp_path: Path) -> None:
    def handler(number: int, frame: object) -> None:
        return

    async def node(value: int) -> int:
        signal.signal(signal.SIGTERM, handler)
        return value

    before = signal.getsignal(signal.SIGTERM)
    try:
        await jobs.run(graph_of(node), values(1), None, tmp_path)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)
