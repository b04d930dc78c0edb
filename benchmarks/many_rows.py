"""A job of a million rows whose workers answer at once: what the job's own process needs for rows, whoever does them.

    python benchmarks/many_rows.py --json [--count 1000000]

No graph runs and no message is sent: each row's line is ready as soon as it is asked for, which is the most that any
engine could ask of the process that feeds rows and writes the journal. Rows are read from a file of JSON lines, and
inputs are as short as can be, so that what is measured is what a row costs beside its own text.

Times are processor time, in microseconds a row, which another load does not change; `rows_per_s` is by the clock.

* `rows_per_s`, `feed_us`: feeding, tally, journal and flushes; `before_us`: before the first row, the input is read
  once, so that a bad row is told before anything runs.
* `rss_mb`: the process's memory after each tenth of the rows; `rss_growth_mb`: the last less the first;
  `peak_mb`: the most, which is at the end of the first reading; `bytes_per_row`: that less what the process had before.
* `show_us`: what `dikast runs show RUN` takes, the journal read; `row_us`: one row's story, found by its number;
  `resume_us`: the same job again, which finds nothing owed. All of them divided by the number of rows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import facts
from benchmarks.one_call import echoing, graph
from dikast import jobs
from dikast.jobs.attempt import Done
from dikast.jobs.engines import Hands, Place
from dikast.jobs.files import encode
from dikast.jobs.keys import Row
from dikast.records import Outcome

COUNT = 1_000_000
PARTS = 10
PAGE_BYTES = resource.getpagesize()
IN_FLIGHT = 256


@dataclass(frozen=True)
class Lines:
    """The rows of a file of JSON lines; gone through twice, one in memory."""

    path: Path

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Read the file once more."""
        with self.path.open("rb") as file:
            for line in file:
                yield json.loads(line)


@dataclass
class AtOnce:
    """Answers without doing anything; looks at the memory as rows pass.

    Args:
        every: Rows between two looks.
    """

    every: int
    name: str = "at_once"
    rss: list[float] = field(default_factory=list[float])
    seconds: float = 0.0
    spent: float = 0.0

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        """Nothing is to be made ready."""
        done = 0

        async def do(row: Row) -> Done:
            nonlocal done
            done += 1
            if done % self.every == 0:
                self.rss.append(rss_mb())
                print(f"{done} rows: {self.rss[-1]:.0f} MB", file=sys.stderr)
            return Done(row, Outcome.OK, line_of(row), worker="node1/1")

        began, before = time.perf_counter(), time.process_time()
        yield Hands(do, IN_FLIGHT)
        self.seconds, self.spent = time.perf_counter() - began, time.process_time() - before


def line_of(row: Row) -> bytes:
    """A row's line of the journal, as a worker sends it."""
    record: dict[str, Any] = {
        "key": row.key,
        "row": row.number,
        "ordinal": row.ordinal,
        "sample": row.sample,
        "attempt": 1,
        "outcome": "ok",
        "reason": "",
        "seconds": 0.0,
        "usage": {},
        "input": row.input,
        "output": {"text": ""},
        "calls": [],
        "worker": "node1/1",
    }
    return encode(record)


def rss_mb() -> float:
    """This process's resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def write_rows(path: Path, count: int) -> None:
    """An input of so many different rows."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f'{{"query": "{number}"}}\n' for number in range(count))


def timed(work: Any, count: int) -> float:
    """Processor microseconds of a call, by rows."""
    began = time.process_time()
    work()
    return round((time.process_time() - began) / count * 1e6, 2)


async def measure(folder: Path, count: int) -> dict[str, Any]:
    write_rows(folder / "rows.jsonl", count)
    out, rows = folder / "run", Lines(folder / "rows.jsonl")
    engine, before, began = AtOnce(max(1, count // PARTS)), rss_mb(), time.process_time()
    summary = await jobs.run(graph, rows, echoing(), out, engine=engine, concurrency=IN_FLIGHT)
    spent, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    if summary.done != count:
        raise RuntimeError(f"the job went wrong: {summary}")
    journal = (out / "rows.jsonl").stat().st_size
    return {
        "count": count,
        "rows_per_s": round(count / engine.seconds),
        "feed_us": round(engine.spent / count * 1e6, 1),
        "before_us": round((spent - engine.spent) / count * 1e6, 1),
        "rss_mb": [round(rss, 1) for rss in engine.rss],
        "rss_before_mb": round(before, 1),
        "peak_mb": round(peak, 1),
        "rss_growth_mb": round(engine.rss[-1] - engine.rss[0], 1),
        "bytes_per_row": round((peak - before) / count * 1e6, 1),
        "journal_bytes_per_row": round(journal / count, 1),
        "resume_us": round(await resume(rows, out) / count * 1e6, 1),
        "show_us": timed(lambda: jobs.Run.open(out).summary(), count),
        "row_us": timed(lambda: jobs.Run.open(out).row(str(count // 2)), count),
        **facts("dikast"),
    }


async def resume(rows: Lines, out: Path) -> float:
    """Processor seconds of the same job again."""
    began = time.process_time()
    summary = await jobs.run(graph, rows, echoing(), out, concurrency=IN_FLIGHT)
    if summary.done:
        raise RuntimeError(f"rows were done twice: {summary}")
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="ignored: the last line is always JSON")
    parser.add_argument("--full", action="store_true", help="accepted for uniformity")
    parser.add_argument("--count", type=int, default=COUNT, help="rows")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = asyncio.run(measure(Path(scratch), arguments.count))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
