"""A job on a Ray cluster of two workers on this machine, beside the same job in this process; and workers killed.

    python benchmarks/ray_engine.py --json [--full] [--seed N]        # with the extra `ray`

The cluster is started and stopped here. Rates count from the moment when the workers are ready; what comes before is
`start_s`. The two sides alternate; rates are the best of all trials, since a busy machine only ever slows them down.

* `rows_per_s_local`, `rows_per_s_ray`, `ratio`: the one-call graph over a scripted model, which takes no time.
* `cpu_ratio`: Ray's rows/s ÷ this process's where each row takes 20 ms of processor time: 2 would be free of cost.
* `cpu_ms`: processor milliseconds a row by process, which another load does not change: `job` (this process), `workers`
  (both together), `ray` (Ray's own processes), beside `local`; `cpu_ratio_quiet` is what they say of two cores that
  do nothing else: 2 cores ÷ (all that Ray's side takes a row) over 1 core ÷ (what this process takes).
* `bytes_per_row`: the messages to and from the worker; `to`, `from`.
* `kills`: workers killed by SIGKILL while they had rows, and this job once (it is finished in this process): rows that
  are not there at the end (`lost`), rows with two lines (`duplicated`), and whether outcome and output are by key those
  of a job without Ray (`equal`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.crash import ROOT, lines, results
from benchmarks.machine import facts
from benchmarks.one_call import busy, echo, echoing, graph, queries
from dikast import jobs
from dikast.agents.models.scripted import Scripted
from dikast.jobs.attempt import Done
from dikast.jobs.engines import Engine, Hands, Place
from dikast.jobs.engines.local import Local
from dikast.jobs.engines.ray import load_ray
from dikast.jobs.engines.slices import Spent
from dikast.jobs.engines.worker import Told
from dikast.jobs.keys import Row

WORKERS = 2
IN_FLIGHT = 64
"""Rows in each process."""
ROWS, BUSY_ROWS = 3000, 200
TRIALS, FULL_TRIALS = 3, 7
KILLED_ROWS, JOB_ROWS = 800, 300
KILLS, FULL_KILLS = 3, 12
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """An engine, with the time and the processor seconds that its rows took.

    Args:
        engine: Which does the rows.
        ready: How long it took to be ready, seconds.
        seconds: From then until the last row.
        spent: Processor seconds in that time, by kind of process.
    """

    engine: Engine
    ready: float = 0.0
    seconds: float = 0.0
    spent: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def name(self) -> str:
        """The engine's."""
        return self.engine.name

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        """Open the engine."""
        began = time.perf_counter()
        async with self.engine.open(place) as hands:
            ready, before = time.perf_counter(), processor_seconds()
            yield hands
            after = processor_seconds()
            self.ready, self.seconds = ready - began, time.perf_counter() - ready
        self.spent = {kind: after[kind] - before[kind] for kind in after}


def processor_seconds() -> dict[str, float]:
    """What this process and those that it started have used, by kind."""
    found: dict[str, float] = {"job": time.process_time(), "workers": 0.0, "ray": 0.0}
    processes = {int(path.name): path for path in Path("/proc").iterdir() if path.name.isdigit()}
    for pid, path in processes.items():
        if pid != os.getpid() and is_ours(pid):
            try:
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                name = (path / "cmdline").read_bytes()
            except OSError:  # it has ended since
                continue
            found["workers" if b"ray::Worker" in name else "ray"] += (int(fields[11]) + int(fields[12])) / TICKS
    return found


def is_ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
        if pid == os.getpid():
            return True
    return False


async def do_job(engine: Engine, out: Path, count: int, script: Scripted, **options: Any) -> jobs.Summary:
    """The one-call graph as a job on an engine."""
    rows = list(queries(count))
    summary = await jobs.run(graph, rows, echoing(script), out, engine=engine, concurrency=IN_FLIGHT, **options)
    if summary.exit_code or summary.finished != count:
        raise RuntimeError(f"the job went wrong: {summary}")
    return summary


