"""What a run of GenQR amounts to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.collection import arguments, files
from tests.cli.conftest import Cli, Ran, cli

__all__ = ["cli", "files"]  # the fixtures


def scores(ran: Ran) -> dict[str, Any]:
    told = json.loads(ran.out)
    return {row["measure"]: row for row in told["comparison"] if row["system"] == "after"}


def test_known_synonyms_help_and_noise_in_a_mix_hurts_little(cli: Cli) -> None:
    """Noise: words drawn at random from the collection's own vocabulary, others for each instruction and query."""
    helped = scores(cli("genqr", "run", "--collection", "sample", "--model", "scripted:script:synonyms", "--json"))
    assert helped["nDCG@10"]["paired"]["difference"] >= 0.15
    noisy = ["--collection", "sample", "--model", "scripted:script:noise", "--combination", "mix", "-o", "noise"]
    hurt = scores(cli("genqr", "run", *noisy, "--json"))
    assert hurt["nDCG@10"]["paired"]["difference"] >= -0.03
    assert hurt["nDCG@10"]["asked"] == 30


def test_a_topic_without_judgments_is_told_and_not_scored(cli: Cli, files: dict[str, Path]) -> None:
    files["qrels.txt"].write_text("q1 0 d1 1\n", encoding="utf-8")
    ran = cli(*arguments(files))
    assert ran.code == 0
    assert "1 of 2 queries have no judgments and are not scored: q2" in ran.err
    assert "nDCG@10\t1\t" in ran.out


def test_an_oracles_headline_is_the_residual_collections(cli: Cli, files: dict[str, Path]) -> None:
    """q1 is shown d1 of its two relevant documents; q2's only one is shown, so nothing is left to find for it."""
    ran = cli(*arguments(files, "--feedback", "oracle", "--feedback-k", "1", "--json"))
    told = json.loads(ran.out)
    assert (told["evaluation"], told["exhausted"]) == ("residual", 1)
    [plain] = [row for row in told["plain"] if (row["measure"], row["system"]) == ("nDCG@10", "after")]
    [left] = [row for row in told["comparison"] if (row["measure"], row["system"]) == ("nDCG@10", "after")]
    assert (plain["asked"], left["asked"]) == (2, 1)
    # "battery, amperage" finds d2, first of what is left of q1.
    assert left["mean"] == pytest.approx(1.0)
    table = cli(*arguments(files, "--feedback", "oracle", "--feedback-k", "1"))
    assert table.out.count("nDCG@10") == 2
    assert "1 queries have no relevant document left" in table.err
    assert table.err.index("residual collection") < table.err.index("plain scores")
    assert json.loads(cli(*arguments(files, "-o", "plain", "--json")).out)["evaluation"] == "plain"


def test_an_oracle_that_shows_everything_leaves_nothing_to_score(cli: Cli, files: dict[str, Path]) -> None:
    ran = cli(*arguments(files, "--feedback", "oracle"))
    assert (ran.code, "there is no residual score" in ran.err) == (0, True)
    assert json.loads(cli(*arguments(files, "--feedback", "oracle", "--json")).out)["comparison"] == []


@pytest.mark.parametrize(
    ("who", "more"),
    [("judge", ["--select", "judge", "-n", "3"]), ("critic", ["--feedback", "critic", "--feedback-pool", "5"])],
)
def test_grades_that_were_not_given_are_told(cli: Cli, files: dict[str, Path], who: str, more: list[str]) -> None:
    """`shout` answers with keywords, whatever it is asked: the rows are ok, and nothing was chosen by a grade."""
    asked = arguments(files, *more, f"--{who}", "scripted:script:shout", "-o", "x")
    assert f"note: the {who} gave no grade to" in (ran := cli(*asked)).err, ran.err
    without, looked_at = json.loads(cli(*asked, "--json").out)["ungraded"][who]
    assert 0 < without == looked_at
    graded = arguments(files, *more, f"--{who}", f"scripted:script:{'lenient' if who == 'judge' else 'grader'}")
    assert json.loads(cli(*graded, "-o", "y", "--json").out)["ungraded"] == {}
