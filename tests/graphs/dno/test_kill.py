"""`dikast dno run`, killed in the middle and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

MODELS = r"""
import asyncio
import hashlib
import json
import re
from pathlib import Path

from dikast.agents.models.scripted import scripted


async def said(kind, request, text):
    asked = request.messages[-1]["content"]
    name = f"{hashlib.sha256(asked.encode()).hexdigest()[:8]} {request.sampling.seed}"
    stuck = Path("stuck").exists() and kind == "judge" and "Prompt 2" in asked
    with open("calls.txt", "a") as file:
        file.write(f"{'stuck ' if stuck else ''}{kind} {name}\n")
    if stuck:
        await asyncio.sleep(3600)
    return text


@scripted
async def student(request):
    return await said("student", request, f"Answer {request.sampling.seed}.")


@scripted
async def teacher(request):
    return await said("teacher", request, "The gold answer.")


@scripted
async def judge(request):
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n(.*)\n</", request.messages[-1]["content"])
    points = {f"answer_{place}": 6 if text == "The gold answer." else 2 for place, text in enumerate(shown, start=1)}
    return await said("judge", request, json.dumps({"reasoning": "", **points}))
"""
COMMAND = (
    *(
        "dno",
        "run",
        "--prompts",
        "prompts.jsonl",
        "--samples",
        "2",
        "-o",
        "runs/a",
        "--json",
        "--cache",
        "cache.sqlite",
    ),
    *("--solver", "scripted:kill_models:student", "--teacher", "scripted:kill_models:teacher"),
    *("--judge", "scripted:kill_models:judge"),
)
ROWS, CALLS = 3, 12
SECONDS = 300
"""For a start and twelve calls, a hundred times what they take."""


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.is_file() else []


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    rows = [{"id": str(number), "prompt": f"Prompt {number}"} for number in range(ROWS)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "stuck").touch()
    command = [sys.executable, "-m", "dikast.cli", *COMMAND]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal, until = tmp_path / "runs" / "a" / "rows.jsonl", time.monotonic() + SECONDS
    try:
        # All calls have begun, of which one hangs; the other rows are in the journal.
        while len(calls(tmp_path)) < CALLS or not journal.is_file() or journal.read_text().count("\n") < ROWS - 1:
            assert time.monotonic() < until, calls(tmp_path)
            assert process.poll() is None, calls(tmp_path)
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = calls(tmp_path)
    assert sum(line.startswith("stuck") for line in before) == 1
    (tmp_path / "stuck").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["pairs"]["teacher>student"]) == (ROWS, 2 * ROWS)
    counts = Counter(line.removeprefix("stuck ") for line in calls(tmp_path))
    [stuck] = [line.removeprefix("stuck ") for line in before if line.startswith("stuck")]
    assert counts.pop(stuck) == 2
    assert len(counts) == CALLS - 1
    assert set(counts.values()) == {1}
