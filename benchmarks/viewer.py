"""What `dikast view` takes to open runs, page through them and search them, measured on the command itself.

    .venv/bin/python benchmarks/viewer.py --json [--sizes 1000,100000] [--full]

Run folders of the one-call graph are written (rows of about a kilobyte, texts of random words), `dikast view` is
started on them as a process of its own, and its pages are asked for over HTTP, one after the other.

* `index_s`: from the first request about the largest run until all of its journal is indexed.
* `open_ms.N`: the first request about a run of N rows after the server was started anew, with the index there.
* `page_ms`: a page of rows of the largest run: the first, one in the middle, sorted by a figure; the worst median.
* `filter_ms`: the same with an outcome and with words that half or a thousandth of the rows have; the worst median.
* `cpu_time`: the processor time behind `index_s`, `page_ms` and `filter_ms`, which a busy machine does not make longer.
* `rss_mb`: the most memory that the server had; `rss_growth_mb`: that of the largest run beyond the smallest.
* `read_s`: what `Run.summary` takes, which reads the largest journal once; `index_ratio` is `index_s` over it.

`--full` adds a million rows.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import facts
from dikast.jobs.files import encode
from dikast.jobs.manifest import Attempt, Manifest, now, write_manifest
from dikast.jobs.reading import Run
from dikast.viewer.index import name_of

SEED = 7
REPEATS = 7
WORDS = 4000
SAID_WORDS = 90
SIZES = (1_000, 100_000)
FULL = 1_000_000
ROOT = Path(__file__).resolve().parents[1]


def write_run(folder: Path, count: int) -> None:
    """A finished run of so many rows."""
    rng = random.Random(SEED)
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(WORDS)]
    folder.mkdir(parents=True)
    outcomes = {"ok": 0, "timeout": 0, "unparsed": 0}
    with (folder / "rows.jsonl").open("wb") as journal:
        for number in range(1, count + 1):
            outcome = rng.choices(list(outcomes), (90, 4, 6))[0]
            outcomes[outcome] += 1
            journal.write(encode(row_of(rng, words, number, outcome)))
    size = (folder / "rows.jsonl").stat().st_size
    attempt = Attempt(
        started=now(), finished=now(), asked=count, input_hash="0" * 32, outcomes=outcomes, journal_bytes=size
    )
    manifest = Manifest(graph="one_call", samples=1, fingerprint={}, attempts=[attempt])
    write_manifest(folder, manifest)


def row_of(rng: random.Random, words: list[str], number: int, outcome: str) -> dict[str, Any]:
    said = (
        " ".join(rng.choices(words, k=SAID_WORDS))
        + (" every" if number % 2 else "")
        + (" seldom" if number % 1000 == 0 else "")
    )
    usage = {"calls": 1, "input_tokens": 40, "output_tokens": rng.randint(10, 90), "seconds": 0.4}
    return {
        "key": f"{rng.getrandbits(128):032x}",
        "row": number,
        "ordinal": 0,
        "sample": 0,
        "attempt": 1,
        "outcome": outcome,
        "reason": "" if outcome == "ok" else f"it was a {outcome}",
        "seconds": round(rng.random(), 6),
        "usage": {"solver": usage},
        "input": {"id": f"q{number}", "query": " ".join(rng.choices(words, k=6))},
        "output": {"score": rng.random(), "right": rng.random() < 0.5, "said": said} if outcome == "ok" else None,
        "calls": [
            {
                "role": "solver",
                "messages": [{"role": "user", "content": "Say something."}],
                "reply": said if outcome == "ok" else "",
                "reasoning": "",
                "outcome": outcome,
                "reason": "",
                "usage": usage,
                "provenance": {
                    "model": "m",
                    "prompt": "p",
                    "seed": 0,
                    "sample": 0,
                    "finish_reason": "stop",
                    "cached": False,
                },
            }
        ],
    }


class Viewer:
    """A server that was started; asks for its pages."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        parts = urlsplit(url)
        self.process, self._connection = (
            process,
            http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=600),
        )
        self._cookie, self.cpu_ms = "", dict[str, float]()
        self._ask(f"{parts.path}?{parts.query}")

    def _ask(self, path: str) -> str:
        self._connection.request("GET", path, headers={"Cookie": self._cookie} if self._cookie else {})
        reply = self._connection.getresponse()
        body = reply.read().decode()
        if reply.status != 200:
            raise RuntimeError(f"{path}: {reply.status}: {body[:300]}")
        self._cookie = (reply.getheader("Set-Cookie") or self._cookie).partition(";")[0]
        return body

    def ask(self, path: str) -> tuple[str, float]:
        """A page, and the milliseconds that it took."""
        started = time.perf_counter()
        return self._ask(path), (time.perf_counter() - started) * 1000

    def median(self, path: str) -> float:
        """Milliseconds of a page, after one request that warms it up; the processor's are kept in `cpu_ms`."""
        self.ask(path)
        before = self.cpu_s
        found = statistics.median(self.ask(path)[1] for _ in range(REPEATS))
        self.cpu_ms[path] = (self.cpu_s - before) * 1000 / REPEATS
        return found

    @property
    def cpu_s(self) -> float:
        """Processor seconds that the server has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def peak_mb(self) -> float:
        """The most memory that the server has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(found[1]) / 1024 if found else 0.0


