"""`dikast cweval run`, `score`, `check`, `report`, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.evaluation.agreement import cohen_kappa
from dikast.graphs.cweval import report as reporting
from dikast.graphs.cweval.static import Finding
from tests.cli.conftest import Cli
from tests.graphs.cweval.small import BROKEN, CANARY, INSECURE, REFERENCE, TASK, TASK_ID, write_task

MODELS = f"""
from pathlib import Path

from dikast.agents.models.scripted import scripted

CALLS = Path("calls.txt")
CODES = {[REFERENCE, INSECURE, "I cannot help with that."]!r}


@scripted
def writer(request):
    with CALLS.open("a") as file:
        file.write(f"{{request.sampling.seed}}\\n")
    code = CODES[(request.sampling.seed or 0) % 3]
    return f"```python\\n{{code}}```" if "def" in code else code


@scripted
def reviser(request):
    said = request.messages[-1]["content"]
    assert {CANARY!r} not in said
    return "```python\\n" + ({INSECURE!r} if "Reviewer:" in said else {BROKEN!r}) + "```"


@scripted
def critic(request):
    assert {CANARY!r} not in request.messages[-1]["content"]
    return "It gives None."
"""
RUN = ("cweval", "run", "--tasks", "tasks", "--solver", "scripted:code_models:writer", "--samples", "3", "-o", "run")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "code_models.py").write_text(MODELS)
    return write_task(tmp_path / "tasks")


def told(text: str) -> Any:
    return json.loads(text)


def test_run_again_score_and_report(cli: Cli, files: Path) -> None:
    done = cli(*RUN, "--json")
    assert done.code == 0, done.err
    found = told(done.out)
    assert (found["asked"], found["missing"], found["func@1"]) == (3, 0, pytest.approx(2 / 3))
    assert found["func-sec@1"] == pytest.approx(1 / 3)
    assert found["verdicts"] == {"pass": 1, "fail": 1, "no_code": 1}
    assert found["summary"]["outcomes"] == {"ok": 2, "unparsed": 1}
    assert sorted(Path("calls.txt").read_text().split()) == ["0", "1", "2"]
    again = cli(*RUN, "--json")
    assert (told(again.out)["func@1"], Path("calls.txt").read_text().count("\n")) == (found["func@1"], 3)
    more = told(cli(*RUN[:-3], "6", "-o", "run", "--json").out)  # more samples are the same run
    assert (more["asked"], more["func-sec@5"] > more["func-sec@1"]) == (6, True)
    assert Path("calls.txt").read_text().count("\n") == 6

    scored = cli("cweval", "score", "run/export/samples.jsonl", "--tasks", "tasks", "-o", "scored", "--json")
    assert scored.code == 0, scored.err
    assert {name: told(scored.out)[name] for name in ("func@1", "sec@1", "func-sec@1", "asked")} == {
        name: more[name] for name in ("func@1", "sec@1", "func-sec@1", "asked")
    }
    assert told(scored.out)["folder"] == "scored"

    page = cli("cweval", "report", "run", "scored", "-o", "page", "--json")
    assert page.code == 0, page.err
    assert [one["run"] for one in told(page.out)["runs"]] == ["run", "scored"]
    assert "func-sec@k" in Path("page/report.html").read_text()
    drawn = cli("cweval", "report", "run", "-o", "page")
    assert "6 tested of 6 asked" in drawn.out
    story = cli("runs", "show", "run", "2")
    assert "functional, not secure" in story.out


def test_rounds_and_the_critic(cli: Cli, files: Path) -> None:
    run = (
        "cweval",
        "run",
        "--tasks",
        "tasks",
        "--solver",
        "scripted:code_models:reviser",
        "-o",
        "run",
        "--rounds",
        "3",
    )
    done = cli(*run, "--critic", "scripted:code_models:critic", "--json")
    assert done.code == 0, done.err
    rounds = told(done.out)["rounds"]
    assert (rounds["before"], rounds["after"], rounds["broken"]) == (0.0, 0.0, 1)
    assert "It gives None." in cli("runs", "show", "run", "1").out


def test_a_broken_task_among_good_ones(cli: Cli, files: Path) -> None:
    write_task(files, "cwe_190_8", task=TASK.replace("BEGIN SOLUTION", "BEGIN SOLUTIONS"))
    done = cli(*RUN, "--json")
    assert done.code == 0
    line = next(line for line in done.err.splitlines() if "cwe_190_8" in line)
    assert "cwe_190_8_task.py:3" in line
    assert "unknown marker" in line
    assert told(done.out)["asked"] == 3


def test_what_is_missing_is_told_and_counts(cli: Cli, files: Path) -> None:
    line = {"task_id": TASK_ID.replace(".", "/"), "solution": REFERENCE}
    Path("samples.jsonl").write_text(
        json.dumps(line) + "\n" + json.dumps({**line, "task_id": "core/py/cwe_1_1"}) + "\n"
    )
    score = ("cweval", "score", "samples.jsonl", "--tasks", "tasks", "-o", "scored")
    done = cli(*score, "--samples", "2", "--json")
    found = told(done.out)
    assert (found["func@1"], found["asked"], found["missing"]) == (0.5, 2, 1)
    assert "1 samples of tasks that are not here: core.py.cwe_1_1" in done.err
    assert cli("cweval", "score", "--tasks", "tasks").code == 2
    assert cli("cweval", "score", "nowhere.jsonl", "--tasks", "tasks").code == 1


def test_an_eval_folder_of_upstreams_program(cli: Cli, files: Path) -> None:
    for number, code in enumerate((REFERENCE, INSECURE)):
        place = Path(f"evals/generated_{number}/core/py")
        place.mkdir(parents=True)
        (place / "cwe_190_9_raw.py").write_text(f"```python\n{code}```")
    found = told(cli("cweval", "score", "evals", "--tasks", "tasks", "-o", "scored", "--json").out)
    assert (found["func@1"], found["func-sec@1"], found["samples_a_task"]) == (1.0, 0.5, 2)


def test_check(cli: Cli, files: Path) -> None:
    done = cli("cweval", "check", "--tasks", "tasks", "--json")
    assert (done.code, told(done.out)["standings"]) == (0, {"usable": 1})
    write_task(files, "cwe_190_8", task=TASK.replace("n * 2", "n * 3"))
    again = cli("cweval", "check", "--tasks", "tasks")
    assert again.code == 3
    assert "core.py.cwe_190_8: wrong" in again.err
    assert "1 of 1" in again.out
    assert cli("cweval", "check", "--tasks", "tasks", "--only", TASK_ID).code == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--languages", "cobol"), "no language 'cobol'"),
        (("--only", "core.py.none"), "no task 'core.py.none'"),
        (("--languages", "go"), "no task is left"),
    ],
)
def test_choices_that_cannot_be(cli: Cli, files: Path, flags: tuple[str, ...], said: str) -> None:
    done = cli("cweval", "check", "--tasks", "tasks", *flags)
    assert (done.code, said in done.err) == (2, True)


def test_a_dry_run_tells_calls_and_limits_count_tasks(cli: Cli, files: Path) -> None:
    write_task(files, "cwe_190_8")
    done = told(cli(*RUN, "--dry-run", "--rounds", "2", "--limit", "1", "--json").out)
    assert done["solver calls at most"] == 6
    assert not Path("run").exists()


def test_a_scanner_beside_what_was_measured(cli: Cli, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(codes: dict[str, str]) -> dict[str, tuple[Finding, ...]]:
        return {name: (Finding("B1", "LOW", None, 1),) for name in codes}

    monkeypatch.setattr(reporting, "scan", scan)
    cli(*RUN)
    found = told(cli("cweval", "report", "run", "-o", "page", "--static", "bandit", "--json").out)["runs"][0]["static"]
    assert (found["hits"], found["false_alarms"], found["misses"], found["agreement"]) == (1, 1, 0, 0.5)
    assert (
        found["kappa"] == pytest.approx(cohen_kappa([True, True], [True, False]), nan_ok=True) or found["kappa"] is None
    )
    assert "Bandit" in Path("page/report.md").read_text()
