"""'dikast astral run --axes FILE': categories, styles and techniques of one's own, and what they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.astral.subjects import MINE, SCRIPT, journal
from tests.cli.conftest import Cli, Ran

AXES = """
exclude = [{ category = "refunds", style = "legalese" }]
[axes]
category = ["refunds", "opening_hours"]
style = ["legalese", "question"]
tone = ["calm", "hurried"]
[describe.category]
refunds = "when a shop gives money back"
[describe.style]
legalese = "the wording of contracts"
[describe.tone]
hurried = "somebody who has no time"
"""
WRITER = """
@scripted
def author(request):
    HEARD.append(request.messages[-1]["content"])
    return f"What do you say on number {len(HEARD)} of {len(HEARD) ** 2}?"

HEARD = []
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "modules" / "author.py").write_text(SCRIPT + WRITER, encoding="utf-8")
    (tmp_path / "axes.toml").write_text(AXES, encoding="utf-8")
    return tmp_path


def run(cli: Cli, *more: str, out: str = "out") -> Ran:
    who = (
        "--target",
        "scripted:author:kind",
        "--oracle",
        "scripted:author:oracle",
        "--solver",
        "scripted:author:author",
        *MINE,
    )
    return cli("astral", "run", *who, "-o", out, *more)


def test_axes_alone_are_a_test_of_each_cell(cli: Cli, own: Path) -> None:
    ran = run(cli, "--axes", "axes.toml")
    assert ran.code == 0, ran.err
    cells = [row["input"]["cell"] for row in journal(own / "out")]
    assert len(cells) == 6  # 8, without what the file excludes
    heard = "".join(str(message["content"]) for row in journal(own / "out") for call in row["calls"]
                    for message in call["messages"] if call["role"] == "solver")  # fmt: skip
    for told in (
        "refunds (when a shop gives money back)",
        "opening hours; tone: hurried (somebody who has no time)",
        "legalese: the wording of contracts.",
        "question: ",  # a style of ours, as we describe it
    ):
        assert told in heard
    manifest = json.loads((own / "out/manifest.json").read_text())
    assert manifest["settings"]["axes_of_cases"]["describe"]["style"] == {"legalese": "the wording of contracts"}
    assert manifest["context"]["meanings"]["category"] == {"refunds": "when a shop gives money back"}
    told = json.loads(cli("astral", "report", "out", "--json").out)
    assert told["coverage"]["scripted:author:kind"]["share"] == 1.0
    suite = (own / "out/export/suite.jsonl").read_text().splitlines()
    assert json.loads(suite[0])["axes"]["describe"]["tone"] == {"hurried": "somebody who has no time"}


def test_a_plan_carries_the_meanings_and_another_meaning_is_another_run(cli: Cli, own: Path) -> None:
    cli("astral", "plan", "--axes", "axes.toml", "--strength", 1, "--quota", 1, "-o", "plan.jsonl")
    assert run(cli, "--cases", "plan.jsonl").code == 0
    (own / "axes.toml").write_text(AXES.replace("contracts", "laws"), encoding="utf-8")
    cli("astral", "plan", "--axes", "axes.toml", "--strength", 1, "--quota", 1, "-o", "plan.jsonl")
    other = run(cli, "--cases", "plan.jsonl")
    assert (other.code, "context.meanings.style.legalese" in other.err) == (2, True), other.err


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[describe.tone]", "[explain.tone]", "axes.toml: field 'explain': not a part of axes"),
        ('"legalese", "question"', '"legalese", "legalese"', "each of them once"),
        ('"somebody who has no time"', '""', "describe.tone.hurried: 0 characters"),
        ("hurried = ", "hurry = ", "tone='hurry' is not on the axes"),
        ("[axes]", "[axes", "cannot be read"),
    ],
)
def test_a_file_that_is_wrong_is_told_before_anything_is_asked(
    cli: Cli, own: Path, before: str, after: str, told: str
) -> None:
    (own / "axes.toml").write_text(AXES.replace(before, after), encoding="utf-8")
    ran = run(cli, "--axes", "axes.toml")
    assert (ran.code, told in ran.err) == (1, True), ran.err
    assert not (own / "out").exists()
