"""A cluster of two nodes, one of which is removed in the middle."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from dikast import jobs
from tests.engines.ray_lane import world
from tests.engines.ray_lane.world import lines, results, rows_of, twice, workers_below

ROWS = 300


@pytest.mark.asyncio
async def test_a_node_that_goes_takes_no_row_with_it(tmp_path: Path, cluster: Any) -> None:
    node = cluster.add_node(num_cpus=1)  # Ray wants the main thread
    out, rows = tmp_path / "x", rows_of(ROWS)

    async def remove() -> None:
        while not (out / "rows.jsonl").exists() or len(lines(out)) < 30:
            await asyncio.sleep(0.05)
        assert len(workers_below(os.getpid())) == 5
        await asyncio.to_thread(cluster.remove_node, node, allow_graceful=False)

    removing = asyncio.create_task(remove())
    made = world.Context(wait=0.4)
    summary = await jobs.run(world.graph, rows, made, out, concurrency=4, engine=jobs.Ray(workers=5))
    await removing
    await jobs.run(world.graph, rows, world.Context(), tmp_path / "local")
    assert (summary.outcomes, summary.owed, twice(out)) == ({"ok": ROWS}, 0, [])
    assert results(out) == results(tmp_path / "local")
