"""'dikast genqr plot'."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


def test_a_run_is_drawn_with_its_numbers(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    cli(*arguments(files, "-o", "x", "--limit", "2", "-n", "3"))
    drawn = cli("genqr", "plot", "x", "--as", "both", "--json")
    assert drawn.code == 0, drawn.err
    folder = tmp_path / "x/export/plots"
    names = ("differences", "fusion", "instructions")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{form}" for name in names for form in ("csv", "png", "svg")
    )
    table = (folder / "instructions.csv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "reformulations,mean,low,high"
    assert [line.split(",")[0] for line in table[1:]] == ["1", "2", "3"]
    drawing = (folder / "differences.svg").read_text(encoding="utf-8")
    for told in ("GenQR, ensemble", "scripted:script:", "corpus.jsonl", "n = 2 queries"):
        assert told in drawing
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert cli("genqr", "plot", "x", "--as", "both").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    moved = (folder / "differences.csv").read_text(encoding="utf-8").splitlines()[1].split(",")
    assert float(moved[2]) - float(moved[1]) == pytest.approx(float(moved[3]))


def test_what_cannot_be_drawn_is_told(cli: Cli, files: dict[str, Path]) -> None:
    unjudged = {name: path for name, path in files.items() if name != "qrels.txt"}
    cli(*arguments(unjudged, "-o", "x"))
    ran = cli("genqr", "plot", "x")
    assert (ran.code, "--qrels FILE" in ran.err) == (2, True)
    files["qrels.txt"].write_text("other 0 d1 1\n", encoding="utf-8")
    assert "no finished row has judgments" in cli("genqr", "plot", "x", "--qrels", files["qrels.txt"]).err
    assert cli("genqr", "plot", "absent").code == 1
