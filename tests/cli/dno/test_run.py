"""`dikast dno run` and its exports, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli

MODELS = r"""
import json
import re

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelUnavailable


@scripted
def student(request):
    return ["7", "eight", "It is nine, I think."][request.sampling.seed % 3]


@scripted
def judge(request):
    shown = re.findall(r"<answer_\d+-[0-9a-f]+>\n(.*)\n</", request.messages[-1]["content"])
    points = {"seven": 5, "7": 6, "eight": 1, "It is nine, I think.": 2}
    return json.dumps({"reasoning": "", **{f"answer_{n}": points[text] for n, text in enumerate(shown, start=1)}})


@scripted
def mute(request):
    if "another" in request.messages[-1]["content"]:
        return "I cannot choose."
    return json.dumps({f"answer_{n}": n for n in range(1, 5)})


@scripted
def away(request):
    raise ModelUnavailable("nobody listens at port 1", hint="start the server")
"""
PROMPTS = "question,answer\nName a prime.,seven\nName another prime.,seven\n"
RUN = ("dno", "run", "--prompts", "p.csv", "--columns", "prompt=question,gold=answer", "--samples", "3", "-o", "run")
MODEL = ("--solver", "scripted:dno_models:student", "--judge", "scripted:dno_models:judge")


@pytest.fixture
def files(cli: Cli, tmp_path: Path) -> None:
    del cli  # makes the folder of modules
    (tmp_path / "modules" / "dno_models.py").write_text(MODELS)
    (tmp_path / "p.csv").write_text(PROMPTS)


def told(text: str) -> Any:
    return json.loads(text)


@pytest.mark.usefixtures("files")
def test_run_show_and_export(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, "--json")
    assert done.code == 0, done.err
    found = told(done.out)
    assert found["pairs"] == {"teacher>student": 4, "student>teacher": 2, "student>student": 4}
    assert found["win_rate"]["value"] == pytest.approx(1 / 3)
    assert {role: one["calls"] for role, one in found["summary"]["usage"].items()} == {"solver": 6, "judge": 2}
    assert "gold answer: 5 points" in cli("runs", "show", "run", "1").out
    rows = 0
    exported = cli("runs", "export", "run", "--as", "preference", "--json")
    assert exported.code == 0, exported.err
    for file in Path("run/export/preference").rglob("*.jsonl"):
        for line in file.read_text().splitlines():
            row = told(line)
            rows += 1
            assert row["chosen"][0]["content"] in ("7", "seven")
            assert row["margin"] == row["score_chosen"] - row["score_rejected"]
    assert rows == 10
    assert cli("runs", "export", "run", "--as", "sft").code == 0
    assert cli("runs", "export", "run", "--as", "value").code == 0
    assert "pairs by kind" in cli(*RUN, *MODEL).out
    assert told(cli(*RUN, *MODEL, "--scores", "residual", "--json").out)["length_slope"] is not None


@pytest.mark.usefixtures("files")
def test_a_dry_run_counts_calls(cli: Cli) -> None:
    done = cli(*RUN, *MODEL, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert told(done.out)["calls at most"] == 8
    assert not Path("run").exists()


@pytest.mark.usefixtures("files")
def test_a_judge_that_says_nothing_is_unparsed_and_no_failure(cli: Cli) -> None:
    done = cli(*RUN, *MODEL[:2], "--judge", "text+scripted:dno_models:mute", "--json")
    assert done.code == 0, done.err
    assert told(done.out)["summary"]["outcomes"] == {"ok": 1, "unparsed": 1}
    assert (told(done.out)["rows"], told(done.out)["unscored"]) == (2, 1)


@pytest.mark.usefixtures("files")
def test_what_is_wrong_is_one_line(cli: Cli) -> None:
    teacher = ("--teacher", "scripted:dno_models:away")
    Path("p.csv").write_text("question,answer\nName a prime.,\n")
    lacking = cli(*RUN, *MODEL)
    assert (lacking.code, "p.csv:2" in lacking.err, "--teacher" in lacking.err) == (1, True, True)
    away = cli(*RUN, *MODEL, *teacher)
    assert (away.code, "nobody listens" in away.err, "Traceback" in away.err) == (4, True, False)
    assert cli("dno", "run", *MODEL).code == 2
    assert cli(*RUN, *MODEL, "--student-margin", "0").code == 2
