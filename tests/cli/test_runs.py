"""'dikast runs': one row's story, exports, differences."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


def test_a_rows_story(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "x"))
    for name in ("q1", "1"):
        story = cli("runs", "show", "x", name).out
        assert story.count("Answer with a comma-separated list") == 10
        for told in ("car dead in winter", "battery, amperage", "weighted query 1 of 1", "d2\t-\t", "tokens"):
            assert told in story
    assert cli("runs", "show", "x", "q9").code == 2
    assert json.loads(cli("runs", "show", "x", "q2", "--json").out)["input"]["qid"] == "q2"


def test_what_a_model_wrote_does_not_drive_the_terminal(cli: Cli, files: dict[str, Path]) -> None:
    cli(*arguments(files, "-o", "x", "--model", "scripted:script:driver"))
    story = cli("runs", "show", "x", "q1").out
    assert "battery" in story
    assert "\x1b" not in story


def test_runs_of_no_folder(cli: Cli, tmp_path: Path) -> None:
    assert "absent" in cli("runs", "list", "absent").err
    assert cli("runs", "show", "absent").code == 1
    (tmp_path / "notes").mkdir()
    assert cli("runs", "show", "notes").code == 1


def test_export_and_diff(cli: Cli, tmp_path: Path) -> None:
    common = ["genqr", "run", "--collection", "sample", "--limit", "3", "--depth", "20"]
    cli(*common, "--model", "scripted:script:shout", "-o", "a")
    cli(*common, "--model", "scripted:script:synonyms", "-o", "b")
    assert cli("runs", "export", "a", "--as", "jsonl").code == 0
    lines = (tmp_path / "a/export/rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["input"]["qid"] for line in lines] == ["q01", "q02", "q03"]
    exported = json.loads(cli("runs", "export", "a", "--as", "datasets", "--license", "cc0-1.0", "--json").out)
    assert exported == {"wrote": "a/export/dataset", "form": "datasets"}
    different = json.loads(cli("runs", "diff", "a", "b", "--json").out)
    assert [one["row"] for one in different] == [1, 2, 3]
    assert "output.hits" in different[0]["fields"]
    assert json.loads(cli("runs", "diff", "a", "a", "--json").out) == []
