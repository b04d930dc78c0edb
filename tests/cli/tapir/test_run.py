"""`dikast tapir run`, as a user types it: measured, given again, exported, with another threshold."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Ran

MODELS = """
import json
from pathlib import Path

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout


def note(who):
    with Path("calls.txt").open("a") as file:
        file.write(who + "\\n")


@scripted
def student(request):
    note("student")
    if "three" in request.messages[-1]["content"] and Path("sick").exists():
        raise ModelTimeout("no reply within 1 s")
    return "I do not know"


@scripted
def judge(request):
    form = request.structured
    if form.choice:
        note("classifier")
        return "Math"
    note("judge")
    asked, _, answers = request.messages[-1]["content"].partition("The first answer:")
    if "two" in asked:
        return "both are fine"
    lead = 7 if "one" in asked else 1
    better, worse = 2 + lead, 2
    first_is_students = "I do not know" in answers.partition("The second answer:")[0]
    points = (worse, better) if first_is_students else (better, worse)
    return json.dumps({"reason": "so", "first": points[0], "second": points[1]})
"""
ROWS = [
    {"id": "a", "instruction": "Say one.", "answer": "one", "task": "Law"},
    {"id": "b", "instruction": "Say two.", "answer": "two"},
    {"id": "c", "instruction": "Say three.", "answer": "three"},
]
RUN = ("tapir", "run", "--instructions", "rows.jsonl", "--solver", "scripted:tapir_models:student", "--judge",
       "scripted:tapir_models:judge", "-o", "runs/t", "--cache", "off")  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "tapir_models.py").write_text(MODELS)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def calls(folder: Path) -> Counter[str]:
    path = folder / "calls.txt"
    found = Counter(path.read_text().split()) if path.is_file() else Counter[str]()
    path.unlink(missing_ok=True)
    return found


def told(ran: Ran) -> dict[str, Any]:
    assert ran.code in (0, 3), ran.err
    return json.loads(ran.out)


def test_what_failed_is_done_again_and_nothing_else(cli: Cli, files: Path) -> None:
    (files / "sick").touch()
    first = cli(*RUN, "--json")
    assert first.code == 3
    assert (told(first)["scored"], told(first)["hard"], told(first)["judge"]) == (1, 1, {"unparsed": 2})
    assert calls(files) == {"student": 3, "judge": 4, "classifier": 2}
    assert cli(*RUN, "--json").code == 3
    assert calls(files) == {}
    (files / "sick").unlink()
    again = cli("runs", "retry", "runs/t", "--cache", "off", "--json")
    assert again.code == 0, again.err
    assert calls(files) == {"student": 1, "judge": 2, "classifier": 1}
    lines = (files / "runs" / "t" / "export" / "difficulties.jsonl").read_text().splitlines()
    assert [json.loads(line)["difficulty"] for line in lines] == [7, None, 1]


def test_with_a_cache_no_answered_call_is_made_twice(cli: Cli, files: Path) -> None:
    run = (*RUN[:-1], "cache.sqlite")
    (files / "sick").touch()
    assert cli(*run).code == 3
    assert calls(files) == {"student": 3, "judge": 4, "classifier": 2}
    (files / "sick").unlink()
    assert cli("runs", "retry", "runs/t", "--cache", "cache.sqlite").code == 0
    assert calls(files) == {"student": 1, "judge": 2}


def test_another_threshold_asks_nobody_and_changes_the_exports(cli: Cli, files: Path) -> None:
    assert told(cli(*RUN, "--json"))["hard"] == 1
    calls(files)
    assert told(cli(*RUN, "--threshold", "1", "--json"))["hard"] == 2
    assert calls(files) == {}
    done = cli("runs", "export", "runs/t", "--as", "hard", "-o", "rows", "--json")
    assert done.code == 0, done.err
    assert "it has no difficulty" in done.out + done.err
    # Its input is a file of instructions again.
    assert cli(*RUN[:2], "--instructions", "runs/t/export/hard.jsonl", *RUN[4:8], "--dry-run").code == 0


def test_an_estimate_a_story_and_what_comes_next(cli: Cli, files: Path) -> None:
    estimate = told(cli(*RUN, "--dry-run", "--json"))
    assert not calls(files)
    named = {name.partition(" ")[0]: calls for name, calls in estimate.items() if name.endswith("calls at most")}
    assert named == {"calls": 11, "solver": 3, "judge": 6, "classifier": 2}
    ran = cli(*RUN)
    assert "dikast tapir expand --instructions runs/t/export/hard.jsonl" in ran.out + ran.err
    shown = cli("runs", "show", "runs/t", "1")
    assert "difficulty: +7; task: Law" in shown.out


def test_what_cannot_be_is_one_line(cli: Cli, files: Path) -> None:
    for flags, part in (
        (("--weights", "1,2"), "2 weights for 32 tasks"),
        (("--columns", "question=instruction"), "no column of ours is called 'question'"),
        (("--tasks", "Math"), "tasks"),
        (("--instructions", "none.jsonl"), "no such file"),
    ):
        ran = cli(*RUN, *flags)
        assert ran.code == 2 or ran.code == 4 or ran.code == 1, (flags, ran)
        assert part in ran.err
        assert "Traceback" not in ran.err
    (files / "rows.jsonl").write_text('{"instruction": "Say one."}\n')
    ran = cli(*RUN)
    assert "row '1' has no answer" in ran.err
