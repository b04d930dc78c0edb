"""A real, small model as both tiers, which differ by how much they may say: badly, and how badly is in the report."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dikast.agents.models.request import Sampling
from dikast.graphs.duo import tiers
from dikast.graphs.duo.tiers.report import report
from dikast.jobs import Run, run

SECONDS = 300.0


async def test_two_questions(smollm2: str, tmp_path: Path) -> None:
    knobs = {"small_sampling": Sampling(max_tokens=2), "big_sampling": Sampling(max_tokens=5)}
    context = tiers.Context.model_validate({"small": smollm2, "big": smollm2, "samples": 1, **knobs})
    rows = [{"id": str(n), "question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(1, 3)]
    async with asyncio.timeout(SECONDS):
        summary = await run(tiers.graph, rows, context, tmp_path / "run")
    assert (summary.finished, dict(summary.outcomes)) == (2, {"ok": 2})
    made = Run.open(tmp_path / "run")
    for row in made.rows():
        for call in row["output"]["calls"]:
            assert call["mean_logprob"] is not None
            assert call["least_logprob"] <= call["mean_logprob"] <= 0
            assert call["output_tokens"] == (2 if call["state"] == "s" else 5)
    found = report(made, context).data
    print(found["policies"])
    assert found["rows"] == 2
    assert sum(found["replies"]["big"].values()) == 2
