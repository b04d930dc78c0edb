"""The command line as a whole: every command, help, completion, broken pipes."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import Cli
from tests.cli.tree import every_command


@pytest.mark.parametrize("command", [pytest.param(command, id=path) for path, command in every_command()])
def test_every_command_can_answer_in_json_and_says_what_it_does(command: Any) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options
    assert command.help
    for parameter in command.params:
        assert parameter.help, parameter.name


def test_unknown_commands_and_flags_are_usage_errors(cli: Cli) -> None:
    assert cli("genrq").code == 2
    assert cli("genqr", "run", "--moed", "fusion").code == 2
    assert cli("runs", "show").code == 2


def test_the_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("dikast 0.")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("dikast ge", ["genqr"]), ("dikast runs l", ["list"]), ("dikast genqr run --mode f", ["fusion"])],
)
def test_the_shell_completes_commands_options_and_values(typed: str, offered: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_DIKAST_COMPLETE": "complete_bash"}
    command = [sys.executable, "-c", "from dikast.cli import main; main()"]
    done = subprocess.run(command, env={**os.environ, **words}, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (offered, "")


def test_a_command_that_is_mistyped_is_told_its_neighbours(cli: Cli) -> None:
    assert "Did you mean 'tables'" in cli("table", "play").err
    assert "Did you mean" not in cli("xyzzy").err


@pytest.mark.parametrize("command", [["graphs", "list"], ["graphs", "show", "genqr", "--json"], ["models", "list"]])
def test_a_reader_that_goes_away_is_no_failure(command: list[str]) -> None:
    """As in `dikast ... | head`: the pipe's other end is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run([sys.executable, "-m", "dikast.cli", *command], stdout=pipe, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert b"BrokenPipe" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_help_says_what_exit_codes_mean(cli: Cli) -> None:
    assert "130 interrupted" in " ".join(cli("--help").out.split())


@pytest.mark.parametrize("as_json", [True, False])
def test_what_the_system_refuses_is_a_line_wherever_it_was_touched(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    """As a cache folder that is a broken link, a report's folder below a file, a disk that fails."""

    def fail(_value: object, *_: object) -> None:
        raise OSError(errno.EIO, "words of some library", "somewhere/x")

    monkeypatch.setattr("dikast.cli.models.table", fail)
    monkeypatch.setattr("dikast.cli.models.emit", fail)
    ran = cli("models", "list", *(["--json"] if as_json else []))
    assert (ran.code, ran.out) == (1, "")
    if as_json:
        told = json.loads(ran.err)
        assert told["message"] == "somewhere/x: Input/output error"
        assert "disk or its connection fails" in told["hint"]
    else:
        assert ran.err.startswith("dikast: somewhere/x: Input/output error\n  hint: the disk or its connection fails")


@pytest.mark.parametrize("error", [OSError("no number"), OSError(errno.EIO, "of no file"), ValueError("a bug")])
def test_what_is_no_files_fault_keeps_its_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("dikast.cli.models.table", fail)
    with pytest.raises(type(error)):
        cli("models", "list")
