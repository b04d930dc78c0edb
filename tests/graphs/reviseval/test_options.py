"""The files and flags of 'dikast judge run': what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast.optional import needs
from tests.cli.conftest import Cli, cli
from tests.cli.judge.pairs import PAIRS, arguments, pairs
from tests.packing import packed

__all__ = ["cli", "pairs"]  # fixtures


def test_a_csv_with_references(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        'instruction,response_1,response_2,reference\n"x, y",good,bad,given\nz,bad,good,\n', encoding="utf-8"
    )
    models = ["--judge", "scripted:judges:right", "-o", "out"]
    ran = cli("judge", "run", "--pairs", path, "--mode", "human", *models)
    assert (ran.code, "row 2 (2) has no reference" in ran.err) == (1, True), ran.err
    ran = cli("judge", "run", "--pairs", path, "--mode", "human", "--limit", "1", *models)
    assert ran.code == 0, ran.err
    assert "given" in cli("runs", "show", "out", "1").out


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--judge", "opnvino:x"], 2, "did you mean 'openvino:'"),
        (["--judge", "metrics:blue"], 2, "bleu"),
        (["--weights", "1,2"], 2, "--weights"),
        (["--weights", "0"], 2, "weights"),
        (["--scale", "1-5"], 2, "--scale"),
        (["--scale", "5,1"], 2, "scale"),
        (["--responses", "x.csv"], 2, "--pairs FILE"),
        (["--columns", "answer=a"], 2, "no column of ours is called 'answer'"),
        (["--columns", "instruction=frage"], 1, "field 'frage'"),
        (["--mode", "magic"], 2, "magic"),
    ],
)
def test_wrong_options_are_told(cli: Cli, pairs: Path, more: list[str], code: int, told: str) -> None:
    base = arguments(pairs, "out")
    if more[0] == "--judge":
        base = [one for one in base if one not in ("--judge", "scripted:judges:right")]
        base = [one for one in base if one != "--solver"] + ["--mode", "free"]
    ran = cli(*base, *more)
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"question": "x", "a": "y"}', "'b'"),
        ('{"question": "x", "a": "y", "b": "z", "better": "maybe"}', "not a verdict"),
        ('{"id": "p1", "question": "x", "a": "y", "b": "z"}', "'p1' already stands on line 2"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
    ],
)
def test_broken_lines_are_told_by_file_and_line(cli: Cli, pairs: Path, line: str, told: str) -> None:
    with pairs.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    ran = cli(*arguments(pairs, "out"))
    assert (ran.code, "pairs.jsonl:13" in ran.err, told in ran.err) == (1, True, True), ran.err


def test_preview_and_dry_run_leave_nothing_behind(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    assert "judgements" in cli(*arguments(pairs, "x", "right", "--preview", "1")).out
    owed = json.loads(cli(*arguments(pairs, "x", "right", "--primary", "both", "--dry-run", "--json")).out)
    assert (owed["rows asked"], owed["rows owed"], owed["calls at most"]) == (12, 12, 72)
    assert (owed["solver calls at most"], owed["judge calls at most"]) == (24, 48)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["mine.parquet", "mine.json.gz"])
def test_pairs_in_other_forms(cli: Cli, pairs: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "mine.parquet":
        needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(PAIRS), path)
    else:
        path.write_bytes(packed(json.dumps(PAIRS).encode(), path))
    ran = cli(*arguments(path, "out", "right", "--mode", "free", "--json"))
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["verdicts"] == {"1": 8, "2": 4}
