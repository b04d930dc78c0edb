"""Kill a job at random moments, go on with it, and compare with a run that nobody killed.

    .venv/bin/python benchmarks/crash.py --json [--full] [--seed N]

Each trial starts the same command (2,000 rows, 32 in flight) in a new folder, sends SIGKILL at a random moment after
the first rows have finished, gives the command again, and compares outcome and output of every row by key. Counted are
rows that are not there at the end (`lost`) and rows that both attempts did although the first had them on the disk
(`duplicated`).

Then the same over a server on loopback, killed when it has had a random number of requests, once without a request
cache and once with one: `asked_again` are the calls above one a row. What was in flight is asked again, and no more.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from tests.loopback import ECHO, Loopback

ROWS = 2000
IN_FLIGHT = 32
KILLS = 3
FULL_KILLS = 20
POLL_SECONDS = 0.001
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Verdict:
    """What the kills did."""

    seed: int
    kills: int
    lost: int
    duplicated: int
    equal: bool
    finished_at_kill: list[int]


@dataclass(frozen=True)
class Calls:
    """What a server was asked above one call a row, for each kill."""

    rows: int
    in_flight: int
    calls_at_kill: list[int]
    asked_again: list[int]


def command(out: Path, rows: int, in_flight: int, *more: str) -> list[str]:
    asked = ["--rows", str(rows), "--concurrency", str(in_flight)]
    return [sys.executable, "-m", "benchmarks.one_call", str(out), *asked, *more]


def start(out: Path, rows: int, in_flight: int, *more: str) -> subprocess.Popen[str]:
    """Start the job and return when its first rows have finished."""
    job = subprocess.Popen(command(out, rows, in_flight, *more), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    if job.stdout.readline() != "begun\n":
        raise RuntimeError(f"the job ended with {job.wait()} before its first row")
    return job


def finish(out: Path, rows: int, in_flight: int, *more: str) -> float:
    """Run the job to its end; seconds from its first rows on."""
    job = start(out, rows, in_flight, *more)
    begun = time.perf_counter()
    _, _ = job.communicate()
    if job.returncode:
        raise RuntimeError(f"the job ended with {job.returncode}")
    return time.perf_counter() - begun


def kill(out: Path, rows: int, in_flight: int, seconds: float) -> bool:
    """Start the job and kill it so many seconds after its first rows; whether it was still alive then."""
    with start(out, rows, in_flight) as job:
        try:
            job.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            job.kill()
            return True
        return False


def lines(out: Path) -> list[dict[str, Any]]:
    """The journal's whole lines, read without any of dikast's code."""
    text = (out / "rows.jsonl").read_bytes()
    return [json.loads(line) for line in text.split(b"\n")[:-1]]


def results(out: Path) -> Mapping[str, object]:
    """Outcome and output by key."""
    return {line["key"]: (line["outcome"], line["output"]) for line in lines(out)}


def crash(folder: Path, *, kills: int, seed: int, rows: int = ROWS, in_flight: int = IN_FLIGHT) -> Verdict:
    """Run the trials in a folder."""
    chance = random.Random(seed)
    seconds = finish(folder / "whole", rows, in_flight)
    expected = results(folder / "whole")
    lost = duplicated = done = 0
    equal, finished = True, list[int]()
    while done < kills:
        out = folder / f"killed-{done}"
        if not kill(out, rows, in_flight, chance.uniform(0, seconds)):
            shutil.rmtree(out)  # it was too late: the job had ended
            continue
        finished.append(len(lines(out)))
        done += 1
        finish(out, rows, in_flight)
        got = results(out)
        lost += len(expected.keys() - got.keys())
        duplicated += sum(count - 1 for count in Counter(line["key"] for line in lines(out)).values())
        equal = equal and got == expected
        print(f"kill {done}: {finished[-1]} of {rows} rows were finished", file=sys.stderr)
    return Verdict(seed, kills, lost, duplicated, equal, finished)


def crash_calls(folder: Path, *, kills: int, seed: int, rows: int, in_flight: int, cached: bool) -> Calls:
    """Kill a job over a server when it has had a random number of requests, go on with it, and count the requests."""
    chance = random.Random(seed)
    found = Calls(rows, in_flight, [], [])
    for number in range(kills):
        out = folder / f"calls-{number}{'-cached' if cached else ''}"
        with Loopback() as server:
            more = ["--model", f"server:{server.url}#{ECHO}", *(["--cache", f"{out}.sqlite"] if cached else [])]
            found.calls_at_kill.append(
                kill_after(server, chance.randrange(in_flight, rows - in_flight), out, found, more)
            )
            finish(out, rows, in_flight, *more)
            found.asked_again.append(len(server.bodies) - rows)
        whole = {line["key"] for line in lines(out) if line["outcome"] == "ok"}
        if len(whole) != rows:
            raise RuntimeError(f"{rows - len(whole)} rows are lost")
        print(f"kill at call {found.calls_at_kill[-1]}: {found.asked_again[-1]} calls again", file=sys.stderr)
    return found


def kill_after(server: Loopback, calls: int, out: Path, found: Calls, more: Sequence[str]) -> int:
    """Start the job, kill it as soon as the server has had so many requests, and return how many it had."""
    with start(out, found.rows, found.in_flight, *more) as job:
        while len(server.bodies) < calls and job.poll() is None:
            time.sleep(POLL_SECONDS)
        job.kill()
    while server.in_flight:
        time.sleep(POLL_SECONDS)
    return len(server.bodies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--full", action="store_true", help=f"{FULL_KILLS} kills instead of {KILLS}")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rows", type=Path, help="a new folder to leave the run folders in")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(2**31)
    print(f"seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.rows or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        kills = FULL_KILLS if arguments.full else KILLS
        verdict = crash(folder, kills=kills, seed=seed)
        calls = {
            name: asdict(crash_calls(folder, kills=kills, seed=seed, rows=ROWS, in_flight=IN_FLIGHT, cached=cached))
            for name, cached in (("calls", False), ("calls_with_cache", True))
        }
    print(json.dumps({**asdict(verdict), **calls, **facts("dikast", "langgraph")}))


if __name__ == "__main__":
    main()
