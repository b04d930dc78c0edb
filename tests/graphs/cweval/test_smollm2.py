"""A real, small model writes code for three tasks: badly, and how badly is in the result."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dikast.agents.models.request import Sampling
from dikast.graphs import cweval
from dikast.graphs.cweval.measured import measured_of_run
from dikast.jobs import Run, run

SECONDS = 300.0
TASKS = ("core.py.cwe_022_100", "core.py.cwe_089_100", "core.py.cwe_502_100")


async def test_three_tasks(smollm2: str, tmp_path: Path) -> None:
    oracle = cweval.TaskOracle(cweval.OWN_TASKS, kept=tmp_path / "kept")
    context = cweval.Context.model_validate(
        {"solver": smollm2, "executor": oracle, "sampling": Sampling(max_tokens=80, seed=0)}
    )
    rows = [{"task_id": name, "sample": 0} for name in TASKS]
    async with asyncio.timeout(SECONDS):
        summary = await run(cweval.graph, rows, context, tmp_path / "run")
    await oracle.aclose()
    assert summary.finished == 3
    assert set(summary.outcomes) <= {"ok", "unparsed"}
    found = measured_of_run(Run.open(tmp_path / "run"))
    print(dict(found.report.outcomes))
    assert sum(found.report.outcomes.values()) == 3
    assert "missing" not in found.report.outcomes
