"""Under `--json` whatever a command refuses is one line of JSON on stderr, and exit code 2 where the parser refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dikast.cli import COMMANDS, load
from tests.cli.conftest import Cli, Ran
from tests.cli.tree import every_command

LEAVES = [pytest.param(path, command, id=path) for path, command in every_command()]
JUNK = "no-such-value"


def told(ran: Ran) -> dict[str, Any]:
    """The error, of which nothing else may stand on either stream."""
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran
    found = json.loads(ran.err)
    assert list(found) == ["error", "message", "hint", "exit_code"]
    assert (found["error"], found["exit_code"]) == ("UsageError", 2)
    assert found["message"]
    return found


def refused(parameter: Any) -> bool:
    """Whether the parser itself refuses `JUNK` for this option."""
    kind = parameter.type_descriptor
    return parameter.param_type_name == "option" and (kind.is_choice or kind.annotation in (int, float))


@pytest.mark.parametrize(("path", "command"), LEAVES)
def test_an_unknown_flag_a_bad_value_and_a_missing_argument_are_json(cli: Cli, path: str, command: Any) -> None:
    unknown = told(cli(*path.split(), "--no-such-flag", "--json"))
    assert "--no-such-flag" in unknown["message"]
    assert unknown["hint"] == f"dikast {path} --help"
    needed = [one for one in command.params if one.required]
    if needed:
        assert told(cli(*path.split(), "--json"))["message"].startswith("Missing ")
    given = [JUNK for one in needed if one.param_type_name == "argument"]
    for option in [one for one in command.params if refused(one)]:
        found = told(cli(*path.split(), *given, option.opts[0], JUNK, "--json"))
        assert option.opts[0] in found["message"]
        assert "\n" not in found["message"]


@pytest.mark.parametrize(
    "words", [(), ("nothing",), *((noun,) for noun in COMMANDS if hasattr(load(noun), "commands"))]
)
def test_what_is_no_command_is_json(cli: Cli, words: tuple[str, ...]) -> None:
    told(cli(*words, "--json", "--no-such-flag"))
    told(cli(*words, "no-such-command-or-value", "--no-such-flag", "--json"))


def test_all_kinds_of_refusal_are_tried() -> None:
    """Else the test above would hold of commands that have nothing to refuse."""
    parameters = [one for _, command in every_command() for one in command.params]
    assert sum(map(refused, parameters)) > 50
    assert sum(one.required for one in parameters) > 10


def test_behind_two_dashes_json_is_a_word(cli: Cli) -> None:
    assert cli("runs", "show", "nowhere", "--", "--json").err.startswith("dikast: nowhere: no such run folder")


def test_without_json_the_parser_speaks_to_people(cli: Cli) -> None:
    ran = cli("runs", "show")
    assert (ran.code, "Missing argument" in ran.err, ran.err.startswith("{")) == (2, True, False)


def test_what_goes_well_is_not_touched(cli: Cli, tmp_path: Path) -> None:
    ran = cli("runs", "list", tmp_path, "--json")
    assert (ran.code, json.loads(ran.out), ran.err) == (0, [], "")
    assert cli("runs", "show", "--help", "--json").code == 0


def test_a_question_that_nobody_answers_is_json(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(_value: object) -> None:
        raise EOFError  # as `input` does where stdin is closed

    monkeypatch.setattr("dikast.cli.runs.emit", ask)
    ran = cli("runs", "list", tmp_path, "--json")
    assert (ran.code, ran.out, json.loads(ran.err)["exit_code"]) == (1, "", 1)
