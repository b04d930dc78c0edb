"""--dry-run: what a run would ask and cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


@pytest.mark.parametrize(
    ("more", "calls"),
    [
        (["--method", "qa_expand"], 3 + 1 + 1),
        (["--method", "csqe", "--fluent"], 4 + 1),
        (["--select", "judge", "-n", "2", "--with-original"], 2 + 3),
        (["--feedback", "critic", "-n", "2"], 2 + 10),
        (["--feedback", "critic", "-n", "2", "--critic", "list+scripted:script:grader"], 2 + 1),
    ],
)
def test_a_dry_run_counts_every_call_of_a_row(cli: Cli, files: dict[str, Path], more: list[str], calls: int) -> None:
    owed = json.loads(cli(*arguments(files, "--dry-run", "--json", *more)).out)
    assert owed["calls at most"] == 2 * calls
