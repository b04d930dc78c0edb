"""Workers that die, hang and are stopped; the journal is a local run's, row by row."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from benchmarks import one_call
from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.agents.solver import load_solver
from dikast.errors import UsageError
from dikast.jobs.engines import crew
from tests.engines.ray_lane import world
from tests.engines.ray_lane.world import lines, results, rows_of, twice, workers_below

pytestmark = pytest.mark.usefixtures("cluster")
KILLS = 3
ROWS = 400


async def spread(out: Path, rows: list[Any], workers: int = 2, **fields: Any) -> jobs.Summary:
    concurrency = fields.pop("concurrency", 8)
    made = world.Context(**fields)
    return await jobs.run(world.graph, rows, made, out, concurrency=concurrency, engine=jobs.Ray(workers=workers))


async def local(out: Path, rows: list[Any], **fields: Any) -> jobs.Summary:
    return await jobs.run(world.graph, rows, world.Context(**fields), out)


@pytest.mark.asyncio
async def test_workers_that_are_killed_lose_no_row_and_repeat_none(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}")
    chance, killed = random.Random(seed), list[int]()
    out, rows = tmp_path / "killed", rows_of(ROWS)

    async def kill() -> None:
        while len(killed) < KILLS:
            await asyncio.sleep(chance.uniform(0.05, 0.8))
            there = [pid for pid in workers_below(os.getpid()) if pid not in killed]
            if there and (out / "rows.jsonl").exists() and lines(out):
                killed.append(chance.choice(sorted(there)))
                os.kill(killed[-1], signal.SIGKILL)

    killing = asyncio.create_task(kill())
    summary = await spread(out, rows, wait=0.3)
    killing.cancel()
    await local(tmp_path / "local", rows, wait=0.0)
    assert len(killed) == KILLS
    assert (summary.exit_code, summary.owed, twice(out)) == (0, 0, [])
    assert results(out) == results(tmp_path / "local")
    assert any("died" in note for note in summary.notes)


@pytest.mark.asyncio
async def test_a_row_that_ends_its_worker_is_an_error_and_its_neighbours_are_not(tmp_path: Path) -> None:
    summary = await spread(tmp_path / "x", rows_of(60, x7="exit"), wait=0.05)
    assert (summary.outcomes, summary.exit_code) == ({"ok": 59, "error": 1}, 3)
    (poison,) = [line for line in lines(tmp_path / "x") if line["outcome"] == "error"]
    assert (poison["input"]["x"], poison["reason"]) == (7, "its worker died 3 times while it was alone there")
    assert twice(tmp_path / "x") == []


@pytest.mark.asyncio
async def test_a_worker_that_stands_still_is_ended_and_its_rows_are_done_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "PING_SECONDS", 0.5)
    monkeypatch.setattr(crew, "HANG_SECONDS", 2.0)
    stopped: list[int] = []

    async def stop() -> None:
        while not (tmp_path / "x" / "rows.jsonl").exists() or not lines(tmp_path / "x"):
            await asyncio.sleep(0.05)
        stopped.append(workers_below(os.getpid())[0])
        os.kill(stopped[0], signal.SIGSTOP)

    stopping = asyncio.create_task(stop())
    summary = await spread(tmp_path / "x", rows_of(100), wait=0.2)
    await stopping
    assert (summary.outcomes, twice(tmp_path / "x")) == ({"ok": 100}, [])
    assert any("did not answer for 2 s and was ended" in note for note in summary.notes)
    assert await asyncio.to_thread(world.left_of, stopped) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("first", ["local", "ray"])
async def test_a_run_that_is_begun_on_one_engine_is_finished_on_the_other(tmp_path: Path, first: str) -> None:
    """With a limit of 20 calls, which holds exactly over both workers."""
    context = one_call.Context(solver=load_solver("scripted:tests.engines.ray_lane.world:slow"))
    rows = one_call.queries(60)
    engines: dict[str, Any] = {"local": None, "ray": jobs.Ray(workers=2)}
    second = next(name for name in engines if name != first)

    async def go(out: str, which: str, calls: int | None) -> jobs.Summary:
        given: dict[str, Any] = {"limits": Limits(calls=calls), "engine": engines[which], "concurrency": 8}
        return await jobs.run(one_call.graph, rows, context, tmp_path / out, **given)

    begun = await go("x", first, 20)
    assert (begun.exit_code, begun.done, begun.owed) == (3, 20, 40)
    assert begun.usage["solver"].calls == 20
    assert "limit of 20 calls" in begun.stopped
    ended = await go("x", second, None)
    assert (ended.exit_code, ended.outcomes, twice(tmp_path / "x")) == (0, {"ok": 60}, [])
    await go("local", "local", None)
    assert results(tmp_path / "x") == results(tmp_path / "local")


@pytest.mark.asyncio
async def test_a_row_of_20_mb_goes_there_and_back(tmp_path: Path) -> None:
    """Five of them are more than the node's object store holds: Ray puts them on the disk meanwhile."""
    letters = "abcde"
    rows = [{"text": letter * 20_000_000 + "."} for letter in letters]
    summary = await jobs.run(world.long_graph, rows, None, tmp_path / "x", engine=jobs.Ray(workers=2))
    assert summary.outcomes == {"ok": 5}
    assert sorted(line["output"]["text"][:2] for line in lines(tmp_path / "x")) == [f".{letter}" for letter in "abcde"]


@pytest.mark.asyncio
async def test_a_cluster_without_room_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the Ray cluster has 4 CPU, 0 GPU in all; a worker is to have 1 CPU, 1 GPU"):
        await jobs.run(world.graph, rows_of(1), world.Context(), tmp_path / "x", engine=jobs.Ray(worker_gpus=1))
