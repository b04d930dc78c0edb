"""'dikast runs show': one row's story."""

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
