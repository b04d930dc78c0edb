"""A job of CWEval that writes down each reply asked for and each test run, for tests that kill it: FOLDER OUT NOTES."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection
from pathlib import Path

from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.graphs import cweval
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.verdict import Execution, Kind
from dikast.jobs import run
from tests.graphs.cweval.small import NoBox, fenced

IN_FLIGHT = 4
TASKS, SAMPLES = 8, 10


class Noting(NoBox):
    """Writes each test into a file, which a killed process leaves behind."""

    notes: Path

    async def test(self, task_id: str, program: str, kinds: Collection[Kind]) -> Execution:
        note(self.notes, f"test {task_id} {program.split('#')[1].strip()}")
        await asyncio.sleep(0.01)
        return await super().test(task_id, program, kinds)


def note(path: Path, line: str) -> None:
    """Write a line at once."""
    with path.open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


async def main(folder: str, out: str, notes: str) -> None:
    """Run the job, or go on with it."""

    async def reply(request: Request) -> str:
        name = f"{request.messages[-1]['content'].split('asked for ')[1].split()[0]} {request.sampling.seed}"
        note(Path(notes), f"reply {name}")
        await asyncio.sleep(0.01)
        return fenced(f"def double(n): ...  # {name} works safe\n")

    box = Noting({task.task_id: task for task in only_tasks(read_tasks(folder))})
    box.notes = Path(notes)
    context = cweval.Context(solver=load_solver(ScriptedModel(reply)), executor=box)
    rows = [{"task_id": name, "sample": sample} for name in box.tasks for sample in range(SAMPLES)]
    cache = RequestCache(Path(out).with_name("cache.sqlite"))
    summary = await run(cweval.graph, rows, context, Path(out), concurrency=IN_FLIGHT, cache=cache)
    print(summary.finished, summary.owed)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    os._exit(0)
