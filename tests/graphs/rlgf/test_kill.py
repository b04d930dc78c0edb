"""`dikast rlgf run`, killed in the middle and given again: no call that was answered is made twice."""

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
from pathlib import Path

from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.graphs.rewards import rewarding


async def said(kind, request):
    asked = request.messages[-1]["content"]
    scored = request.completion is not None
    stuck = Path("stuck").exists() and scored and "Prompt 2" in asked and request.completion[0] == ord("g")
    with open("calls.txt", "a") as file:
        name = f"{kind} {asked} {request.sampling.seed} {request.prefix} {request.completion}"
        file.write(f"{'stuck ' if stuck else ''}{name}\n")
    if stuck:
        await asyncio.sleep(3600)
    ids = request.completion if scored else (ord(kind[0]),) * request.sampling.max_tokens
    text = "".join(map(chr, ids))
    if scored:
        return Reply(text, "scored", 1, 0, logprobs=tuple(TokenLogprob(chr(id_), -1.0) for id_ in ids), tokens=ids)
    return Reply(text, "length", 1, len(ids), tokens=ids)


@scripted
async def policy(request):
    return await said("policy", request)


@scripted
async def guide(request):
    return await said("guide", request)


@rewarding
def length(prompt, text, reference):
    return float(len(text))
"""
COMMAND = (
    *("rlgf", "run", "--prompts", "prompts.jsonl", "--texts", "3", "-o", "runs/a", "--json", "--cache", "c.sqlite"),
    *("--solver", "scripted:kill_models:policy", "--guide", "scripted:kill_models:guide", "--horizon", "6"),
    *("--reward", "function:kill_models:length", "--beta", "1"),
)
ROWS, SAMPLES = 3, 3
SECONDS = 300


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
        # The rows of the first two prompts are in the journal, and a call of the third hangs.
        while not any(line.startswith("stuck") for line in calls(tmp_path)) or (
            not journal.is_file() or journal.read_text().count("\n") < (ROWS - 1) * SAMPLES
        ):
            assert time.monotonic() < until, calls(tmp_path)
            assert process.poll() is None, calls(tmp_path)
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = calls(tmp_path)
    stuck = {line.removeprefix("stuck ") for line in before if line.startswith("stuck")}
    (tmp_path / "stuck").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["failed"], told["reward"], told["masked_share"]) == (ROWS * SAMPLES, 0, 6.0, 1.0)
    counts = Counter(line.removeprefix("stuck ") for line in calls(tmp_path))
    answered = Counter(line for line in before if not line.startswith("stuck"))
    assert answered
    assert all(counts[line] == 1 for line in answered if line not in stuck)
    assert stuck
    assert all(counts[line] == 2 for line in stuck)
