"""'dikast runs': one row's story, exports, differences."""

from __future__ import annotations

import csv
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
    assert cli("runs", "export", "a", "--as", "csv").code == 0
    with (tmp_path / "a/export/rows.csv").open(encoding="utf-8", newline="") as file:
        assert [row["input_qid"] for row in csv.DictReader(file)] == ["q01", "q02", "q03"]
    different = json.loads(cli("runs", "diff", "a", "b", "--json").out)
    assert [one["row"] for one in different["rows"]] == [1, 2, 3]
    first = different["rows"][0]
    assert "output.hits" in first["fields"]
    assert first["before"]["output.hits"] != first["after"]["output.hits"]
    assert {field["field"]: field["changed"] for field in different["fields"]}["output.hits"] == 3
    told = cli("runs", "diff", "a", "b")
    assert "output.hits: 3 of 3 rows differ" in told.err
    assert json.loads(cli("runs", "diff", "a", "a", "--json").out) == {"rows": [], "fields": []}


def test_parts_of_a_command_are_merged(cli: Cli, tmp_path: Path) -> None:
    common = ["genqr", "run", "--collection", "sample", "--limit", "5", "--depth", "20"]
    common += ["--model", "scripted:script:shout"]
    whole = json.loads(cli(*common, "-o", "whole", "--json").out)
    estimate = json.loads(cli(*common, "-o", "x1", "--shard", "1/2", "--dry-run", "--json").out)
    assert estimate["rows asked"] == 3
    for part in ("1/2", "2/2"):
        assert cli(*common, "-o", f"x{part[0]}", "--shard", part).code == 0
    other = cli(*common, "-o", "x1", "--shard", "2/2")
    assert other.code == 2
    assert "has part 1/2 of its input" in other.err
    merged = cli("runs", "merge", "merged", "x1", "x2", "--json")
    assert merged.code == 0
    told = json.loads(merged.out)
    assert {name for name in whole if told[name] != whole[name]} == {"summary", "folder"}
    assert (told["summary"]["asked"], told["summary"]["owed"], told["folder"]) == (5, 0, "merged")
    differing = json.loads(cli("runs", "diff", "whole", "merged", "--json").out)
    assert {field for one in differing["rows"] for field in one["fields"]} <= {"output.reformulations"}  # their seconds
    assert sorted(path.name for path in (tmp_path / "merged/export").iterdir()) == sorted(
        path.name for path in (tmp_path / "whole/export").iterdir()
    )
    again = cli("runs", "merge", "merged", "x1")
    assert again.code == 2
    assert "is there already" in again.err
    wrong = cli(*common, "-o", "y", "--shard", "3/2")
    assert wrong.code == 2
    assert "no part of an input" in wrong.err
