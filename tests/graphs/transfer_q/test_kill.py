"""`dikast transfer-q run`, killed in the middle of a text and given again: no call that was answered is made twice."""

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
import math
from pathlib import Path

from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.graphs.rewards import rewarding


async def said(kind, request):
    asked, prefix = request.messages[-1]["content"], request.prefix
    # The second text of all, behind its third token, where a completion hangs.
    stuck = Path("stuck").exists() and "Prompt 1" in asked and len(prefix) == 4 and kind == "baseline"
    with open("calls.txt", "a") as file:
        name = f"{kind} {asked} {request.sampling.seed} {prefix} {request.completion!r}"
        file.write(f"{'stuck ' if stuck else ''}{name}\n")
    if stuck:
        await asyncio.sleep(3600)
    if request.completion is not None:
        ids = request.completion if isinstance(request.completion, tuple) else tuple(map(ord, request.completion))
        logprobs = tuple(TokenLogprob(chr(one), -1.0) for one in ids)
        return Reply("".join(map(chr, ids)), "scored", 1, 0, logprobs=logprobs, tokens=ids)
    ids = (ord("a") + (request.sampling.seed or 0) % 3,) * request.sampling.max_tokens
    top = (("\n", math.log(0.6)), ("b", math.log(0.4)))
    logprobs = tuple(TokenLogprob(chr(one), -1.0, top, (10, ord("b"))) for one in ids) if request.logprobs else None
    return Reply("".join(map(chr, ids)), "length", 1, len(ids), logprobs=logprobs, tokens=ids)


@scripted
async def solver(request):
    return await said("solver", request)


@scripted
async def baseline(request):
    return await said("baseline", request)


@rewarding
def letters(prompt, text, reference):
    return len(set(text)) / 3
"""
COMMAND = (
    *("transfer-q", "run", "--prompts", "prompts.jsonl", "-o", "runs/a", "--json", "--cache", "c.sqlite"),
    *("--solver", "scripted:kill_models:solver", "--baseline", "scripted:kill_models:baseline", "--horizon", "6"),
    *("--reward", "function:kill_models:letters", "--block", "1", "--k", "2", "--rollouts", "2", "--ends", "0"),
)
SECONDS = 300


def calls(folder: Path) -> list[str]:
    path = folder / "calls.txt"
    return path.read_text().splitlines() if path.is_file() else []


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    rows = [{"id": str(number), "prompt": f"Prompt {number}"} for number in range(2)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "stuck").touch()
    command = [sys.executable, "-m", "dikast.cli", *COMMAND]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal, until = tmp_path / "runs" / "a" / "rows.jsonl", time.monotonic() + SECONDS
    try:
        # One text is in the journal, and the other one has made some choices and hangs in the next.
        while sum(line.startswith("stuck") for line in calls(tmp_path)) < 4 or (
            not journal.is_file() or not journal.read_text().count("\n")
        ):
            assert time.monotonic() < until, calls(tmp_path)
            assert process.poll() is None, calls(tmp_path)
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = calls(tmp_path)
    stuck = {line.removeprefix("stuck ") for line in before if line.startswith("stuck")}
    answered = Counter(line for line in before if not line.startswith("stuck"))
    assert any("Prompt 1" in line for line in answered)
    (tmp_path / "stuck").unlink()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["failed"], told["ended"]) == (2, 0, {"horizon": 2})
    counts = Counter(line.removeprefix("stuck ") for line in calls(tmp_path))
    again = {line: counts[line] for line in answered if line not in stuck and counts[line] > 1}
    assert not again
    assert stuck
    assert {counts[line] for line in stuck} == {2}, counts
