"""Safety tests: coverage arrays, verdicts, and a job of generated cases against seven targets, beside the bare graph.

    python benchmarks/astral.py --data ../shared/data/evals --json [--full] [--rows FILE]

Measured, sides alternating, the first of each pair changing, the median of the ratios reported: `dikast.graphs.astral`
over a plan of the default axes, three tests a cell, times seven scripted targets, as a job with its run folder, vault,
request cache and report ÷ the same compiled graph called bare (`ainvoke`) at the same concurrency. The bare side writes
nothing. By default a part of the plan runs, so that the whole stays within five minutes; `--full` runs all of it.

`--data` is a folder with `astral/`: every `.json` there that has `oracle_reply_shapes` is read for verdicts.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from benchmarks.mutated_verdicts import mutated
from dikast import jobs
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel, scripted
from dikast.agents.solver import load_solver
from dikast.evaluation.axes import DEFAULT_AXES, Axes
from dikast.evaluation.covering import coverage, plan
from dikast.evaluation.safety.report import render
from dikast.evaluation.safety.summary import summarise
from dikast.files import write_jsonl
from dikast.graphs import astral
from dikast.graphs.astral.results import cases_of
from dikast.graphs.astral.safety_oracle import load_safety_oracle
from dikast.graphs.astral.safety_verdict import read_safety
from dikast.graphs.astral.suite import Plan, make_plan, rows_for
from dikast.graphs.astral.target import ModelTarget
from dikast.graphs.astral.vault import REFUSAL_ONLY, load_vault

TARGETS = 7
"""As many as the paper has tested."""
QUOTA = 3
"""The paper's tests a cell."""
IN_FLIGHT = 64
PAIRS = 5
SHARE = 6
"""By default every sixth case runs."""
MUTATED = 200
ARRAYS = (([14, 6, 5], 2), ([14, 6, 5], 3), ([3] * 13, 2), ([10] * 20, 2), ([20] * 10, 2), ([4] * 8, 3))
"""Numbers of values, strength: the default axes' shape, and shapes with published sizes.

Ten axes of twenty values need at least 400 tests; twenty axes of ten are the shape that is published."""
RSS_EVERY = 0.25
"""Share of the rows between two readings of the peak."""


@scripted
def writer(request: Request) -> str:
    """A test that depends on what it is asked for."""
    told = request.messages[-1]["content"]
    return f"1. What is known about case {digest(told, request.sampling.seed):x}?"


@scripted
def oracle(request: Request) -> str:
    """A verdict that depends on the reply."""
    reply = request.messages[-1]["content"]
    verdict = "unsafe" if digest(reply, 1) % 10 == 0 else "safe"
    return json.dumps({"reason": "as scripted", "verdict": verdict})


def digest(text: str, number: int | None) -> int:
    return int.from_bytes(hashlib.blake2b(f"{number} {text}".encode(), digest_size=4).digest(), "big")


class Named(ScriptedModel):
    """A scripted model with a name of its own."""

    def __init__(self, name: str) -> None:
        def answer(request: Request) -> str:
            return f"{name} says: it depends, {digest(request.messages[-1]['content'], 0)} times."

        super().__init__(answer, spec=f"scripted:benchmark:{name}")


def context(vault: str) -> astral.Context:
    targets = tuple(ModelTarget(Named(f"target{number}")) for number in range(1, TARGETS + 1))
    return astral.Context(
        targets=targets,
        oracles=(load_safety_oracle(ScriptedModel(oracle)),),
        authority={target.spec: "scripted here" for target in targets},
        generator=load_solver(ScriptedModel(writer)),
        opt_in=REFUSAL_ONLY,
        vault=load_vault(vault),
    )


def cases(full: bool) -> Plan:
    whole = make_plan(DEFAULT_AXES, strength=None, quota=QUOTA)
    return whole if full else Plan(whole.cases[::SHARE])


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


async def bounded(rows: list[Any], given: astral.Context) -> None:
    """The bare graph on all rows, `IN_FLIGHT` at a time."""
    left = iter(rows)

    async def worker() -> None:
        for row in left:
            await astral.graph.ainvoke(row, context=given, version="v2")

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


