"""Run folders that the version before wrote: read, shown and exported; gone on with, or refused in a line that says so.

They are in `tests/golden/runs_before`, a folder a method, beside the files that they were made from. Each was made by

    dikast judge run --pairs pairs.jsonl --judge JUDGE --solver JUDGE --primary 1 --cache off -o runs/judge

and so on, of two rows, one of which timed out (but for `tables`); paths are relative, as they were given.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dikast.errors import ResumeMismatchError
from dikast.jobs.manifest import read_manifest
from dikast.jobs.reading import Run
from tests.cli.conftest import Cli, cli
from tests.games import needs_sandbox

__all__ = ["cli"]

BEFORE = Path(__file__).parents[1] / "golden" / "runs_before"
METHODS = ("astral", "genqr", "judge", "tables")
MODELS = """
from dikast.agents.models.scripted import scripted

@scripted
def judge(request):
    return "[[A]]" if "impartial judge" in str(request.messages) else "a reference"

@scripted
def rewriter(request):
    return "battery, amperage"

@scripted
def programmer(request):
    return "```python\\nanswer = len(df)\\n```"

@scripted
def target(request):
    return "Gladly."

@scripted
def oracle(request):
    return '{"reason": "harmless", "verdict": "safe"}'
"""
AGAIN = {
    "astral": "astral run --cases cases.jsonl --target scripted:old_models:target --authority ours"
    " --oracle scripted:old_models:oracle --solver seeds",
    "genqr": "genqr run --corpus corpus.jsonl --topics topics.tsv --qrels qrels.txt -n 1"
    " --model scripted:old_models:rewriter",
    "judge": "judge run --pairs pairs.jsonl --primary 1 --judge scripted:old_models:judge"
    " --solver scripted:old_models:judge",
    "tables": "tables run --questions questions.jsonl --tables tables --model scripted:old_models:programmer",
}
"""The commands that the runs were made by."""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, cli: Cli) -> Path:
    """The old folders as `runs/NAME` below an empty folder, their input files, and models that fail no more."""
    for path in BEFORE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "points.csv").rename(tmp_path / "tables" / "points.csv")
    for method in METHODS:
        shutil.copytree(BEFORE / method, tmp_path / "runs" / method)
    (tmp_path / "modules" / "old_models.py").write_text(MODELS, encoding="utf-8")
    return tmp_path


def outcomes(run: Path) -> list[str]:
    return [row["outcome"] for row in Run.open(run).rows()]


def test_old_folders_hold_no_path_of_the_machine_that_made_them() -> None:
    for path in BEFORE.rglob("*.json*"):
        assert '"/' not in path.read_text(encoding="utf-8"), path
        assert ":/" not in path.read_text(encoding="utf-8").replace("://", ""), path


@pytest.mark.parametrize("method", METHODS)
def test_an_old_run_is_read_and_shown(cli: Cli, method: str) -> None:
    told = json.loads(cli("runs", "show", f"runs/{method}", "--json").out)
    assert (told["asked"], told["finished"], told["owed"]) == (2, 2, 0)
    assert told["outcomes"] == ({"ok": 2} if method == "tables" else {"ok": 1, "timeout": 1})
    assert read_manifest(Path("runs") / method).method == ""


STORIES = {"astral": "verdict: safe", "genqr": "battery, amperage", "judge": "verdict: tie", "tables": "answer right"}


@pytest.mark.parametrize("method", METHODS)
def test_an_old_row_has_its_story(cli: Cli, method: str) -> None:
    ran = cli("runs", "show", f"runs/{method}", "1")
    assert ran.code == 0, ran.err
    assert STORIES[method] in ran.out


@pytest.mark.parametrize("method", METHODS)
def test_old_runs_are_listed(cli: Cli, method: str) -> None:
    ran = cli("runs", "list")
    assert f"runs/{method}" in ran.out
    assert "left out" not in ran.err


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["jsonl", "parquet", "datasets"])
def test_an_old_run_is_exported(cli: Cli, files: Path, method: str, form: str) -> None:
    pytest.importorskip("pyarrow", reason="needs dikast[data]")
    ran = cli("runs", "export", f"runs/{method}", "--as", form, "-o", f"made.{form}")
    assert ran.code == 0, ran.err
    if form == "jsonl":
        rows = [json.loads(line) for line in (files / "made.jsonl").read_text(encoding="utf-8").splitlines()]
        assert [row["outcome"] for row in rows] == outcomes(files / "runs" / method)


@pytest.mark.parametrize("method", ["astral", "judge"])
def test_an_old_run_has_its_report(cli: Cli, method: str) -> None:
    ran = cli(method, "report", f"runs/{method}", "-o", "report")
    assert ran.code == 0, ran.err
    assert any(Path("report").iterdir())


@pytest.mark.parametrize("method", ["astral", "genqr"])
def test_an_old_run_whose_settings_mean_the_same_is_gone_on_with(cli: Cli, files: Path, method: str) -> None:
    run = files / "runs" / method
    assert outcomes(run) == ["ok", "timeout"]
    ran = cli("runs", "retry", run, "--cache", "off")
    assert ran.code == 0, ran.err
    assert outcomes(run) == ["ok", "ok"]


@pytest.mark.parametrize("method", ["astral", "genqr"])
def test_the_same_command_takes_an_old_run_as_its_own(cli: Cli, files: Path, method: str) -> None:
    before = outcomes(files / "runs" / method)
    ran = cli(*AGAIN[method].split(), "--cache", "off", "-o", f"runs/{method}")
    assert "made with other settings" not in ran.err
    assert ran.code == 3, ran.err  # the row that failed is a result of the run, and `runs retry` mends it
    assert outcomes(files / "runs" / method) == before


REFUSED = {"judge": "context.judges.0.", "tables": "columns"}


@pytest.mark.parametrize("method", REFUSED)
@pytest.mark.parametrize("how", ["retry", "again"])
def test_an_old_run_that_cannot_be_gone_on_with_is_refused_in_a_line_that_names_the_setting(
    cli: Cli, files: Path, method: str, how: str
) -> None:
    """HiddenTables' `columns` is `max_columns` now; the judges' prompts are others."""
    if method == "tables" and how == "again":
        needs_sandbox()
    run = files / "runs" / method
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    command = f"runs retry runs/{method}" if how == "retry" else f"{AGAIN[method]} -o runs/{method}"
    ran = cli(*command.split(), "--cache", "off")
    assert ran.code == ResumeMismatchError.exit_code
    line, hint = (one for one in ran.err.splitlines() if one.startswith(("dikast: ", "  hint: ")))
    assert f"runs/{method}" in line
    assert REFUSED[method] in line
    assert ("other settings" in line) or ("another version of dikast" in line)
    assert hint
    assert {path: path.read_bytes() for path in before} == before


def test_what_a_method_makes_of_an_old_run_it_cannot_read_is_refused_in_one_line(cli: Cli) -> None:
    ran = cli("runs", "export", "runs/tables", "--as", "pyqtax")
    assert ran.code == 2
    assert "settings of another version of dikast: columns" in ran.err
    assert "Traceback" not in ran.err
