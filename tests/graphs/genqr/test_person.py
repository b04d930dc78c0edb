"""`--feedback human`: a person in the loop, who may be interrupted."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from dikast.graphs.genqr.person import read_numbers
from dikast.graphs.genqr.report import list_shown
from dikast.jobs.reading import Run
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli, cli

__all__ = ["cli", "files"]  # the fixtures

ROOT = Path(__file__).resolve().parents[3]


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def used(cli: Cli, out: str, row: str) -> list[str]:
    told = json.loads(cli("runs", "show", out, row, "--json").out)
    return [one["docid"] for one in told["output"]["feedback"] if one["used"]]


def test_answers_are_taken_and_bad_ones_asked_again(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, "d3", "7", "", "1 1", "2, 1", "none")
    ran = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert ran.code == 0, ran.err
    for told in ("'d3' is no number", "no document 7", "empty line", "stands there twice", "numbers from 1 to 2"):
        assert told in ran.err
    assert used(cli, "x", "q1") == ["d3", "d1"]
    assert used(cli, "x", "q2") == []
    story = cli("runs", "show", "x", "q1").out
    assert "given context" in story
    # Who knows what is relevant is scored without it.
    assert "residual collection" in ran.err
    # And without what somebody has seen and not chosen.
    assert list_shown(list(Run.open(Path("x")).rows()), "human") == {"q1": ["d3", "d1"], "q2": ["d3"]}


def test_what_stands_in_a_document_does_not_drive_the_terminal(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = json.dumps({"id": "e1", "contents": "winter \x1b[2J\x1b]0;owned\x07"})
    files["corpus.jsonl"].write_text(f"{files['corpus.jsonl'].read_text()}{evil}\n", encoding="utf-8")
    answers(monkeypatch, "none", "none")
    ran = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert "[e1]" in ran.err
    assert "\x1b" not in ran.err


def test_when_the_input_ends_the_rest_is_owed(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, "1")
    ran = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert (ran.code, "input ended" in ran.err, "goes on" in ran.err) == (2, True, True)
    answers(monkeypatch, "1")
    again = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert again.code == 0, again.err
    assert "query: garden" in again.err
    assert "query: car dead in winter" not in again.err


def start(folder: Path, files: dict[str, Path]) -> subprocess.Popen[str]:
    """The command in a process of its own, its input a pipe."""
    modules = f"{ROOT}{os.pathsep}{folder / 'modules'}"
    return subprocess.Popen(
        [sys.executable, "-m", "dikast.cli", *arguments(files, "--feedback", "human", "-o", "x")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": modules, "DIKAST_CACHE": str(folder / "cache")},
    )


def question(process: subprocess.Popen[str]) -> str:
    """What is said up to the question's end."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "which are relevant?" in line:
            return said
    raise AssertionError(f"no question: {said}")


def test_an_interrupted_question_is_asked_again_by_the_same_command(
    cli: Cli, files: dict[str, Path], tmp_path: Path
) -> None:
    first = start(tmp_path, files)
    assert "query: car dead in winter" in question(first)
    assert first.stdin is not None
    first.stdin.write("1\n")
    first.stdin.flush()
    assert "query: garden" in question(first)
    first.send_signal(signal.SIGINT)
    first.wait(timeout=60)  # with its input still open: the end of that would be another way to stop
    _, said = first.communicate()
    assert first.returncode == 130, said
    assert "Traceback" not in said
    with sqlite3.connect(tmp_path / "x" / "checkpoints.sqlite") as kept:
        assert kept.execute("select count(*) from checkpoints").fetchone()[0] > 1
    kept.close()
    second = start(tmp_path, files)
    asked = question(second)
    assert "query: garden" in asked
    assert "car dead" not in asked
    _, said = second.communicate("9\n1\n", timeout=60)
    assert second.returncode == 0, said
    assert "no document 9" in said
    assert used(cli, "x", "q1") == ["d1"]
    assert used(cli, "x", "q2") == ["d3"]


def test_a_row_that_was_finished_but_not_written_is_not_asked_again(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A crash can lose the last line of the journal."""
    answers(monkeypatch, "1", "1")
    assert cli(*arguments(files, "--feedback", "human", "-o", "x")).code == 0
    journal = tmp_path / "x/rows.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0])
    answers(monkeypatch)
    again = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert again.code == 0, again.err
    assert json.loads(journal.read_bytes().splitlines()[1])["output"] == json.loads(lines[1])["output"]


def test_settings_that_ask_nobody(cli: Cli, files: dict[str, Path]) -> None:
    assert cli(*arguments(files, "--feedback", "human", "--preview", "1")).code == 2
    owed = json.loads(cli(*arguments(files, "--feedback", "human", "--dry-run", "--json")).out)
    assert owed["calls at most"] == 20


def test_without_the_checkpointer_it_is_told(cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langgraph.checkpoint.sqlite.aio", None)
    ran = cli(*arguments(files, "--feedback", "human", "-o", "x"))
    assert (ran.code, "dikast[human]" in ran.err) == (4, True), ran.err


def test_numbers_are_read() -> None:
    assert read_numbers(" 3, 1\n", 3) == [3, 1]
    assert read_numbers("None\n", 3) == read_numbers("0", 3) == []
    for wrong in ("", "1 none", "²", "-1", "4", "1 1"):
        with pytest.raises(ValueError, match=r"."):
            read_numbers(wrong, 3)
