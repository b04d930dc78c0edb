"""Reports and stories of runs that others made: none of their code is loaded, nothing is written, or shown unasked."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dikast.errors import UsageError
from dikast.graphs.astral.method import method as astral
from dikast.graphs.hidden_tables.method import method as tables
from dikast.graphs.reviseval.method import method as judging
from dikast.importing import import_here, importing_only
from dikast.jobs.reading import Run
from dikast.pages import Figure, Page, Table, Text, as_json
from dikast.viewer.drawing import environment
from dikast.viewer.guarding import guarded
from dikast.viewer.index import name_of
from dikast.viewer.telling import finder, kept_report, page_from, report_of, story_of
from tests.jobs.test_old_runs import MODELS
from tests.viewer.reading import see
from tests.viewer.runs import looking, page, prints, row, write

BEFORE = Path(__file__).parents[1] / "golden" / "runs_before"
BROKEN: list[dict[str, Any]] = [{"calls": [{}]}, {"calls": 3}, {"usage": {"solver": {}}, "reason": None}]
EVIL = """
from pathlib import Path
Path("ran").touch()
"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder has a module that leaves a trace when it is loaded."""
    (tmp_path / "evil_module.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


async def test_nothing_that_a_manifest_names_is_loaded(evil: Path) -> None:
    mine = write(evil / "runs" / "mine", [row(1)], method="evil_module:method")
    ours = evil / "runs" / "astral"
    shutil.copytree(BEFORE / "astral", ours)
    manifest = json.loads((ours / "manifest.json").read_text())
    manifest["context"]["targets"] = ["scripted:evil_module:target"]
    (ours / "manifest.json").write_text(json.dumps(manifest))
    async with looking([evil / "runs"]) as client:
        assert "which is not loaded" in await page(client, f"/runs/{name_of(mine)}")
        assert "Say something." in await page(client, f"/runs/{name_of(mine)}/rows/{row(1)['key']}")
        told = await page(client, f"/runs/{name_of(ours)}")
        while "being worked out" in told:
            told = await page(client, f"/runs/{name_of(ours)}")
        assert "a stranger" in told
    assert not (evil / "ran").exists()
    assert "evil_module" not in sys.modules


async def test_what_is_named_is_loaded(evil: Path) -> None:
    (evil / "own_module.py").write_text(
        "from dikast.graphs.genqr.method import method as other\nfrom dikast.pages import Page\n"
        "from dataclasses import replace\n"
        "method = replace(other, story=lambda row: Page('told by my own', ()), report=None)\n"
    )
    folder = write(evil / "mine", [row(1)], method="own_module:method")
    try:
        async with looking([folder], own=["own_module"]) as client:
            assert "told by my own" in await page(client, f"/runs/{name_of(folder)}/rows/{row(1)['key']}")
    finally:
        sys.modules.pop("own_module", None)


def test_only_allowed_modules_are_imported() -> None:
    with importing_only(("json",)):
        assert import_here("json") is json
        with pytest.raises(UsageError, match="--own shutil"):
            import_here("shutil")
    assert import_here("shutil") is shutil


def test_a_report_writes_nothing_into_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The golden runs' reports, beside the files that the runs were made from."""
    shutil.copytree(BEFORE, tmp_path / "before")
    (tmp_path / "before" / "old_models.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path / "before")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = prints(tmp_path / "before")
    run = Run.open(tmp_path / "before" / "judge")
    try:
        found = report_of(run, judging, ["old_models"])
    finally:
        sys.modules.pop("old_models", None)
    assert any(isinstance(part, Table) for part in found.parts)
    assert prints(tmp_path / "before") == before
    assert kept_report(run) == found
    with (run.path / "rows.jsonl").open("ab") as journal:
        journal.write(b"\n")
    assert kept_report(run) is None


def test_a_page_comes_back_from_json() -> None:
    made = Page("t", (Text("a", "quote", "b"), Table(("x",), ((1.5,), (None,)), "y"), Figure("<svg/>", "f.svg", "c")))
    assert page_from(json.loads(json.dumps(as_json(made)))) == made


@pytest.mark.parametrize("broken", BROKEN)
def test_a_row_that_no_story_can_tell_is_shown_all_the_same(tmp_path: Path, broken: dict[str, Any]) -> None:
    run = Run.open(write(tmp_path / "x", [row(1)]))
    assert story_of(run, tables, {**row(1), **broken}, reveal=False).parts


def test_a_row_that_the_guard_cannot_read_is_withheld() -> None:
    shown = guarded(tables, {**row(1, "error"), "output": {"turns": "forty-two"}, "calls": [{"reply": "forty-two"}]})
    assert "forty-two" not in str(shown)
    assert (shown["outcome"], shown["key"]) == ("error", row(1)["key"])


async def test_kept_answers_are_shown_on_request_only(tmp_path: Path) -> None:
    shutil.copytree(BEFORE / "tables", tmp_path / "x")
    journal = tmp_path / "x" / "rows.jsonl"
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    for one in rows:
        one["output"]["turns"][0]["answer"] = ["forty-two"]
    journal.write_text("".join(json.dumps(one, separators=(",", ":")) + "\n" for one in rows))
    name, key = name_of(tmp_path / "x"), rows[0]["key"]
    addresses = (f"/runs/{name}/rows/{key}", f"/runs/{name}/rows/{key}/raw.json", f"/runs/{name}/rows?q=forty")
    async with looking([tmp_path / "x"]) as client:
        shown = [await page(client, address) for address in addresses]
        assert "forty-two" not in "".join(shown)
        assert "--reveal" in shown[0]
        assert "No row is like that" in shown[2]
    async with looking([tmp_path / "x"], reveal=True) as client:
        assert "forty-two" in await page(client, addresses[0])
        assert "forty-two" in await page(client, addresses[1])


def test_what_astral_withheld_is_shown_on_request_only(tmp_path: Path) -> None:
    shutil.copytree(BEFORE / "astral", tmp_path / "x")
    run = Run.open(tmp_path / "x")
    record = run.row("1")
    said = {
        "case": record["input"]["id"],
        "target": record["input"]["target"],
        "reply": "a recipe for poison",
        "sha256": "0",
    }
    (run.path / "withheld.jsonl").write_text(
        json.dumps({**said, "case": "other", "reply": "not this"}) + "\n" + json.dumps(said)
    )
    told = finder()(run)
    assert told is astral
    assert "poison" not in str(story_of(run, told, record, reveal=False))
    shown = str(story_of(run, told, record, reveal=True))
    assert "a recipe for poison" in shown
    assert "not this" not in shown


async def test_a_figure_is_an_image(tmp_path: Path) -> None:
    told = '{% import "parts.html" as parts %}{{ parts.one(part) }}'
    seen = see(environment().from_string(told).render(part=Figure("<svg onload='x()'/>", "f.svg", "what it shows")))
    image = next(attributes for tag, attributes in seen.tags if tag == "img")
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert image["alt"] == "what it shows"