async def compare(trials: int, count: int, script: Scripted, name: str) -> dict[str, Any]:
    """Both engines in turn: best rates, and the processor milliseconds of a row."""
    rates: dict[str, list[float]] = {"local": [], "ray": []}
    spent: dict[str, list[Mapping[str, float]]] = {"local": [], "ray": []}
    for number in range(trials):
        for engine in (Local(), jobs.Ray(workers=WORKERS))[:: -1 if number % 2 else 1]:
            watched = Watched(engine)
            with tempfile.TemporaryDirectory() as folder:
                await do_job(watched, Path(folder) / "run", count, script)
            rates[engine.name].append(count / watched.seconds)
            spent[engine.name].append({kind: taken / count * 1000 for kind, taken in watched.spent.items()})
            print(f"{name} {number + 1}, {engine.name}: {rates[engine.name][-1]:.1f} rows/s", file=sys.stderr)
    local = min(one["job"] for one in spent["local"])
    ray = min(spent["ray"], key=lambda one: sum(one.values()))
    return {
        "local": round(max(rates["local"]), 1),
        "ray": round(max(rates["ray"]), 1),
        "ratio": round(max(rates["ray"]) / max(rates["local"]), 3),
        "rates": {engine: [round(rate, 1) for rate in found] for engine, found in rates.items()},
        "cpu_ms": {"local": round(local, 3), **{kind: round(taken, 3) for kind, taken in ray.items()}},
        "ratio_quiet": round(WORKERS * local / sum(ray.values()), 3),
    }


async def measure_start() -> dict[str, float]:
    """Seconds until the workers are ready, Ray's own start included, and until a job of one row has ended."""
    watched, began = Watched(jobs.Ray(workers=WORKERS)), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        await do_job(watched, Path(folder) / "run", 1, echo)
    return {"ready": round(watched.ready, 2), "ended": round(time.perf_counter() - began, 2)}


class Weighed:
    """Does rows in this process, and weighs the messages that would have been sent."""

    name = "weighed"

    def __init__(self) -> None:
        self.to: list[int] = []
        self.back: list[int] = []

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        """Nothing is to be made ready."""
        work = replace(place.work, worker="name-of-a-host/12345")

        async def do(row: Row) -> Done:
            done = await work.do(row)
            spent = Spent(dict(place.ledger.usage_by_role), place.ledger.begun)
            told = Told(done.outcome, done.line, done.trace, done.fatal, done.limited, spent, False)
            self.to.append(len(pickle.dumps(row)))
            self.back.append(len(pickle.dumps(told)))
            return done

        yield Hands(do, place.concurrency)


async def weigh() -> dict[str, int]:
    """Bytes of the messages to and from a worker, a row."""
    engine = Weighed()
    with tempfile.TemporaryDirectory() as folder:
        await do_job(engine, Path(folder) / "run", IN_FLIGHT, echo)
    return {"to": round(sum(engine.to) / len(engine.to)), "from": round(sum(engine.back) / len(engine.back))}


class Killer:
    """Kills workers as a job goes on: another one whenever so many rows more have finished."""

    def __init__(self, chance: random.Random, at: list[int]) -> None:
        self.chance, self.at = chance, at
        self.killed: list[str] = []

    def __call__(self, now: jobs.Progress) -> None:
        """Look how far the job is."""
        alive = [name for name in now.workers if name not in self.killed]
        if self.at and now.finished >= self.at[0] and alive:
            name = self.chance.choice(alive)
            os.kill(int(name.rpartition("/")[2]), signal.SIGKILL)
            self.killed.append(name)
            self.at.pop(0)
            print(f"kill {len(self.killed)}: {now.finished} rows were finished", file=sys.stderr)


async def whole(folder: Path, count: int) -> Mapping[str, object]:
    """Outcome and output by key, as a job makes them that nobody kills, without Ray."""
    await do_job(Local(), folder / f"whole-{count}", count, echo)
    return results(folder / f"whole-{count}")


