"""Reports belong to the method: whoever ends a job, the files are the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast import jobs
from dikast.graphs.reviseval.method import method
from tests.cli.conftest import Cli

JUDGES = """
from pathlib import Path

from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout


@scripted
def sick(request):
    if "pear" in request.messages[-1]["content"] and not Path("well").exists():
        raise ModelTimeout("no reply within 1 s")
    return "[[A]]"
"""
PAIRS = "id,instruction,response_1,response_2\n1,a fruit?,apple,stone\n2,a fruit?,pear,stone\n3,a fruit?,plum,stone\n"
RUN = (
    "judge",
    "run",
    "--pairs",
    "pairs.csv",
    "--mode",
    "free",
    "--judge",
    "scripted:sick_judges:sick",
    "--cache",
    "off",
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "sick_judges.py").write_text(JUDGES)
    (tmp_path / "pairs.csv").write_text(PAIRS)
    return tmp_path


def test_a_retried_run_has_the_files_of_an_uninterrupted_one_byte_for_byte(cli: Cli, files: Path) -> None:
    assert cli(*RUN, "-o", "runs/sick").code == 3
    before = (files / "runs/sick/export/verdicts.jsonl").read_text()
    assert json.loads(before.splitlines()[1]) == {"id": "2", "ab": None, "ba": None}
    (files / "well").touch()
    assert cli("runs", "retry", "runs/sick", "--cache", "off").code == 0
    assert cli(*RUN, "-o", "runs/well").code == 0
    retried, whole = ((files / name / "export/verdicts.jsonl").read_bytes() for name in ("runs/sick", "runs/well"))
    assert retried == whole
    assert b"null" not in whole


async def test_python_has_the_report_called_too(cli: Cli, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del cli
    (files / "well").touch()
    context = method.context.model_validate({"judges": ("scripted:sick_judges:sick",), "mode": "free"})
    rows = [{"id": "1", "instruction": "a fruit?", "response_1": "apple", "response_2": "stone"}]
    await jobs.run(method.load_graph(), rows, context, files / "runs/py", report=method.report)
    assert json.loads((files / "runs/py/export/verdicts.jsonl").read_text())["id"] == "1"
