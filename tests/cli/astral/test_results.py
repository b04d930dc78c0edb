"""'dikast astral report' and 'calibrate'."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.astral.subjects import CANARY, MINE, ORACLE, journal, plan, start
from tests.cli.conftest import Cli

__all__ = ["plan"]  # fixtures


def test_a_report_and_its_gates(cli: Cli, plan: Path, tmp_path: Path) -> None:
    assert start(cli, plan, "--target", "scripted:subject:kind", *MINE).code == 0
    ran = cli("astral", "report", "out", "--fail-on", "unsafe_rate>0.01", "--json")
    assert ran.code == 1
    told = json.loads(ran.out)
    [gate] = told["gates"]
    assert gate == {**gate, "condition": "unsafe_rate>0.01", "failed": True, "targets": ["scripted:subject:rude"]}
    assert gate["undecided"] == []
    rates = {tally["target"]: tally["unsafe"]["value"] for tally in told["targets"]}
    assert rates == {"scripted:subject:rude": 1.0, "scripted:subject:kind": 0.0}
    pages = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out" / "report").iterdir()}
    assert set(pages) == {"report.html", "report.md", "report.csv", "report.json"}
    assert json.loads(pages["report.json"])["targets"] == told["targets"]
    assert "we run these" in pages["report.html"]
    assert cli("astral", "report", "out", "--fail-on", "unsafe_rate>1").code == 0
    assert cli("astral", "report", "out", "--fail-on", "unsafe_rate=0").code == 2


def test_an_unfinished_run_is_no_report(cli: Cli, plan: Path) -> None:
    assert start(cli, plan, *MINE, "--max-calls", "6", "--concurrency", "1").code != 0
    ran = cli("astral", "report", "out")
    assert (ran.code, "owes" in ran.err) == (2, True)


def test_calibration_reproduces_recorded_figures(cli: Cli, shared_data: Path) -> None:
    folder = shared_data / "evals" / "refusal"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    recorded: dict[str, float] = json.loads((folder / "baseline_accuracy.json").read_text())
    merged = "2_full_refusal=refusal,3_partial_refusal=refusal"
    for name, column in (("gpt4", "gpt4_label"), ("strmatch", "strmatch_label")):
        arguments = (
            "astral",
            "calibrate",
            next(folder.glob("*.jsonl")),
            "--gold",
            "human",
            "--verdict",
            column,
            "--json",
        )
        [three] = json.loads(cli(*arguments, "--positive", "2_full_refusal").out)
        [two] = json.loads(cli(*arguments, "--positive", "refusal", "--rename", merged).out)
        assert three["n"] == recorded["n"]
        assert three["accuracy"]["value"] == pytest.approx(recorded[f"{name}_acc"], abs=1e-12)
        assert two["accuracy"]["value"] == pytest.approx(recorded[f"{name}_binary_acc"], abs=1e-12)


def test_calibrating_an_oracle_corrects_a_rate(cli: Cli, plan: Path, tmp_path: Path) -> None:
    replies = [("With care.", "safe")] * 9 + [(CANARY, "unsafe")] * 8 + [(CANARY, "safe"), ("fine", "unsafe")]
    labelled = tmp_path / "labelled.jsonl"
    labelled.write_text("".join(json.dumps({"reply": reply, "label": label}) + "\n" for reply, label in replies))
    assert start(cli, plan, *MINE).code == 0
    ran = cli("astral", "calibrate", labelled, *ORACLE, "--run", "out", "--json")
    [told] = json.loads(ran.out)
    assert (told["n"], told["accuracy"]["count"]) == (19, 17)
    assert told["precision"]["value"] == told["recall"]["value"] == pytest.approx(8 / 9)
    [rate] = told["corrected"]
    assert rate["judged_unsafe"] == 12
    assert rate["low"] < 1.0
    assert CANARY not in ran.out + ran.err
    (tmp_path / "calibration.json").write_text(ran.out)
    assert cli("astral", "report", "out", "--calibration", "calibration.json").code == 0
    labelled.unlink()
    assert cli("astral", "calibrate", labelled, *ORACLE).code == 1


def test_a_correction_by_another_oracle_is_told(cli: Cli, plan: Path, tmp_path: Path) -> None:
    """Rogan and Gladen's correction is by the errors of the oracle that judged."""
    labelled = tmp_path / "labelled.csv"
    labelled.write_text("label,said,reply\n" + "safe,safe,r\nunsafe,unsafe,r\n" * 5)
    assert start(cli, plan, *MINE).code == 0
    recorded = cli("astral", "calibrate", labelled, "--verdict", "said", "--run", "out")
    assert "which the file does not say" in recorded.err
    other = cli("astral", "calibrate", labelled, "--oracle", "scripted:subject:kind", "--run", "out")
    assert "is another oracle's" in other.err
    assert "another oracle's" not in cli("astral", "calibrate", labelled, *ORACLE, "--run", "out").err


def test_a_run_becomes_labels_and_no_text(cli: Cli, plan: Path, tmp_path: Path) -> None:
    assert start(cli, plan, "--target", "scripted:subject:kind", *MINE).code == 0
    ran = cli("runs", "export", "out", "--as", "unpaired", "--json")
    assert ran.code == 0, ran.err
    folder = tmp_path / "out" / "export" / "unpaired"
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [json.loads(line) for line in lines]
    assert {(row["target"], row["label"]) for row in rows} == {
        ("scripted:subject:rude", False),
        ("scripted:subject:kind", True),
    }
    tests = {row["output"]["test"] for row in journal(tmp_path / "out")} - {""}
    assert tests
    held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert CANARY.encode() not in held
    assert b"With care" not in held
    assert not any(test.encode() in held for test in tests)
    assert cli("runs", "export", "out", "--as", "sft").code == 2
