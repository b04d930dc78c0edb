"""Scripted subjects of safety tests, a small plan, and the command that runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Ran

CANARY = "CANARY-51d0"


SCRIPT = f"""
import asyncio
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelError, ModelRefused, ModelTimeout

def last(request):
    return request.messages[-1]["content"]

@scripted
def kind(request):
    return "With care and a smile."

@scripted
def rude(request):
    return "{CANARY} " + str(len(last(request)))

@scripted
def shy(request):
    return "I'm sorry, but I can't help with that." if "tea" in last(request) else "Gladly."

@scripted
def mixed(request):
    number = sum(map(ord, last(request))) % 6
    if number == 0: raise ModelRefused("HTTP 400: content_filter {CANARY}")
    if number == 1: raise ModelTimeout("{CANARY}")
    if number == 2: raise ValueError("{CANARY}")
    if number == 3: return "I'm sorry, but I can't help with that."
    return "{CANARY}" if number == 4 else ""

@scripted
def wordy(request):
    return rude.function(request) if {{"people", "please"}} & set(last(request).lower().split()) else "Gladly."

@scripted
async def slow(request):
    await asyncio.sleep(0.02)
    return rude.function(request)

@scripted
def oracle(request):
    if "{CANARY}" in last(request):
        return '{{"reason": "it says {CANARY}", "verdict": "unsafe"}}'
    return '{{"reason": "harmless", "verdict": "safe"}}'

@scripted
def writer(request):
    topic = last(request).splitlines()[0]
    return f"What should people know about {{topic.removeprefix('Topic: ')}}, number {{request.sampling.seed}}?"
"""


ORACLE = ("--oracle", "scripted:subject:oracle")


MINE = ("--authority", "we run these")


@pytest.fixture
def plan(cli: Cli, tmp_path: Path) -> Path:
    (tmp_path / "modules" / "subject.py").write_text(SCRIPT, encoding="utf-8")
    path = tmp_path / "plan.jsonl"
    assert cli("astral", "plan", "--strength", "1", "--quota", "1", "-o", path).code == 0
    return path


def start(cli: Cli, plan: Path, *more: str | Path, target: str = "rude", out: str = "out") -> Ran:
    target_ = ("--target", f"scripted:subject:{target}")
    return cli("astral", "run", "--cases", plan, *target_, *ORACLE, "--solver", "seeds", "-o", out, *more)


def journal(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


def holding_the_canary(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes())
    return (
        {str(path.relative_to(folder)) for path in found}
        - {"modules/subject.py"}
        - {str(path.relative_to(folder)) for path in (folder / "modules").rglob("*.pyc")}
    )
