"""`dikast summhay run`, killed in the middle and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from tests.graphs.summhay.hay import hay

MODELS = """
import asyncio
import hashlib
from pathlib import Path

from dikast.agents.models.scripted import scripted


async def said(kind, request, text):
    name = hashlib.sha256(request.messages[-1]["content"].encode()).hexdigest()[:8]
    stuck = Path("stuck").exists() and kind == "judge" and "Borealis" in request.messages[-1]["content"]
    with open("calls.txt", "a") as file:
        file.write(f"{'stuck ' if stuck else ''}{kind} {name}\\n")
    if stuck:
        await asyncio.sleep(3600)
    return text


@scripted
async def writer(request):
    cranes = "What of the cranes?" in request.messages[-1]["content"]
    return await said("writer", request, "- Otis built 3 cranes. [3]" if cranes else "- Tea came. [1]\\n- Rain. [4]")


@scripted
async def judge(request):
    return await said("judge", request, '{"coverage": "NO", "bullet": "NA"}')
"""
COMMAND = (
    *("summhay", "run", "--haystack", "topic.json", "--retriever", "full", "-o", "runs/a", "--json"),
    *("--solver", "scripted:kill_models:writer", "--judge", "scripted:kill_models:judge", "--cache", "cache.sqlite"),
)
SECONDS = 300
"""For a start and five calls, a hundred times what they take."""


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.is_file() else []


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    (tmp_path / "topic.json").write_text(json.dumps(hay()))
    (tmp_path / "stuck").touch()
    command = [sys.executable, "-m", "dikast.cli", *COMMAND]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal, until = tmp_path / "runs" / "a" / "rows.jsonl", time.monotonic() + SECONDS
    try:
        # Five calls have begun, of which one hangs; the other subtopic's row is in the journal.
        while len(calls(tmp_path)) < 5 or not journal.is_file() or not journal.read_text().endswith("\n"):
            assert time.monotonic() < until, calls(tmp_path)
            assert process.poll() is None, calls(tmp_path)
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = calls(tmp_path)
    assert sum(line.startswith("stuck") for line in before) == 1
    (tmp_path / "stuck").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["scored"], told["insights"]) == (2, 3)
    counts = Counter(line.removeprefix("stuck ") for line in calls(tmp_path))
    [stuck] = [line.removeprefix("stuck ") for line in before if line.startswith("stuck")]
    assert counts.pop(stuck) == 2
    assert len(counts) == 4
    assert set(counts.values()) == {1}
