"""Pairs to judge, scripted judges, and the command that has them judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

SCRIPT = """
import re
from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout

def text_of(request):
    return "\\n".join(message["content"] for message in request.messages)

def shown(request):
    return re.findall(r"<response(?:_[ab])?-[0-9a-f]{12}>\\n(.*?)\\n</response", text_of(request), re.DOTALL)

def is_judge(request):
    return "impartial judge" in text_of(request)

@scripted
def right(request):
    if not is_judge(request):
        return "a reference"
    if request.structured:
        return '{"reasoning": "x", "winner": "%s"}' % ("A" if "good" in shown(request)[0] else "B")
    if len(shown(request)) == 1:
        return f"[[{len(shown(request)[0]) % 5 + 1}]]"
    return "[[A]]" if "good" in shown(request)[0] else "[[B]]"

@scripted
def place(request):
    return "[[A]]" if is_judge(request) else "a reference"

@scripted
def mute(request):
    return "I cannot say."

@scripted
def slow(request):
    raise ModelTimeout("no reply within 1 s")

@scripted
def odds(request):
    best, worst = ("A", "B") if "good" in shown(request)[0] else ("B", "A")
    return Reply(best, "length", 1, 1, logprobs=(TokenLogprob(best, -0.1, ((best, -0.1), (worst, -2.0))),))
"""


def pair(n: int) -> dict[str, Any]:
    """Response 1 is the better one but in every third; the better one is the longer one there."""
    a, b, better = ("a good one", "a longer bad one", 1) if n % 3 else ("bad", "so good", 2)
    return {"id": f"p{n}", "question": f"Question {n}?", "a": a, "b": b, "better": better, "annotator": 2}


PAIRS = [pair(n) for n in range(12)]


COLUMNS = "instruction=question,response_1=a,response_2=b,gold=better"


@pytest.fixture
def pairs(tmp_path: Path, cli: Cli) -> Path:
    (tmp_path / "modules" / "judges.py").write_text(SCRIPT, encoding="utf-8")
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS), encoding="utf-8")
    return path


def arguments(pairs: Path, out: str, judge: str = "right", *more: str) -> list[str]:
    models = ["--judge", f"scripted:judges:{judge}", "--solver", "scripted:judges:right"]
    return ["judge", "run", "--pairs", str(pairs), "--columns", COLUMNS, *models, "-o", out, *more]
