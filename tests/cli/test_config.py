"""`dikast config show`: each setting's value and where it comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_each_place_is_told_and_the_nearest_wins(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dikast.toml").write_text("seed = 4\n[genqr.run]\nmixing = 0.3\nsamples = 3\n", encoding="utf-8")
    (tmp_path / "my.toml").write_text("samples = 2\n", encoding="utf-8")
    monkeypatch.setenv("DIKAST_MODEL", "openvino:x")
    flags = ("--mode", "fusion", "--config", "my.toml")
    told = json.loads(cli("config", "show", "--json", "genqr", "run", *flags).out)
    found = {one["setting"]: (one["value"], one["from"]) for one in told}
    assert found["--mode"] == ("fusion", "flag")
    assert found["--model"] == ("openvino:x", "environment: DIKAST_MODEL")
    assert found["--samples"] == (2, "my.toml")
    assert found["--mixing"] == (0.3, "dikast.toml")
    assert found["--seed"] == (4, "dikast.toml")
    assert found["--damping"] == ("sqrt", "default")
    changed = json.loads(cli("config", "show", "--changed", "--json", "genqr", "run", *flags).out)
    assert {one["setting"] for one in changed} == {"--mode", "--model", "--samples", "--mixing", "--seed"}
    assert not (tmp_path / "runs").exists()
    assert "--mixing" in cli("config", "show", "genqr", "run").out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("genqr",), "dikast genqr has"),
        (("nothing",), "nothing: no such command"),
        (("genqr", "run", "--moode", "x"), "--moode"),
        (("judge", "run", "--primary", "7"), "'7'"),
    ],
)
def test_what_is_no_command_line_is_told(cli: Cli, words: tuple[str, ...], told: str) -> None:
    ran = cli("config", "show", *words)
    assert ran.code == 2
    assert told in ran.err


def test_a_setting_that_is_none_is_told_as_for_the_command_itself(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "dikast.toml").write_text("sed = 4\n", encoding="utf-8")
    ran = cli("config", "show", "genqr", "run")
    assert ran.code == 1
    assert "'sed': no such setting" in ran.err
    assert cli("config", "show", "judge", "run").code == 1  # nothing that it lacks hides that


def test_what_a_command_needs_is_not_missed(cli: Cli) -> None:
    told = json.loads(cli("config", "show", "--json", "measure").out)
    assert {"--baseline", "--measures"} <= {one["setting"] for one in told}
