"""The file of weights for '--select evidence'."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli, cli

__all__ = ["cli", "files"]  # the fixtures


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "weights.json: Invalid JSON"),
        ('{"weights": {"length": "much"}, "queries": []}', "field 'weights.length'"),
        ('{"weights": {"length": 1}, "queries": []}', "has to name these features"),
        (None, "weights.json: cannot be read"),
    ],
)
def test_a_broken_file_of_weights_is_told(
    cli: Cli, files: dict[str, Path], tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "weights.json").write_text(content, encoding="utf-8")
    ran = cli(*arguments(files, "--select", "evidence", "--select-weights", "weights.json"))
    assert (ran.code in (1, 2), told in ran.err, "Traceback" in ran.err) == (True, True, False), ran.err
