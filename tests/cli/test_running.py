"""What every run command says while it runs and when it has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast.agents.models.limits import Limits
from dikast.cli import running
from dikast.cli.running import SECONDS_BETWEEN_LINES, ProgressLines
from dikast.jobs.job import Progress
from dikast.jobs.summary import Summary
from dikast.records import Outcome, Usage
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli

__all__ = ["files"]  # the fixtures


def at(seconds: float, finished: int, asked: int | None = 200, **workers: int) -> Progress:
    usage = {"solver": Usage(calls=1, input_tokens=1_000_000)}
    return Progress(asked, finished, 1, 4, 8, usage, seconds, "", workers)


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(running, "say", said.append)
    tell = ProgressLines(Limits(price_input=2.0))
    for second in range(int(SECONDS_BETWEEN_LINES) * 2):
        tell(at(second, 100 + second))
    assert len(said) == 1
    assert said[0] == "115 of 200 rows, 1 a second, about 1 min left, cost 2.0000, 1 failed"
    tell(at(3 * SECONDS_BETWEEN_LINES, 145, None))
    assert said[1].startswith("145 of ? rows, 1 a second, cost")
    tell(at(5 * SECONDS_BETWEEN_LINES, 155, one=70, two=85))
    assert said[2].endswith("1 failed, 2 workers (70 to 85 rows)")


def test_why_rows_failed_is_told(cli: Cli, files: dict[str, Path]) -> None:
    failed = cli(*arguments(files, "-o", "x", "--model", "scripted:script:slow"))
    assert "timeout, 2 rows: " in failed.err
    assert "no reply within 1 s" in failed.err
    assert "timeout, 2 rows: " in cli("runs", "show", "x").err
    [reason] = json.loads(cli("runs", "show", "x", "--json").out)["reasons"]
    assert (reason["outcome"], reason["rows"]) == ("timeout", 2)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({Outcome.UNPARSED: 3}, 3),
        ({Outcome.UNPARSED: 2, Outcome.EMPTY: 1}, 3),
        ({Outcome.UNPARSED: 2, Outcome.OK: 1}, 0),
        ({Outcome.REFUSED: 3}, 0),
        ({}, 0),
    ],
)
def test_a_run_of_which_nothing_could_be_read_is_no_success(outcomes: dict[Outcome, int], code: int) -> None:
    assert Summary(Path("x"), "g", sum(outcomes.values()), outcomes).exit_code == code


def test_the_first_input_again_has_the_first_scores(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    """The report's case: an edited topics file, then the first command once more."""
    first = cli(*arguments(files, "-o", "x"))
    edited = tmp_path / "edited.tsv"
    edited.write_text("q1\tgardens\nq2\tgarden\n", encoding="utf-8")
    other = cli(*arguments(files | {"topics.tsv": edited}, "-o", "x"))
    assert "your input changed: 1 rows new, 1 gone" in other.err
    assert other.out != first.out
    again = cli(*arguments(files, "-o", "x"))
    assert again.out == first.out
    assert (tmp_path / "x/export/before.run").read_text(encoding="utf-8").count("q1 Q0") == 2
