"""`dikast summhay run`, killed in the middle and given again: no call that was answered is made twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.graphs.summhay.hay import hay
from tests.killing import calls, counted, dikast, finished_rows, kill_when, stuck_calls

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
"""For a start and five calls, a hundred times what they take."""


def test_no_call_that_was_answered_is_made_twice(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kill_models.py").write_text(MODELS)
    (tmp_path / "topic.json").write_text(json.dumps(hay()))
    (tmp_path / "stuck").touch()
    journal = tmp_path / "runs" / "a" / "rows.jsonl"
    # Five calls have begun, of which one hangs; the other subtopic's row is in the journal.
    kill_when(dikast(*COMMAND), tmp_path, lambda: len(calls(tmp_path)) >= 5 and finished_rows(journal) >= 1, settle=0.5)
    [stuck] = stuck_calls(calls(tmp_path))
    (tmp_path / "stuck").unlink()
    told = json.loads(cli(*COMMAND).out)
    assert (told["scored"], told["insights"]) == (2, 3)
    counts = counted(calls(tmp_path))
    assert counts.pop(stuck) == 2
    assert len(counts) == 4
    assert set(counts.values()) == {1}
