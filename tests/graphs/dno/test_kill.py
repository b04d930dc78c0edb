"""`dikast dno run`, killed in the middle and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
from pathlib import Path

from tests.killing import calls, counted, dikast, finished_rows, kill_when, run_again, stuck_calls

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
"""For a start and twelve calls, a hundred times what they take."""


def test_no_call_that_was_answered_is_made_twice(tmp_path: Path) -> None:
    (tmp_path / "kill_models.py").write_text(MODELS)
    rows = [{"id": str(number), "prompt": f"Prompt {number}"} for number in range(ROWS)]
    (tmp_path / "prompts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "stuck").touch()
    journal = tmp_path / "runs" / "a" / "rows.jsonl"
    # All calls have begun, of which one hangs; the other rows are in the journal.
    kill_when(dikast(*COMMAND), tmp_path, lambda: len(calls(tmp_path)) >= CALLS and finished_rows(journal) >= ROWS - 1)
    [stuck] = stuck_calls(calls(tmp_path))
    (tmp_path / "stuck").unlink()
    told = json.loads(run_again(dikast(*COMMAND), tmp_path))
    assert (told["rows"], told["pairs"]["teacher>student"]) == (ROWS, 2 * ROWS)
    counts = counted(calls(tmp_path))
    assert counts.pop(stuck) == 2
    assert len(counts) == CALLS - 1
    assert set(counts.values()) == {1}
