"""`dikast rlgf run`, killed in the middle and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
from pathlib import Path

from tests.killing import (
    answered_calls,
    calls,
    counted,
    dikast,
    finished_rows,
    kill_when,
    run_again,
    stuck_calls,
)

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


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    rows = [{"id": str(number), "prompt": f"Prompt {number}"} for number in range(ROWS)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "stuck").touch()
    journal = tmp_path / "runs" / "a" / "rows.jsonl"
    # The rows of the first two prompts are in the journal, and a call of the third hangs.
    kill_when(
        dikast(*COMMAND),
        tmp_path,
        lambda: bool(stuck_calls(calls(tmp_path))) and finished_rows(journal) >= (ROWS - 1) * SAMPLES,
    )
    before = calls(tmp_path)
    stuck = set(stuck_calls(before))
    (tmp_path / "stuck").unlink()
    told = json.loads(run_again(dikast(*COMMAND), tmp_path))
    assert (told["rows"], told["failed"], told["reward"], told["masked_share"]) == (ROWS * SAMPLES, 0, 6.0, 1.0)
    counts, answered = counted(calls(tmp_path)), answered_calls(before)
    assert answered
    assert all(counts[line] == 1 for line in answered if line not in stuck)
    assert stuck
    assert all(counts[line] == 2 for line in stuck)
