"""'dikast judge calibrate' and 'report', over runs of 'judge run'."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from dikast.evaluation.interchange.columns import read_verdicts
from tests.cli.conftest import Cli
from tests.cli.judge.pairs import PAIRS, arguments, pairs

__all__ = ["pairs"]  # fixtures


@pytest.mark.parametrize("mode", ["free", "direct", "reviseval", "commit-first"])
@pytest.mark.parametrize("verdict", ["mark", "json"])
def test_a_users_own_pairs(cli: Cli, pairs: Path, tmp_path: Path, mode: str, verdict: str) -> None:
    ran = cli(*arguments(pairs, "out", "right", "--mode", mode, "--verdict", verdict, "--json"))
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["verdicts"] == {"1": 8, "2": 4}
    calls = {role: usage.get("calls", 0) for role, usage in told["summary"]["usage"].items()}
    assert calls.get("judge") == 12 * (3 if mode == "commit-first" else 2)
    assert calls.get("solver", 0) == (12 if mode in ("direct", "reviseval") else 0)
    verdicts = read_verdicts(tmp_path / "out/export/verdicts.jsonl")
    assert [(one.id, one.ab, one.ba) for one in verdicts[:2]] == [("p0", "2", "2"), ("p1", "1", "1")]


def test_label_probabilities(cli: Cli, pairs: Path) -> None:
    ran = cli(*arguments(pairs, "out", "odds", "--mode", "free", "--verdict", "logprobs", "--json"))
    assert json.loads(ran.out)["verdicts"] == {"1": 8, "2": 4}
    lacking = cli(*arguments(pairs, "other", "right", "--mode", "free", "--verdict", "logprobs"))
    assert (lacking.code, "log-probabilities" in lacking.err) == (2, True)


def test_single_responses_are_scored(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    rows = "".join(f"t{n},Question?,{'x' * n},{n % 5 + 1}\n" for n in range(1, 9))
    path.write_text(f"name,question,answer,stars\n{rows}", encoding="utf-8")
    columns = "id=name,instruction=question,response=answer,gold=stars"
    models = ["--judge", "scripted:judges:right", "--solver", "scripted:judges:right"]
    ran = cli("judge", "run", "--responses", path, "--columns", columns, *models, "-o", "out")
    assert ran.code == 0, ran.err
    lines = (tmp_path / "out/export/scores.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0]) == {"id": "t1", "score": 2.0}
    measured = json.loads(cli("judge", "calibrate", "out", "--json").out)
    assert measured["judges"] == []
    assert (measured["scores"][0]["n"], measured["scores"][0]["spearman"]["value"]) == (8, pytest.approx(1.0))
    assert "t1" not in cli("judge", "calibrate", "out").out
    assert cli("judge", "report", "out", "-o", "page").code == 0
    assert "## Scores" in (tmp_path / "page/report.md").read_text(encoding="utf-8")


def test_judges_are_measured_and_compared(cli: Cli, pairs: Path) -> None:
    for judge in ("right", "place", "mute"):
        code = 3 if judge == "mute" else 0
        assert cli(*arguments(pairs, judge, judge, "--mode", "free")).code == code
    measured = json.loads(cli("judge", "calibrate", "right", "place", "mute", "--json").out)
    right, place, mute = measured["judges"]
    assert [one["n"] for one in (right, place, mute)] == [12, 12, 12]
    assert [one["accuracy"]["mean"]["value"] for one in (right, place, mute)] == [1.0, 0.5, 0.0]
    assert (place["bias"]["position"]["value"], place["winner"]) == (1.0, 0.0)
    assert (mute["unparsed_ab"], mute["unparsed_ba"], mute["accuracy"]["mean"]["if_unparsed_right"]) == (12, 12, 1.0)
    assert len(measured["differences"]) == 3
    shown = cli("judge", "calibrate", "right", "place").out
    assert "right\t12\t0\t1.000 [0.758, 1.000]" in shown
    assert "right → place\t-0.500" in shown


def test_labels_in_another_column(cli: Cli, pairs: Path) -> None:
    cli(*arguments(pairs, "out", "right", "--mode", "free"))
    measured = json.loads(cli("judge", "calibrate", "out", "--gold", "annotator", "--json").out)
    assert measured["judges"][0]["accuracy"]["mean"]["value"] == pytest.approx(4 / 12)
    missing = cli("judge", "calibrate", "out", "--gold", "nobody")
    assert (missing.code, "field 'nobody'" in missing.err, "annotator" in missing.err) == (1, True, True)


def test_a_panel_and_each_of_its_judges(cli: Cli, pairs: Path) -> None:
    more = ["--judge", "scripted:judges:place", "--weights", "2,1", "--mode", "free"]
    assert cli(*arguments(pairs, "panel", "right", *more)).code == 0
    judges = json.loads(cli("judge", "calibrate", "panel", "--json").out)["judges"]
    assert [(one["judge"], one["accuracy"]["mean"]["value"]) for one in judges] == [
        ("panel", 1.0),
        ("panel, judge 1", 1.0),
        ("panel, judge 2", 0.5),
    ]


def test_a_report_is_a_page_with_plots(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    cli(*arguments(pairs, "right"))
    cli(*arguments(pairs, "place", "place"))
    ran = cli("judge", "report", "right", "place", "-o", "page", "--title", "My judges")
    assert ran.code == 0, ran.err
    text = (tmp_path / "page/report.md").read_text(encoding="utf-8")
    assert text.startswith("# My judges\n\nright agrees with people most often")
    for part in ("place favours the first place", "## What the reviser did", "## What it cost"):
        assert part in text
    assert re.search(r"\| right: solver \| 12 \|", text)
    assert re.search(r"\| right: judge \| 24 \|", text)
    # The second run finds the first one's references in the cache.
    assert re.search(r"\| place: solver \| 0 \| 0 \| 0 \| 12 \|", text)
    assert {path.name for path in (tmp_path / "page").iterdir()} == {
        *("report.md", "report.html", "report.json", "accuracy.svg", "bias.svg", "how-often-right.csv"),
        *("where-judge-and-people-differ.csv", "where-the-two-orders-differ.csv"),
        *("which-way-it-leans.csv", "agreement.csv", "differences.csv", "what-the-reviser-did.csv", "what-it-cost.csv"),
    }
    shown = cli("judge", "calibrate", "right", "place").out.splitlines()
    for table in ("how-often-right", "differences"):  # one table, drawn twice
        written = (tmp_path / f"page/{table}.csv").read_text(encoding="utf-8").splitlines()
        assert written[0].replace('"', "").replace(", ", ",") in [
            line.replace("\t", ",").replace(", ", ",") for line in shown
        ]
    for plot in re.findall(r"\]\((\w+\.svg)\)", text):
        assert ET.parse(tmp_path / "page" / plot).getroot().tag.endswith("svg")


def test_accuracy_by_a_column_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    lines = ["id,ab,ba,gold,topic", "p1,1,1,1,sums", "p2,2,2,1,sums", "p3,1,2,1,sums", "p4,2,2,2,rhymes"]
    (tmp_path / "theirs.csv").write_text("\n".join(lines), encoding="utf-8")
    told = json.loads(cli("judge", "calibrate", "theirs.csv", "--by", "topic", "--json").out)
    [found] = told["groups"]
    assert (found["by"], found["mean_of_groups"]) == ("topic", pytest.approx((1 + 1 / 3) / 2))
    assert [(one["group"], one["n"], one["same"]) for one in found["groups"]] == [
        ("rhymes", 1, 1.0),
        ("sums", 3, pytest.approx(2 / 3)),
    ]
    assert told["flips"] == [{"judge": "theirs", "people": {"p2": 1.0, "p3": 0.5}, "orders": {"p3": 1.0}}]
    assert "over groups" in cli("judge", "calibrate", "theirs.csv", "--by", "topic").out
    refused = cli("judge", "report", "theirs.csv", "--by", "topics")
    assert (refused.code, "--by one of: ab, ba, gold, id, topic" in refused.err) == (2, True), refused.err


def test_the_same_command_again_asks_nobody(cli: Cli, pairs: Path) -> None:
    cli(*arguments(pairs, "out", "right", "--cache", "off"))
    again = cli(*arguments(pairs, "out", "right", "--cache", "off"))
    assert (again.code, "judge: 24 calls" in again.err) == (0, True)
    other = cli(*arguments(pairs, "out", "right", "--primary", "1"))
    assert (other.code, "primary was 'random', is now '1'" in other.err) == (2, True), other.err


def test_failed_rows_stay_in_the_denominator(cli: Cli, pairs: Path) -> None:
    failed = cli(*arguments(pairs, "out", "slow", "--mode", "free"))
    assert (failed.code, "12 timeout" in failed.err, "0 scored of 12 asked" in failed.err) == (3, True, True)
    [judge] = json.loads(cli("judge", "calibrate", "out", "--json").out)["judges"]
    assert (judge["n"], judge["unparsed_ab"]) == (12, 12)
    assert cli("runs", "retry", "out").code == 3


def test_a_run_that_owes_rows_is_not_measured(cli: Cli, pairs: Path) -> None:
    stopped = cli(*arguments(pairs, "out", "right", "--mode", "free", "--max-calls", "7", "--concurrency", "1"))
    assert stopped.code == 3
    assert "the same command with a higher limit goes on" in stopped.err
    assert "dikast judge report" not in stopped.err
    for command in ("calibrate", "report"):
        ran = cli("judge", command, "out")
        assert (ran.code, "still owes" in ran.err) == (2, True), ran.err
    assert "dikast judge report out" in cli(*arguments(pairs, "out", "right", "--mode", "free")).err
    assert cli("judge", "calibrate", "out").code == 0


def test_a_rows_story(cli: Cli, pairs: Path) -> None:
    cli(*arguments(pairs, "out", "place"))
    story = cli("runs", "show", "out", "p1").out
    for told in (
        "verdict: tie; in each order: 1, 2",
        "reference 1: revision, ok of response",
        "a reference",
        "judge\t",
    ):
        assert told in story
    assert "words edited" in story


def test_a_foreign_run_is_refused(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    topics: Any = tmp_path / "topics.tsv"
    topics.write_text("q1\tcar\n", encoding="utf-8")
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "d1", "contents": "car"}\n', encoding="utf-8")
    cli("genqr", "run", "--corpus", corpus, "--topics", topics, "--model", "scripted:script:shout", "-o", "other")
    ran = cli("judge", "calibrate", "other")
    assert (ran.code, "a run of 'genqr'" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize(("kind", "rows"), [("sft", 12), ("preference", 12), ("unpaired", 24)])
def test_judged_pairs_become_training_rows(cli: Cli, pairs: Path, tmp_path: Path, kind: str, rows: int) -> None:
    assert cli(*arguments(pairs, "out", "right", "--mode", "free")).code == 0
    told = json.loads(cli("runs", "export", "out", "--as", kind, "--json").out)
    assert sum(told["rows"].values()) == rows
    assert told["left_out"] == {}
    assert cli("runs", "export", "out", "--as", "value").code == 2
    [one, *_] = sorted((tmp_path / "out" / "export" / kind).glob("*.jsonl"))
    row = json.loads(one.read_text(encoding="utf-8").splitlines()[0])
    assert "good" in row["chosen" if kind == "preference" else "completion"]
    assert "better" not in row


def test_adapted_and_given_references_side_by_side(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    """A revision of the scripted solver is "a reference"; the given ones are the better responses."""
    better = [{**one, "reference": one["a"] if one["better"] == 1 else one["b"]} for one in PAIRS]
    pairs.write_text("".join(json.dumps(one) + "\n" for one in better), encoding="utf-8")
    assert cli(*arguments(pairs, "adapted")).code == 0
    assert cli(*arguments(pairs, "human", "place", "--mode", "human")).code == 0
    ran = cli("judge", "references", "adapted", "human", "--metrics", "token-f1", "--json", "-o", "page")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["pairs"], told["asked"], told["left_out"]) == (12, 12, {})
    found = {(one["measure"], one["what"]): one for one in told["figures"]}
    judge = found["judge", "verdict is people's"]
    # The judge of the second run always says the first place, which is a tie of both orders.
    assert (judge["adapted"], judge["given"], judge["n"]) == (1.0, 0.0, 12)
    assert found["token-f1", "nearer response is the preferred one"]["given"] == 1.0
    assert "Adapted and given references" in (tmp_path / "page/report.md").read_text(encoding="utf-8")
    alone = cli("judge", "references", "adapted", "--metrics", "token-f1")
    assert ("judge" in alone.out, "12 of 12 pairs" in alone.err) == (False, True)
    refused = cli("judge", "references", "human", "adapted")
    assert (refused.code, "no response-adapted reference" in refused.err) == (2, True), refused.err
    unknown = cli("judge", "references", "adapted", "--metrics", "bleurt")
    assert (unknown.code, "known: token-f1, chrf, rougeL" in unknown.err) == (2, True), unknown.err