async def whole_job(rows: list[Any], folder: Path, peaks: list[float] | None = None) -> list[dict[str, Any]]:
    """The job, then its report; the journal's rows."""
    out = folder / "run"
    step = max(1, int(len(rows) * RSS_EVERY))

    def watch(progress: jobs.Progress) -> None:
        if peaks is not None and progress.finished >= (len(peaks) + 1) * step:
            peaks.append(peak_mb())

    summary = await jobs.run(
        astral.graph,
        rows,
        context(f"file:{out / 'withheld.jsonl'}"),
        out,
        cache=RequestCache(out / "generated.sqlite"),
        concurrency=IN_FLIGHT,
        on_progress=watch,
    )
    if summary.exit_code or summary.finished != len(rows):
        raise RuntimeError(f"the job went wrong: {summary}")
    done = list(jobs.Run.open(out).rows())
    found = list(cases_of(done))
    page = render(summarise(found, axes=DEFAULT_AXES), cases=found)
    (folder / "report.html").write_text(page.html, encoding="utf-8")
    return done


async def timed(work: Callable[[], Awaitable[object]], count: int) -> float:
    started = time.perf_counter()
    await work()
    return count / (time.perf_counter() - started)


async def measure_jobs(full: bool, rows_file: Path | None) -> dict[str, Any]:
    tested = cases(full)
    rows: list[Any] = list(rows_for(tested, [target.spec for target in context("nowhere").targets]))
    peaks: list[float] = []

    async def job() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return await timed(lambda: whole_job(rows, Path(folder)), len(rows))

    async def bare() -> float:
        given = context("nowhere")
        return await timed(lambda: bounded(rows, given), len(rows))

    with tempfile.TemporaryDirectory() as folder:  # warms up, and is where memory is looked at
        done = await whole_job(rows, Path(folder), peaks)
    if rows_file:
        write_jsonl(rows_file, [{name: value for name, value in row.items() if name != "calls"} for row in done])
    found: list[tuple[float, float]] = []
    for number in range(PAIRS):
        if number % 2:
            there = await bare()
            here = await job()
        else:
            here = await job()
            there = await bare()
        found.append((here, there))
        print(f"pair {number + 1}: {here:.1f} against {there:.1f} cases/s, ratio {here / there:.3f}", file=sys.stderr)
    return {
        "cases": len(tested.cases),
        "targets": TARGETS,
        "rows": len(rows),
        "whole_plan": full,
        "cases_per_s": round(statistics.median(here for here, _ in found), 1),
        "bare_cases_per_s": round(statistics.median(there for _, there in found), 1),
        "ratio": round(statistics.median(here / there for here, there in found), 4),
        "ratios": [round(here / there, 4) for here, there in found],
        "peak_rss_mb": peaks,
    }


def measure_coverage() -> dict[str, Any]:
    cells = plan(DEFAULT_AXES, strength=2)
    hit = coverage(DEFAULT_AXES, 2, cells)
    arrays: list[dict[str, Any]] = []
    for sizes, strength in ARRAYS:
        axes = Axes({f"a{i}": tuple(f"v{v}" for v in range(size)) for i, size in enumerate(sizes)})
        started = time.perf_counter()
        tests = len(plan(axes, strength=strength))
        seconds = round(time.perf_counter() - started, 2)
        arrays.append({"axes": sizes, "t": strength, "tests": tests, "seconds": seconds})
        print(f"{sizes}, t={strength}: {tests} tests, {seconds} s", file=sys.stderr)
    return {"tests": len(cells), "pairs_covered": hit.covered, "pairs": hit.total, "arrays": arrays}


def measure_verdicts(data: Path) -> dict[str, Any]:
    shapes: list[tuple[str, str]] = []
    for path in sorted((data / "astral").glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        shapes += [(shape["reply"], shape["right"]) for shape in told.get("oracle_reply_shapes", ())]
    if not shapes:
        return {"verdicts": 0, "verdicts_right": 0, "mutated": {"n": 0}, "reason": f"no oracle_reply_shapes in {data}"}
    read = [(right, read_safety(text).verdict or "unparsed") for text, right in shapes]
    changed = [(right, read_safety(text).verdict or "unparsed") for text, right in mutated(shapes, MUTATED, seed=0)]
    return {
        "verdicts": len(read),
        "verdicts_right": sum(right == said for right, said in read),
        "mutated": {
            "n": len(changed),
            "right": sum(right == said for right, said in changed),
            "unparsed": sum(right != said == "unparsed" for right, said in changed),
            "wrong": sum(said not in (right, "unparsed") for right, said in changed),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with astral/")
    parser.add_argument("--rows", type=Path, help="write the rows of one job here")
    parser.add_argument("--full", action="store_true", help="all cases, not a part of them")
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    arguments = parser.parse_args()
    found = {**measure_coverage(), **measure_verdicts(arguments.data)}
    found |= asyncio.run(measure_jobs(arguments.full, arguments.rows))
    print(json.dumps({**found, **facts("dikast", "langgraph", "datasketch")}))


if __name__ == "__main__":
    main()
