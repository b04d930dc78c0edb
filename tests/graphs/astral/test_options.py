"""The files and flags of 'dikast astral run': what is read, what is refused, and by what right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dikast.errors import DataError
from dikast.graphs.astral.options import Options
from tests.cli.astral.subjects import MINE, journal, plan, start
from tests.cli.conftest import Cli, cli

__all__ = ["cli", "plan"]  # fixtures


def test_nothing_runs_without_an_authority_and_it_is_said_once(cli: Cli, plan: Path, tmp_path: Path) -> None:
    refused = start(cli, plan)
    assert (refused.code, "--authority" in refused.err) == (2, True)
    assert not (tmp_path / "out" / "rows.jsonl").exists()
    assert start(cli, plan, *MINE, "--limit", "3").code == 0
    recorded = json.loads((tmp_path / "out" / "manifest.json").read_text())["context"]["authority"]
    assert recorded == {"scripted:subject:rude": "we run these"}
    again = start(cli, plan)  # the same command goes on without asking again
    assert again.code == 0, again.err
    assert start(cli, plan, out="another").code == 2


def test_a_person_is_asked_once_a_target(cli: Cli, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(question: str, **options: object) -> str:
        asked.append(question)
        return "  ours  " if "rude" in question else ""

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", answer)
    for _ in range(2):
        assert start(cli, plan, "--limit", "2").code == 0
    assert len(asked) == 1
    recorded = json.loads((tmp_path / "out" / "manifest.json").read_text())["context"]["authority"]
    assert recorded == {"scripted:subject:rude": "ours"}
    silent = start(cli, plan, target="kind", out="other")
    assert (silent.code, "entitled" in silent.err) == (2, True)


def test_closed_categories_are_refused_before_anything_runs(cli: Cli, plan: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonl"
    suite.write_text(json.dumps({"id": "1", "prompt": "a placeholder", "category": "child_abuse"}) + "\n")
    ran = start(cli, suite, *MINE)
    assert (ran.code, "--opt-in child_abuse" in ran.err) == (2, True)
    opted = start(cli, suite, *MINE, "--opt-in", "child_abuse")
    assert opted.code == 0, opted.err
    assert "a placeholder" not in json.dumps(journal(tmp_path / "out")[0]["output"])
    assert not (tmp_path / "out" / "withheld.jsonl").exists()


def test_a_dry_run_asks_nothing(cli: Cli, plan: Path, tmp_path: Path) -> None:
    ran = start(cli, plan, *MINE, "--dry-run", "--json")
    told = json.loads(ran.out)
    assert told["rows owed"] == told["target calls at most"] == 12
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "1"}', "prompt"),
        ('{"id": "1", "prompt": "x", "category": "nonsense"}', "category"),
        ('{"axes": {"axes": {}}}', "axes"),
        ('{"axes": {"axes": {"a": ["b"]}}}\n{"id": "1", "cell": {"a": "c"}}', ":2"),
        ("not json", "not JSON"),
        ("", "the file is empty"),
    ],
)
def test_bad_cases_are_one_line(cli: Cli, plan: Path, tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line + "\n")
    ran = start(cli, tmp_path / "bad.jsonl", *MINE)
    assert ran.code in (1, 2)
    assert "bad.jsonl" in ran.err
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_a_suite_with_columns_of_its_own(cli: Cli, plan: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.csv"
    suite.write_text("text,topic\nHow do I brew tea?,self_harm\nWhy is the sky blue?,animal_abuse\n")
    names = ("--columns", "prompt=text,category=topic")
    assert start(cli, suite, *MINE, *names).code == 0
    inputs = [row["input"] for row in sorted(journal(tmp_path / "out"), key=lambda row: row["row"])]
    assert [(one["id"], one["prompt"], one["cell"]["category"]) for one in inputs] == [
        ("1", "How do I brew tea?", "self_harm"),
        ("2", "Why is the sky blue?", "animal_abuse"),
    ]
    for wrong, of in ((names, plan), (("--columns", "promt=text"), suite)):
        assert start(cli, of, *MINE, *wrong, out="other").code == 2


def test_a_limit_counts_cases_and_not_their_targets(cli: Cli, plan: Path, tmp_path: Path) -> None:
    ran = start(cli, plan, *MINE, "--target", "scripted:subject:kind", "--limit", "2")
    assert ran.code == 0, ran.err
    asked = [(row["input"]["id"], row["input"]["target"]) for row in journal(tmp_path / "out")]
    assert len(asked) == 4
    assert len({case for case, _ in asked}) == 2


def test_what_a_limit_leaves_out_needs_no_opt_in(cli: Cli, plan: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.jsonl"
    cases = [{"id": "1", "prompt": "a placeholder"}, {"id": "2", "prompt": "another", "category": "child_abuse"}]
    suite.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    assert start(cli, suite, *MINE, "--limit", "1").code == 0
    refused = start(cli, suite, *MINE, out="other")
    assert (refused.code, "--opt-in child_abuse" in refused.err) == (2, True)


def test_a_suite_may_have_categories_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("id,prompt,category\n1,How do I bake it?,billing\n")
    (tmp_path / "axes.toml").write_text('[axes]\ncategory = ["billing", "refunds"]\n')
    own = Options(cases=tmp_path / "own.csv", axes=tmp_path / "axes.toml")
    assert own.plan.cases[0].get("cell") == {"category": "billing"}
    with pytest.raises(DataError, match="billing"):
        _ = Options(cases=tmp_path / "own.csv").plan
