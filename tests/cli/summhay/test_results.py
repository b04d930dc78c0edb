"""`dikast summhay run`, `score`, `report`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.graphs.summhay.hay import hay

MODELS = """
from pathlib import Path

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout

CALLS = Path("calls.txt")


@scripted
def writer(request):
    with CALLS.open("a") as file:
        file.write("w")
    asked = request.messages[-1]["content"]
    if "What of the cranes?" in asked and Path("sick").exists():
        raise ModelTimeout("no reply within 1 s")
    if "What of the cranes?" in asked:
        return "- Otis built 3 cranes of steel. [3]"
    return "- The Aurora brought 40 tons of tea. [1][2]\\n- It rained for a week. [4]"


@scripted
def judge(request):
    with CALLS.open("a") as file:
        file.write("j")
    asked = request.messages[-1]["content"]
    covered = "Borealis" not in asked
    return '{"coverage": "FULL", "bullet": 1}' if covered else '{"coverage": "NO", "bullet": null}'
"""
RUN = ("summhay", "run", "--haystack", "topic.json", "--solver", "scripted:hay_models:writer", "--retriever", "full",
       "--cache", "off")  # fmt: skip
JUDGED = (*RUN, "--judge", "scripted:hay_models:judge")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "hay_models.py").write_text(MODELS)
    (tmp_path / "topic.json").write_text(json.dumps(hay()))
    return tmp_path


def test_files_are_scored_without_a_model(cli: Cli, files: Path) -> None:
    done = cli("summhay", "score", "topic.json", "--json")
    assert done.code == 0
    a, b = json.loads(done.out)["systems"]
    assert (a["system"], a["insights"], a["joint"], a["scored"], a["asked"]) == ("a", 3, 0.5, 2, 2)
    assert (b["system"], b["citation"], b["scored"], b["asked"]) == ("b", None, 1, 2)
    table = cli("summhay", "score", "topic.json", "--systems", "a")
    assert "0.500" in table.out
    assert "b:" not in table.out


def test_partly_may_be_worth_something_else(cli: Cli, files: Path) -> None:
    [a, _] = json.loads(cli("summhay", "score", "topic.json", "--partial", "0", "--json").out)["systems"]
    assert a["coverage"] == pytest.approx(1 / 3)


def test_what_cannot_be_scored_is_told_in_a_line(cli: Cli, files: Path) -> None:
    bare = hay()
    for subtopic in bare["subtopics"]:
        subtopic["eval_summaries"] = {}
    (files / "bare.json").write_text(json.dumps(bare))
    for subtopic in bare["subtopics"]:
        subtopic["summaries"] = {}
    (files / "empty.json").write_text(json.dumps(bare))
    told = {
        ("summhay", "score", "bare.json"): "no labels of its summaries",
        ("summhay", "score", "empty.json"): "no summaries",
        ("summhay", "score", "none.json"): "none.json",
        ("summhay", "score", "topic.json", "--systems", "c"): "no system 'c'",
        ("summhay", "score", "topic.json", "topic.json"): "two summaries of subtopic",
        ("summhay", "run"): "no haystack",
        (*JUDGED, "--haystack", "topic.json"): "is that of topic.json, too",
        (*JUDGED, "--subtopics", "s9"): "no subtopic 's9'",
        (*JUDGED, "--retriever", "bm26"): "ranker 'bm26' is unknown",
        (*JUDGED, "--budget", "0"): "budget",
    }
    for command, words in told.items():
        done = cli(*command)
        assert done.code in (1, 2), command
        assert words in done.err, (command, done.err)
        assert "Traceback" not in done.err


def test_a_run_is_scored_and_exported_in_the_authors_schema(cli: Cli, files: Path) -> None:
    done = cli(*JUDGED, "-o", "runs/full", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["coverage"], told["joint"], told["scored"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 2)
    [path] = (files / "runs" / "full" / "export").glob("topic_*.json")
    again = json.loads(cli("summhay", "score", str(path), "--systems", "full_hay-models:writer", "--json").out)
    for name in ("coverage", "citation", "joint", "insights", "bullets"):
        assert again["systems"][0][name] == told[name]
    [labels] = [s["eval_summaries"] for s in json.loads(path.read_text())["subtopics"] if s["subtopic_id"] == "s1"]
    assert labels["summary_subtopic_full_hay-models:writer"] == [
        {"insight_id": "i1", "coverage": "FULL_COVERAGE", "bullet_id": 1},
        {"insight_id": "i2", "coverage": "NO_COVERAGE", "bullet_id": "NA"},
    ]
    story = cli("runs", "show", "runs/full", "1")
    assert "coverage 0.500" in story.out
    assert "2 bullets of 2" in story.out


def test_the_same_command_goes_on_and_asks_nothing_twice(cli: Cli, files: Path) -> None:
    (files / "sick").touch()
    done = cli(*JUDGED, "-o", "runs/a")
    assert done.code == 3
    assert "1 scored of 2 asked (1 ok, 1 timeout)" in done.out + done.err
    before = (files / "calls.txt").read_text()
    assert cli(*JUDGED, "-o", "runs/a").code == 3
    assert (files / "calls.txt").read_text() == before
    (files / "sick").unlink()
    assert cli("runs", "retry", "runs/a").code == 0
    assert (files / "calls.txt").read_text() == before + "wj"


def test_runs_are_compared_on_a_page(cli: Cli, files: Path) -> None:
    assert cli(*JUDGED, "-o", "runs/full").code == 0
    assert cli(*JUDGED, "--retriever", "oracle", "--budget", "12", "-o", "runs/oracle").code == 0
    done = cli("summhay", "report", "runs/full", "runs/oracle", "topic.json", "-o", "page", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [one["system"] for one in told["systems"]] == ["runs/full", "runs/oracle", "a", "b"]
    assert len(told["differences"]) == 6
    assert told["systems"][0]["positions"]
    page = (files / "page" / "report.html").read_text()
    assert "paired randomisation tests" in page
    assert (files / "page" / "positions-1.svg").is_file()
    other = cli("summhay", "report", "runs/none", "-o", "page")
    assert other.code in (1, 2)
    assert "runs/none" in other.err


def test_an_estimate_asks_nobody(cli: Cli, files: Path) -> None:
    done = cli(*JUDGED, "--dry-run", "--json", "-o", "runs/never")
    told = json.loads(done.out)
    assert told["rows owed"] == 2, told
    assert not (files / "calls.txt").exists()
    assert not (files / "runs").exists()
