"""A judging job whose judge writes down each call, for tests that kill it: FILE OUT CALLS."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dikast.agents.models.request import Sampling
from dikast.graphs.summhay.coverage.roles import Verdict, nobodys
from dikast.graphs.summhay.haystack import Insight
from dikast.graphs.summhay.judging.context import Context
from dikast.graphs.summhay.judging.graph import graph
from dikast.graphs.summhay.judging.options import Options, read_rows
from dikast.jobs import run
from dikast.records import Outcome, Usage

IN_FLIGHT = 4


@dataclass
class Noting:
    """A judge that writes each call into a file, which a killed process leaves behind."""

    calls: Path
    spec: str = "python:noting"
    batched: bool = False

    def fingerprint(self) -> dict[str, object]:
        return {"noting": 1}

    async def cover(self, bullets: Sequence[str], insights: Sequence[Insight], *, sampling: Sampling) -> list[Verdict]:
        with self.calls.open("ab", buffering=0) as file:
            file.write(f"{bullets[0]} {insights[0].insight_id}\n".encode())
        await asyncio.sleep(0.01)
        return [
            Verdict(one.insight_id, 0.0, None, "model", None, Outcome.OK, "", Usage(1), nobodys("n"))
            for one in insights
        ]


async def main(file: str, out: str, calls: str) -> None:
    context = Context(judge=Noting(Path(calls)))
    rows = list(read_rows(Options(files=[file]), context))
    summary = await run(graph, rows, context, Path(out), concurrency=IN_FLIGHT)
    print(summary.finished, summary.owed)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    os._exit(0)
