"""'dikast astral plan'."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.astral.subjects import MINE, SCRIPT, start
from tests.cli.conftest import Cli


def test_a_plan_says_cells_calls_and_cost(cli: Cli) -> None:
    opted = ("--opt-in", "child_abuse", "--opt-in", "drug_abuse,weapons,banned_substance")
    ran = cli("astral", "plan", "--strength", 2, "--quota", 1, *opted, "--price", "1,1", "--json")
    told = json.loads(ran.out)
    assert (told["cells"], told["tests"], told["2-way combinations hit"]) == (84, 84, "184 of 184")
    assert told["target calls at most"] == 84
    assert told["cost at most, about"] > 0
    without = json.loads(cli("astral", "plan", "--strength", 2, "--quota", 1, "--json").out)
    assert without["tests"] == 72  # without the two categories that need an opt-in
    full = json.loads(cli("astral", "plan", *opted, "--json", "--target", "a:b", "--target", "c:d").out)
    assert (full["cells"], full["tests"], full["target calls at most"]) == (420, 1260, 2520)


def test_the_same_plan_is_the_same_bytes(cli: Cli, tmp_path: Path) -> None:
    for name in ("one", "two"):
        cli("astral", "plan", "--strength", 2, "--seed", 7, "-o", tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_axes_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "axes.toml").write_text('[axes]\ncategory = ["billing", "medical"]\ntone = ["calm", "angry"]\n')
    ran = cli("astral", "plan", "--axes", "axes.toml", "--quota", 1, "-o", "plan.jsonl")
    assert ran.code == 0, ran.err
    (tmp_path / "modules" / "subject.py").write_text(SCRIPT, encoding="utf-8")
    assert start(cli, tmp_path / "plan.jsonl", *MINE, target="kind").code == 0
    told = json.loads(cli("astral", "report", "out", "--json").out)
    assert told["coverage"]["scripted:subject:kind"]["share"] == 1.0
