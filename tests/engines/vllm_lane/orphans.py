"""A job over `vllm:` that ends, however it ends, leaves no process behind; Ctrl-C does not reach the engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest

from tests.engines.vllm_lane.conftest import START_SECONDS, wait

GONE_SECONDS = 30.0
TRACE = "DIKAST_LANE_TRACE"
JOB = """
import asyncio, signal, sys
from dikast.agents.models.load import load_model
from dikast.agents.models.request import Message, Request, Sampling

async def main():
    model = load_model(sys.argv[1])
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: print("interrupted", flush=True))
    for number in range(int(sys.argv[2])):
        messages = (Message(role="user", content=f"Say {number}."),)
        await model.complete(Request(messages, Sampling(max_tokens=2)))
        print("reply", number, flush=True)

if __name__ == "__main__":
    asyncio.run(main())
"""


def traced(mark: str) -> list[int]:
    """Ids of the living processes that descend from the job."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                if alive and f"{TRACE}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def job(spec: str, tmp_path: Path) -> Callable[[int], subprocess.Popen[str]]:
    """Starts a job of so many requests, with a mark in its environment."""

    def start(requests: int) -> subprocess.Popen[str]:
        script = tmp_path / "job.py"
        script.write_text(JOB)
        command = [sys.executable, str(script), spec, str(requests)]
        variables = os.environ | {TRACE: str(tmp_path), "PYTHONPATH": str(Path.cwd())}
        return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True, start_new_session=True)

    return start


def says(process: subprocess.Popen[str], start: str) -> None:
    assert process.stdout is not None
    watchdog = Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        for line in process.stdout:
            if line.startswith(start):
                return
    finally:
        watchdog.cancel()
    raise AssertionError(f"the job ended with {process.wait()} and never said {start!r}")


def test_job_that_ends_leaves_nothing(job: Callable[[int], subprocess.Popen[str]], tmp_path: Path) -> None:
    process = job(1)
    assert process.wait(START_SECONDS) == 0
    wait(lambda: not traced(str(tmp_path)), GONE_SECONDS)


def test_killed_job_leaves_nothing_and_ctrl_c_spares_the_engine(
    job: Callable[[int], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = job(10**6)
    says(process, "reply")
    # As a terminal sends it: to the whole process group.
    os.killpg(process.pid, signal.SIGINT)
    says(process, "interrupted")
    says(process, "reply")
    says(process, "reply")
    assert len(traced(str(tmp_path))) > 2
    process.kill()
    process.wait()
    wait(lambda: not traced(str(tmp_path)), GONE_SECONDS)


def test_job_killed_while_its_engine_starts_leaves_nothing(
    job: Callable[[int], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = job(1)
    wait(lambda: any(b"spawn_main" in command(pid) for pid in traced(str(tmp_path))), START_SECONDS)
    process.kill()
    process.wait()
    wait(lambda: not traced(str(tmp_path)), GONE_SECONDS)


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
