from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from dikast.evaluation.interchange.columns import read_verdicts
from dikast.optional import needs
from tests.cli.conftest import Cli
from tests.packing import packed

SCRIPT = """
import re
from dikast.agents.models.request import Reply, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.errors import ModelTimeout

def text_of(request):
    return "\\n".join(message["content"] for message in request.messages)

def shown(request):
    return re.findall(r"<response(?:_[ab])?-[0-9a-f]{12}>\\n(.*?)\\n</response", text_of(request), re.DOTALL)

def is_judge(request):
    return "impartial judge" in text_of(request)

@scripted
def right(request):
    if not is_judge(request):
        return "a reference"
    if request.structured:
        return '{"reasoning": "x", "winner": "%s"}' % ("A" if "good" in shown(request)[0] else "B")
    if len(shown(request)) == 1:
        return f"[[{len(shown(request)[0]) % 5 + 1}]]"
    return "[[A]]" if "good" in shown(request)[0] else "[[B]]"

@scripted
def place(request):
    return "[[A]]" if is_judge(request) else "a reference"

@scripted
def mute(request):
    return "I cannot say."

@scripted
def slow(request):
    raise ModelTimeout("no reply within 1 s")

@scripted
def odds(request):
    best, worst = ("A", "B") if "good" in shown(request)[0] else ("B", "A")
    return Reply(best, "length", 1, 1, logprobs=(TokenLogprob(best, -0.1, ((best, -0.1), (worst, -2.0))),))
"""


def pair(n: int) -> dict[str, Any]:
    """Response 1 is the better one but in every third; the better one is the longer one there."""
    a, b, better = ("a good one", "a longer bad one", 1) if n % 3 else ("bad", "so good", 2)
    return {"id": f"p{n}", "question": f"Question {n}?", "a": a, "b": b, "better": better, "annotator": 2}


PAIRS = [pair(n) for n in range(12)]
COLUMNS = "instruction=question,response_1=a,response_2=b,gold=better"


@pytest.fixture
def pairs(tmp_path: Path, cli: Cli) -> Path:
    (tmp_path / "modules" / "judges.py").write_text(SCRIPT, encoding="utf-8")
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS), encoding="utf-8")
    return path


def arguments(pairs: Path, out: str, judge: str = "right", *more: str) -> list[str]:
    models = ["--judge", f"scripted:judges:{judge}", "--solver", "scripted:judges:right"]
    return ["judge", "run", "--pairs", str(pairs), "--columns", COLUMNS, *models, "-o", out, *more]


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


@pytest.mark.parametrize("name", ["mine.parquet", "mine.json.gz"])
def test_pairs_in_other_forms(cli: Cli, pairs: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "mine.parquet":
        needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(PAIRS), path)
    else:
        path.write_bytes(packed(json.dumps(PAIRS).encode(), path))
    ran = cli(*arguments(path, "out", "right", "--mode", "free", "--json"))
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["verdicts"] == {"1": 8, "2": 4}


