"""The command line, run inside the test's process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from dikast.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]

SCRIPT = """
import json
import random
import re
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout
from dikast.retrieval.sample import sample_files
from dikast.retrieval.trec import read_topics

files = sample_files()
known = json.loads(files.synonyms.read_text(encoding="utf-8"))
qids = {text: qid for qid, text in read_topics(files.topics).items()}
WORDS = sorted(set(re.findall(r"[a-z]{4,}", files.corpus.read_text(encoding="utf-8").lower())))

def query_of(request):
    return request.messages[-1]["content"].splitlines()[0].rpartition(": ")[2]

@scripted
def synonyms(request):
    return ", ".join(known[qids[query_of(request)]])

@scripted
def noise(request):
    return ", ".join(random.Random(request.messages[-1]["content"]).choices(WORDS, k=5))

@scripted
def shout(request):
    return "battery, amperage"

@scripted
def grader(request):
    relevant = "battery" in request.messages[-1]["content"]
    return json.dumps({"reason": "it is" if relevant else "it is not", "grade": 3 if relevant else 0})

@scripted
def lenient(request):
    return "[[4]]"

@scripted
def slow(request):
    raise ModelTimeout("no reply within 1 s")

@scripted
def driver(request):
    return "\\x1b[2J\\x1b]0;owned\\x07 battery"
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `dikast ARGS` in an empty folder; a module `script` with scripted models can be imported."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "script.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIKAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DIKAST_MODEL", raising=False)

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dikast", *map(str, arguments)])
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code
        captured = capsys.readouterr()
        return Ran(int(str(code or 0)), captured.out, captured.err)

    return run
