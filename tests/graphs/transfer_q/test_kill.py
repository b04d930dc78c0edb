"""`dikast transfer-q run`, killed in the middle of a text and given again: no call that was answered is made twice."""

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


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    rows = [{"id": str(number), "prompt": f"Prompt {number}"} for number in range(2)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "stuck").touch()
    journal = tmp_path / "runs" / "a" / "rows.jsonl"
    # One text is in the journal, and the other one has made some choices and hangs in the next.
    kill_when(
        dikast(*COMMAND),
        tmp_path,
        lambda: len(stuck_calls(calls(tmp_path))) >= 4 and finished_rows(journal) >= 1,
    )
    before = calls(tmp_path)
    stuck, answered = set(stuck_calls(before)), answered_calls(before)
    assert any("Prompt 1" in line for line in answered)
    (tmp_path / "stuck").unlink()
    told = json.loads(run_again(dikast(*COMMAND), tmp_path))
    assert (told["rows"], told["failed"], told["ended"]) == (2, 0, {"horizon": 2})
    counts = counted(calls(tmp_path))
    again = {line: counts[line] for line in answered if line not in stuck and counts[line] > 1}
    assert not again
    assert stuck
    assert {counts[line] for line in stuck} == {2}, counts