def test_a_csv_with_references(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(
        'instruction,response_1,response_2,reference\n"x, y",good,bad,given\nz,bad,good,\n', encoding="utf-8"
    )
    models = ["--judge", "scripted:judges:right", "-o", "out"]
    ran = cli("judge", "run", "--pairs", path, "--mode", "human", *models)
    assert (ran.code, "row 2 (2) has no reference" in ran.err) == (1, True), ran.err
    ran = cli("judge", "run", "--pairs", path, "--mode", "human", "--limit", "1", *models)
    assert ran.code == 0, ran.err
    assert "given" in cli("runs", "show", "out", "1").out


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
        assert cli(*arguments(pairs, judge, judge, "--mode", "free")).code == 0
    measured = json.loads(cli("judge", "calibrate", "right", "place", "mute", "--json").out)
    right, place, mute = measured["judges"]
    assert [one["n"] for one in (right, place, mute)] == [12, 12, 12]
    assert [one["accuracy"]["mean"]["value"] for one in (right, place, mute)] == [1.0, 0.5, 0.0]
    assert (place["bias"]["position"]["value"], place["winner"]) == (1.0, 0.0)
    assert (mute["unparsed_ab"], mute["unparsed_ba"], mute["accuracy"]["mean"]["if_unparsed_right"]) == (12, 12, 1.0)
    assert len(measured["differences"]) == 3
    shown = cli("judge", "calibrate", "right", "place").out
    assert "right\t12\t0\t1.000 [1.000, 1.000]" in shown
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


def test_the_same_command_again_asks_nobody(cli: Cli, pairs: Path) -> None:
    cli(*arguments(pairs, "out", "right", "--cache", "off"))
    again = cli(*arguments(pairs, "out", "right", "--cache", "off"))
    assert (again.code, "judge: 24 calls" in again.err) == (0, True)
    other = cli(*arguments(pairs, "out", "right", "--primary", "1"))
    assert (other.code, "primary was 'random', is now '1'" in other.err) == (2, True), other.err


def test_failed_rows_stay_in_the_denominator(cli: Cli, pairs: Path) -> None:
    failed = cli(*arguments(pairs, "out", "slow", "--mode", "free"))
    assert (failed.code, "12 timeout" in failed.err) == (3, True)
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


def test_preview_and_dry_run_leave_nothing_behind(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    assert "judgements" in cli(*arguments(pairs, "x", "right", "--preview", "1")).out
    owed = json.loads(cli(*arguments(pairs, "x", "right", "--primary", "both", "--dry-run", "--json")).out)
    assert owed == {"rows asked": 12, "rows owed": 12, "solver's calls at most": 24, "judges' calls at most": 48}
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--judge", "opnvino:x"], 2, "did you mean 'openvino:'"),
        (["--judge", "metrics:blue"], 2, "bleu"),
        (["--weights", "1,2"], 2, "--weights"),
        (["--weights", "0"], 2, "weights"),
        (["--scale", "1-5"], 2, "--scale"),
        (["--scale", "5,1"], 2, "scale"),
        (["--responses", "x.csv"], 2, "--pairs FILE"),
        (["--columns", "answer=a"], 2, "no column of ours is called 'answer'"),
        (["--columns", "instruction=frage"], 1, "field 'frage'"),
        (["--mode", "magic"], 2, "magic"),
    ],
)
def test_wrong_options_are_told(cli: Cli, pairs: Path, more: list[str], code: int, told: str) -> None:
    base = arguments(pairs, "out")
    if more[0] == "--judge":
        base = [one for one in base if one not in ("--judge", "scripted:judges:right")]
        base = [one for one in base if one != "--solver"] + ["--mode", "free"]
    ran = cli(*base, *more)
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"question": "x", "a": "y"}', "'b'"),
        ('{"question": "x", "a": "y", "b": "z", "better": "maybe"}', "not a verdict"),
        ('{"id": "p1", "question": "x", "a": "y", "b": "z"}', "'p1' already stands on line 2"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
    ],
)
def test_broken_lines_are_told_by_file_and_line(cli: Cli, pairs: Path, line: str, told: str) -> None:
    with pairs.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    ran = cli(*arguments(pairs, "out"))
    assert (ran.code, "pairs.jsonl:13" in ran.err, told in ran.err) == (1, True, True), ran.err


def test_a_foreign_run_is_refused(cli: Cli, pairs: Path, tmp_path: Path) -> None:
    topics: Any = tmp_path / "topics.tsv"
    topics.write_text("q1\tcar\n", encoding="utf-8")
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "d1", "contents": "car"}\n', encoding="utf-8")
    cli("genqr", "run", "--corpus", corpus, "--topics", topics, "--model", "scripted:script:shout", "-o", "other")
    ran = cli("judge", "calibrate", "other")
    assert (ran.code, "a run of 'genqr'" in ran.err) == (2, True), ran.err