@contextmanager
def viewing(folder: Path, cache: Path) -> Generator[Viewer]:
    command = [sys.executable, "-m", "dikast.cli", "view", str(folder), "--port", "0", "--json"]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = os.environ | {"DIKAST_CACHE": str(cache), "PYTHONPATH": paths}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    try:
        assert process.stdout
        yield Viewer(json.loads(process.stdout.readline())["url"], process)
    finally:
        process.terminate()
        process.wait()


def index(viewer: Viewer, name: str) -> tuple[float, float]:
    """Seconds until all of a run is indexed, and those of the processor."""
    started, cpu = time.perf_counter(), viewer.cpu_s
    while "indexing:" in viewer.ask(f"/runs/{name}/rows")[0]:
        pass
    return time.perf_counter() - started, viewer.cpu_s - cpu


def measure(folder: Path, sizes: list[int]) -> dict[str, Any]:
    runs, cache = folder / "runs", folder / "cache"
    for size in sizes:
        write_run(runs / f"rows-{size}", size)
    names = {size: name_of(runs / f"rows-{size}") for size in sizes}
    largest = max(sizes)
    with viewing(runs / f"rows-{min(sizes)}", cache) as viewer:
        index(viewer, names[min(sizes)])
        viewer.median(f"/runs/{names[min(sizes)]}/rows")
        small_mb = viewer.peak_mb
    with viewing(runs, cache) as viewer:
        seconds = {size: index(viewer, name) for size, name in names.items()}
        indexing_mb = viewer.peak_mb
    opened: dict[str, float] = {}
    for size, name in names.items():
        with viewing(runs, cache) as viewer:
            text, opened[str(size)] = viewer.ask(f"/runs/{name}")
            assert f"<strong>{size:,}</strong> of {size:,}" in text
    with viewing(runs, cache) as viewer:
        rows = f"/runs/{names[largest]}/rows"
        middle = largest // 100
        pages = {
            "first": viewer.median(rows),
            "middle": viewer.median(f"{rows}?page={middle}"),
            "sorted": viewer.median(f"{rows}?sort=output.score&down=1"),
        }
        filters = {
            "outcome": viewer.median(f"{rows}?outcome=timeout"),
            "common word": viewer.median(f"{rows}?q=every"),
            "rare word": viewer.median(f"{rows}?q=seldom"),
            "outcome, word, sorted": viewer.median(f"{rows}?outcome=ok&q=every&sort=output.score"),
        }
        row = re.search(rf"/runs/{names[largest]}/rows/[0-9a-f]{{32}}", viewer.ask(rows)[0])
        story_ms = viewer.median(row[0]) if row else None
        peak_mb, cpu_ms = max(indexing_mb, viewer.peak_mb), viewer.cpu_ms
    started = time.perf_counter()
    Run.open(runs / f"rows-{largest}").summary()
    read_s = time.perf_counter() - started
    return {
        "index_s": round(seconds[largest][0], 2),
        "open_ms": {size: round(ms, 1) for size, ms in opened.items()},
        "page_ms": round(max(pages.values()), 1),
        "pages": {what: round(ms, 1) for what, ms in pages.items()},
        "filter_ms": round(max(filters.values()), 1),
        "filters": {what: round(ms, 1) for what, ms in filters.items()},
        "row_ms": story_ms and round(story_ms, 1),
        "rss_mb": round(peak_mb, 1),
        "rss_growth_mb": round(peak_mb - small_mb, 1),
        "read_s": round(read_s, 2),
        "index_ratio": round(seconds[largest][0] / read_s, 2),
        "cpu_time": {
            "index_s": round(seconds[largest][1], 2),
            "page_ms": round(max(ms for path, ms in cpu_ms.items() if "outcome" not in path and "q=" not in path), 1),
            "filter_ms": round(max(cpu_ms.values()), 1),
        },
        "journal_mb": round((runs / f"rows-{largest}" / "rows.jsonl").stat().st_size / 1e6, 1),
        "index_mb": round(sum(file.stat().st_size for file in (cache / "viewer").glob("*.sqlite")) / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="not needed: the runs are made here")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--full", action="store_true")
    chosen = parser.parse_args()
    sizes = [int(size) for size in chosen.sizes.split(",")] + ([FULL] if chosen.full else [])
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({**measure(Path(folder), sizes), **facts()}))


if __name__ == "__main__":
    main()
