"""Options that several commands share: no setting is swallowed, every number is finite and has its range."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dikast.cli.options import parse_prices
from dikast.errors import UsageError
from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli
from tests.cli.tree import every_command

__all__ = ["files"]  # the fixtures


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('mod = "fusion"\n', "field 'mod': no such setting"),
        ('[genqr.run]\nmod = "fusion"\n', "did you mean 'mode'?"),
        ("[genqr.run]\nprimary = true\n", "field 'primary'"),
        ('[genqrr.run]\nmode = "fusion"\n', "did you mean 'genqr'?"),
    ],
)
def test_a_project_file_with_a_typo_is_refused(
    cli: Cli, files: dict[str, Path], tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "dikast.toml").write_text(text, encoding="utf-8")
    ran = cli(*arguments(files, "-o", "x"))
    assert (ran.code, told in ran.err, (tmp_path / "x").exists()) == (1, True, False), ran.err


def test_another_commands_settings_stand_beside_ours(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "dikast.toml").write_text("strength = 2\n[judge.run]\nprimary = true\n", encoding="utf-8")
    assert cli(*arguments(files, "--dry-run")).code == 0


@pytest.mark.parametrize("text", ["-3,5", "3,-5", "nan,1", "1,inf", "1", "1,2,3", "a,b", ""])
def test_a_price_is_two_finite_numbers(text: str) -> None:
    with pytest.raises(UsageError, match="--price"):
        parse_prices(text)


@pytest.mark.parametrize("more", [["--max-cost", "1"], ["--max-cost", "1", "--price", "0,0"]])
def test_a_cost_without_a_price_limits_nothing(cli: Cli, files: dict[str, Path], more: list[str]) -> None:
    ran = cli(*arguments(files, "-o", "x", *more))
    assert (ran.code, "--price IN,OUT" in ran.err, Path("x").exists()) == (2, True, False)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_option_of_any_command_takes_a_number_that_is_none(value: float) -> None:
    for path, command in every_command():
        ctx = command.make_context(path, [], resilient_parsing=True)
        option = command.params[-1]
        ctx.params[option.name] = value
        with pytest.raises(UsageError, match=f"{option.opts[-1]} {value}: not a finite number"):
            command.invoke(ctx)


def test_a_number_that_is_none_is_told_by_its_flag(cli: Cli, files: dict[str, Path]) -> None:
    ran = cli(*arguments(files, "-o", "x", "--max-seconds", "nan"))
    assert (ran.code, "max-seconds" in ran.err, Path("x").exists()) == (2, True, False)


def test_an_error_under_json_is_json_on_stderr(cli: Cli, files: dict[str, Path]) -> None:
    ran = cli(*arguments(files, "--max-cost", "1", "--json"))
    told = json.loads(ran.err)
    assert (ran.out, told["error"], told["exit_code"], told["hint"]) == ("", "UsageError", 2, "--price IN,OUT")


def test_an_input_without_rows_is_refused(cli: Cli, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("qid,query\n", encoding="utf-8")
    ran = cli(*arguments(files | {"topics.tsv": tmp_path / "none.csv"}, "-o", "x"))
    assert (ran.code, (tmp_path / "x").exists()) == (1, False), ran.err
