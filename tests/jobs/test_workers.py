"""Which worker did a row: in the journal, the progress, the summary, the manifest and `runs show`, and in no result."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from benchmarks.one_call import graph, queries
from dikast import jobs
from dikast.agents.models.limits import Limits
from dikast.cli.running import by_worker, in_short
from dikast.jobs.attempt import Done
from dikast.jobs.columns import flat
from dikast.jobs.engines import Hands, Place
from dikast.jobs.keys import Row
from dikast.jobs.manifest import read_manifest, write_manifest
from tests.cli.conftest import Cli, cli
from tests.jobs.graphs import lines, speaking

__all__ = ["cli"]


@dataclass(frozen=True)
class InTurn:
    """An engine whose workers are names: each row is done here, by the next of them."""

    names: tuple[str, ...] = ("node1/7", "node2/8")
    name: str = "ray"

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        turn = cycle(self.names)

        async def do(row: Row) -> Done:
            return await replace(place.work, worker=next(turn)).do(row)

        yield Hands(do, place.concurrency)


async def done(out: Path, count: int, **options: Any) -> jobs.Summary:
    return await jobs.run(graph, queries(count), speaking(str.upper), out, **options)


async def test_each_row_tells_its_worker_and_so_do_progress_summary_and_manifest(tmp_path: Path) -> None:
    told: list[jobs.Progress] = []
    summary = await done(tmp_path / "x", 5, engine=InTurn(), on_progress=told.append)
    assert sorted(line["worker"] for line in lines(tmp_path / "x")) == [*["node1/7"] * 3, *["node2/8"] * 2]
    assert summary.workers == told[-1].workers == {"node1/7": 3, "node2/8": 2}
    assert summary.as_dict()["workers"] == {"node1/7": 3, "node2/8": 2}
    [attempt] = read_manifest(tmp_path / "x").attempts
    assert (attempt.engine, attempt.workers) == ("ray", summary.workers)


async def test_what_this_process_does_has_no_worker(tmp_path: Path) -> None:
    summary = await done(tmp_path, 2)
    assert not summary.workers
    assert all("worker" not in line for line in lines(tmp_path))
    assert read_manifest(tmp_path).attempts[0].engine == "local"


async def test_a_row_that_a_limit_left_owed_is_nobodys(tmp_path: Path) -> None:
    summary = await done(tmp_path, 9, engine=InTurn(), limits=Limits(calls=4), concurrency=3)
    assert sum(summary.workers.values()) == summary.done == len(lines(tmp_path)) == 4


async def test_where_a_row_was_done_is_no_difference_and_in_no_data_set(tmp_path: Path) -> None:
    await done(tmp_path / "here", 3)
    await done(tmp_path / "there", 3, engine=InTurn())
    here, there = (jobs.Run.open(tmp_path / name) for name in ("here", "there"))
    assert list(jobs.diff(here, there)) == []
    assert [flat(row).keys() for row in here.rows()] == [flat(row).keys() for row in there.rows()]
    merged = jobs.merge([tmp_path / "here", tmp_path / "there"], tmp_path / "both")
    assert (merged.finished, merged.workers) == (3, {})


async def test_an_attempt_goes_on_where_another_engine_stopped(tmp_path: Path) -> None:
    first = await done(tmp_path, 6, engine=InTurn(), limits=Limits(calls=2))
    second = await done(tmp_path, 6)
    assert (first.finished, second.done, second.finished, second.workers) == (2, 4, 6, {})
    assert [attempt.engine for attempt in read_manifest(tmp_path).attempts] == ["ray", "local"]


@pytest.mark.parametrize("killed", [False, True])
async def test_runs_show_tells_who_did_what(killed: bool, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "x"
    await done(out, 3, engine=InTurn())
    if killed:
        manifest = read_manifest(out)
        manifest.attempts[0].finished, manifest.attempts[0].workers = None, {}
        write_manifest(out, manifest)
    said = cli("runs", "show", str(out)).err
    assert ("engine ray: under way, or it was killed" if killed else "engine ray: node1/7 2, node2/8 1") in said
    assert "by worker node1/7" in cli("runs", "show", str(out), "1").out


def test_many_workers_are_told_in_short() -> None:
    many = {f"node{number}/1": 100 - number for number in range(20)}
    assert by_worker(many).startswith("node0/1 100, node1/1 99, ")
    assert by_worker(many).endswith("node7/1 93, 12 more 1038")
    assert in_short(many) == "20 workers (81 to 100 rows)"
    assert in_short({"node1/1": 5}) == "1 worker"
