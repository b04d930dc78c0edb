"""`dikast tapir rounds`, as far as a user gets without what trains."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

MODELS = """
from dikast.agents.models.scripted import scripted


@scripted
def somebody(request):
    if request.structured is None:
        return "I do not know"
    if request.structured.choice:
        return "Math"
    second = "done" in request.messages[-1]["content"].partition("The second answer:")[2]
    return '{"reason": "so", "first": %d, "second": %d}' % ((1, 9) if second else (9, 1))
"""
RUN = ("tapir", "rounds", "--instructions", "rows.jsonl", "--solver", "scripted:rounds_models:somebody", "--judge",
       "scripted:rounds_models:somebody", "-o", "runs/r", "--cache", "off", "--steps", "2", "--json")  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "rounds_models.py").write_text(MODELS)
    rows = [{"id": f"r{n}", "instruction": f"Say {n}.", "answer": f"{n} done", "task": "Math"} for n in range(20)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_an_estimate_is_of_all_rounds(cli: Cli, files: Path) -> None:
    ran = cli(*RUN, "--rounds", "2", "--dry-run")
    assert ran.code == 0, ran.err
    estimate = json.loads(ran.out)
    assert estimate["judge calls at most"] == 2 * estimate["solver calls at most"]
    assert "are held out" in ran.err
    assert not (files / "runs").exists()


def test_what_cannot_be_trained_is_told_and_what_was_measured_stays(cli: Cli, files: Path) -> None:
    ran = cli(*RUN)
    assert ran.code != 0
    assert "Traceback" not in ran.err
    measured = files / "runs" / "r" / "loop" / "round-01" / "collect" / "measured"
    assert (measured / "export" / "hard.jsonl").is_file()
    assert len((measured.parents[1] / "rows" / "rows.jsonl").read_text().splitlines()) > 0
    shown = cli("runs", "show", measured, "1")
    assert "difficulty: +8; task: Math" in shown.out, shown.err


@pytest.mark.parametrize(("flags", "part"), [
    (("--instructions", "none.jsonl"), "no such file"),
    (("--count", "2"), "need a teacher"),
    (("--weights", "1,2"), "2 weights for 32 tasks"),
    (("--hard-share", "2"), "hard-share"),
])  # fmt: skip
def test_what_cannot_be_is_one_line(cli: Cli, files: Path, flags: tuple[str, ...], part: str) -> None:
    ran = cli(*RUN, *flags)
    assert ran.code != 0
    assert part in ran.err
    assert "Traceback" not in ran.err
