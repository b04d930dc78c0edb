"""What every run command says while it runs and when it has ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast.agents.models.limits import Limits
from dikast.agents.models.pace import Rates
from dikast.cli import running
from dikast.cli.running import SECONDS_BETWEEN_LINES, ProgressLines, Running
from dikast.errors import UsageError
from dikast.jobs.engines import ray as engine
from dikast.jobs.job import Progress
from dikast.jobs.summary import Summary
from dikast.records import Outcome, Usage
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli
from tests.jobs.engines.small import FakeRay
from tests.jobs.graphs import lines

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


def test_workers_do_the_rows_of_a_command_and_of_its_retry(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = FakeRay()
    monkeypatch.setattr(engine, "load_ray", lambda: ray)
    spread = ("--engine", "ray", "--workers", "2", "--worker-cpus", "0.5")
    ran = cli(*arguments(files, "-o", "x", *spread, "--model", "scripted:script:slow"))
    assert (ran.code, len(ray.actors)) == (3, 2), ran.err
    assert (ray.promised["num_cpus"], ray.promised["num_gpus"]) == (0.5, 0.0)
    assert {line["worker"] for line in lines(Path("x"))} <= {"host/1", "host/2"}
    again = cli("runs", "retry", "x", "--engine", "ray", "--worker-gpus", "0.5", "--workers", "1")
    assert (again.code, len(ray.actors), ray.promised["num_gpus"]) == (3, 3, 0.5), again.err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--workers", "2"), "--workers is said of Ray workers, and this run has none"),
        (("--worker-gpus", "1", "--ray-address", "auto"), "--ray-address, --worker-gpus is said of Ray workers"),
        (("--engine", "ray", "--feedback", "human"), "--engine ray asks nobody at this terminal"),
        (("--engine", "ray"), "ray is not installed"),
    ],
)
def test_workers_that_cannot_be_are_refused(
    cli: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], told: str
) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(engine, "import_module", absent)
    ran = cli(*arguments(files, "-o", "x", *more))
    assert ran.code in (2, 4)
    assert told in ran.err


def test_rates_are_numbers_above_nothing() -> None:
    common = {"out": Path("x"), "concurrency": 1, "cache": None}
    assert Running.of({**common, "rpm": 30.0}).rates() == Rates(rpm=30)
    assert not Running.of(common).rates().any
    for flag in ("rpm", "tpm"):
        for wrong in (0.0, -1.0, float("inf"), float("nan")):
            with pytest.raises(UsageError, match=f"--{flag}"):
                Running.of({**common, flag: wrong})
