"""`dikast duo tiers`, killed in the middle of a question and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

MODELS = r"""
import asyncio
import hashlib
import re
from pathlib import Path

from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted


async def said(tier, request):
    asked = request.messages[-1]["content"]
    first = int(re.search(r"(\d+) \+ 1", asked)[1])
    stuck = Path("stuck").exists() and first == 2 and tier == "big" and "of the small" in asked
    name = hashlib.sha256(asked.encode()).hexdigest()[:8]
    with open("calls.txt", "a") as file:
        file.write(f"{'stuck ' if stuck else ''}{first} {tier} {name}\n")
    if stuck:
        await asyncio.sleep(3600)
    text = f"A solution of the {tier} model.\n#### {first + (tier == 'big')}"
    return Reply(text, "stop", 20, 5, logprobs=(TokenLogprob("#", -0.1),))


@scripted
async def small(request):
    return await said("small", request)


@scripted
async def big(request):
    return await said("big", request)
"""
COMMAND = (
    *("duo", "tiers", "--questions", "q.csv", "--revise", "--samples", "1", "--cache", "cache.sqlite"),
    *("--small", "scripted:kill_models:small", "--big", "scripted:kill_models:big", "-o", "runs/a", "--json"),
)
ROWS, CALLS = 3, 18
"""Of two steps: two calls a question, and two more behind each."""
SECONDS = 300
"""For a start and eighteen calls, a hundred times what they take."""


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.is_file() else []


def kept(cache: Path) -> int:
    """How many replies a request cache holds."""
    with closing(sqlite3.connect(f"file:{cache}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM replies").fetchone()[0]


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    questions = [f"{number} + 1?,{number + 1}" for number in range(ROWS)]
    (tmp_path / "q.csv").write_text("\n".join(["question,answer", *questions]) + "\n")
    (tmp_path / "stuck").touch()
    command = [sys.executable, "-m", "dikast.cli", *COMMAND]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal, until = tmp_path / "runs" / "a" / "rows.jsonl", time.monotonic() + SECONDS
    try:
        # One call hangs at its question's second step; all others are answered, the other questions in the journal.
        while (
            len(calls(tmp_path)) < CALLS
            or kept(tmp_path / "cache.sqlite") < CALLS - 1
            or journal.read_text().count("\n") < ROWS - 1
        ):
            assert time.monotonic() < until, calls(tmp_path)
            assert process.poll() is None, calls(tmp_path)
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = calls(tmp_path)
    [stuck] = [line.removeprefix("stuck ") for line in before if line.startswith("stuck")]
    (tmp_path / "stuck").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["policies"]["small"]["right"], told["policies"]["big"]["right"]) == (ROWS, 0.0, 1.0)
    counts = Counter(line.removeprefix("stuck ") for line in calls(tmp_path))
    assert counts.pop(stuck) == 2
    assert len(counts) == CALLS - 1
    assert set(counts.values()) == {1}
