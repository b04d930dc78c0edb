"""'--epochs N': each row asked N times, told per row, for a method that knows nothing of it and for a graph alone."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures

SEEDED = """
from dikast.agents.models.scripted import scripted

SEEDS = []

@scripted
def by_seed(request):
    SEEDS.append(request.sampling.seed)
    return "battery, amperage" if request.sampling.seed % 2 else "zebra"
"""


@pytest.fixture
def seeded(cli: Cli, tmp_path: Path) -> Path:
    (tmp_path / "modules" / "seeded.py").write_text(SEEDED, encoding="utf-8")
    (tmp_path / "one.txt").write_text("Name related words\n", encoding="utf-8")
    return tmp_path


def ask(cli: Cli, files: dict[str, Path], *more: str) -> tuple[int, dict[str, Any], str]:
    model = ("--solver", "scripted:seeded:by_seed", "--solver-temperature", "1", "--instructions", "one.txt")
    ran = cli(*arguments(files, *model, "-o", "x", "--json", *more))
    return ran.code, json.loads(ran.out) if ran.out else {}, ran.err


def test_epochs_have_seeds_and_cache_entries_of_their_own(cli: Cli, files: dict[str, Path], seeded: Path) -> None:
    code, told, err = ask(cli, files, "--epochs", "3", "--reducer", "mean,max,pass@2>=0.5", "--seed", "4")
    assert code == 0, err
    script: Any = import_module("seeded")

    assert sorted(script.SEEDS) == [4, 4, 5, 5, 6, 6]
    epochs = told["epochs"]
    assert (epochs["asked"], epochs["rows"], epochs["epochs"], epochs["finished"]) == (6, 2, 3, 6)
    assert {one["reducer"] for one in epochs["reduced"]} == {"mean", "max", "pass@2>=0.5"}
    score = next(one for one in epochs["spread"] if one["field"] == "nDCG@10")
    assert (score["values"], score["differing"] > 0) == (6, True)
    assert score["means"][0] == score["means"][2] != score["means"][1]
    # The method's own report is of the first epoch: two queries, not six.
    assert told["summary"]["asked"] == 6
    assert told["scored"] == 2
    again = ask(cli, files, "--epochs", "3", "--seed", "4", "--force-new")
    assert (again[0], len(script.SEEDS)) == (0, 6)  # the cache has each epoch's own reply
    assert again[1]["epochs"]["spread"] == epochs["spread"]


def test_a_rows_epochs_are_named(cli: Cli, files: dict[str, Path], seeded: Path) -> None:
    ask(cli, files, "--epochs", "2")
    second = json.loads(cli("runs", "show", "x", "q1#2", "--json").out)
    assert (second["input"]["qid"], second["sample"]) == ("q1", 1)
    first = cli("runs", "show", "x", "q1", "--json")
    assert (json.loads(first.out)["sample"], "epoch 1 of 2; another: q1#2" in first.err) == (0, True)
    assert cli("runs", "show", "x", "q1#3").code == 2
    assert json.loads(cli("runs", "diff", "x", "x", "--json").out) == {"rows": [], "fields": []}


def test_equal_epochs_are_told(cli: Cli, files: dict[str, Path]) -> None:
    told = cli(*arguments(files, "-o", "x", "--epochs", "2"))
    assert told.code == 0, told.err
    assert "gave the same output" in told.err
    assert "2 rows x 2 epochs = 4 asked, 4 finished" in told.err


def test_what_cannot_be_is_refused_before_anything_runs(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    few = cli(*arguments(files, "-o", "x", "--epochs", "2", "--reducer", "pass@3"))
    assert (few.code, "--reducer pass@3 needs 3 epochs, and there are 2" in few.err) == (2, True)
    assert cli(*arguments(files, "-o", "x", "--reducer", "avg")).code == 2
    assert not (tmp_path / "x").exists()
    cli(*arguments(files, "-o", "x", "--epochs", "2"))
    other = cli(*arguments(files, "-o", "x", "--epochs", "3"))
    assert (other.code, "samples was 2, is now 3" in other.err) == (2, True)
    owed = json.loads(cli(*arguments(files, "-o", "y", "--epochs", "3", "--dry-run", "--json")).out)
    assert owed["rows owed"] == 6


def test_a_loop_with_a_folder_of_its_own_has_no_epochs(cli: Cli) -> None:
    assert cli("dno", "rounds", "--epochs", "2").code == 2
    assert "--reducer" not in cli("tapir", "rounds", "--help").out