async def kill_workers(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """A job whose workers are killed, beside what should come of it."""
    expected = await whole(folder, KILLED_ROWS)
    chance = random.Random(seed)
    killer = Killer(chance, sorted(chance.randrange(KILLED_ROWS // 20, KILLED_ROWS * 9 // 10) for _ in range(kills)))
    began = time.perf_counter()
    await do_job(jobs.Ray(workers=WORKERS), folder / "workers", KILLED_ROWS, busy, on_progress=killer)
    return verdict(folder / "workers", expected) | {
        "kills": len(killer.killed),
        "seconds": round(time.perf_counter() - began, 1),
    }


async def kill_job(folder: Path, seed: int) -> dict[str, Any]:
    """A job on Ray that is killed itself, and finished in this process; are its workers gone?"""
    expected = await whole(folder, JOB_ROWS)
    out, chance = folder / "job", random.Random(seed)
    command = [sys.executable, "-m", "benchmarks.ray_engine", "--job", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        if job.stdout.readline() != "begun\n":
            raise RuntimeError(f"the job ended with {job.wait()} before its first row")
        await asyncio.sleep(chance.uniform(0.5, 3))
        job.kill()
    finished = lines(out)
    workers = {int(line["worker"].rpartition("/")[2]) for line in finished}
    ended = time.perf_counter()
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        await asyncio.sleep(0.1)
    took = time.perf_counter() - ended
    print(f"the job was killed at {len(finished)} rows; no worker is left {took:.1f} s later", file=sys.stderr)
    await do_job(Local(), out, JOB_ROWS, busy)
    return verdict(out, expected) | {"kills": 1, "finished": len(finished), "workers_gone_s": round(took, 2)}


def verdict(out: Path, expected: Mapping[str, object]) -> dict[str, Any]:
    """What a journal lacks, and has twice."""
    got, counts = results(out), Counter(line["key"] for line in lines(out))
    return {
        "lost": len(expected.keys() - got.keys()),
        "duplicated": sum(count - 1 for count in counts.values()),
        "equal": got == expected,
    }


async def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    trials, kills = (FULL_TRIALS, FULL_KILLS) if arguments.full else (TRIALS, KILLS)
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"seed {seed}", file=sys.stderr)
    start = await measure_start()
    weight = await weigh()
    ray = load_ray()
    ray.init("local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        quick = await compare(trials, arguments.count, echo, "no work")
        slow = await compare(trials, min(BUSY_ROWS, arguments.count), busy, "20 ms")
        workers = await kill_workers(folder, kills, seed)
    finally:
        ray.shutdown()
    job = await kill_job(folder, seed)
    return {
        "rows_per_s_local": quick["local"],
        "rows_per_s_ray": quick["ray"],
        "ratio": quick["ratio"],
        "cpu_ratio": slow["ratio"],
        "cpu_ratio_quiet": slow["ratio_quiet"],
        "start_s": start["ready"],
        "bytes_per_row": sum(weight.values()),
        "cpu_ms": {"no_work": quick["cpu_ms"], "20_ms": slow["cpu_ms"]},
        "kills": workers["kills"] + job["kills"],
        "lost": workers["lost"] + job["lost"],
        "duplicated": workers["duplicated"] + job["duplicated"],
        "equal": workers["equal"] and job["equal"],
        "seed": seed,
        "details": {"start": start, "bytes": weight, "no_work": quick, "20_ms": slow, "workers": workers, "job": job},
        **facts("dikast", "langgraph", "ray"),
    }


async def be_killed(out: Path) -> None:
    """The job that somebody else kills."""
    begun = False

    def tell(now: jobs.Progress) -> None:
        nonlocal begun
        if not begun and now.finished:
            begun = True
            print("begun", flush=True)

    await do_job(jobs.Ray(workers=WORKERS), out, JOB_ROWS, busy, on_progress=tell)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--full", action="store_true", help=f"{FULL_TRIALS} trials, {FULL_KILLS} workers killed")
    parser.add_argument("--seed", type=int, default=None, help="of the kills")
    parser.add_argument("--rows", type=Path, help="a new folder to leave the run folders of the kills in")
    parser.add_argument("--count", type=int, default=ROWS, help="rows of a job without work")
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        asyncio.run(be_killed(arguments.job))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.rows or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = asyncio.run(measure(arguments, folder))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
