"""Other tools' files in, and verdicts out to them, by command."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from dikast.evaluation.interchange import alpaca_eval, mt_bench
from tests.cli.conftest import Cli

SCRIPT = """
from dikast.agents.models.scripted import scripted

@scripted
def longer(request):
    text = request.messages[-1]["content"]
    if "unreadable" in text:
        return "I cannot say."
    return "[[A]]" if text.find("a long answer") < text.find("short") else "[[B]]"

@scripted
def four(request):
    return "[[4]]"
"""

Files = dict[str, list[Path]]


@pytest.fixture
def files(tmp_path: Path, cli: Cli) -> Files:
    """The same three pairs in each tool's form; the longer response is the second one, and the better one."""
    (tmp_path / "modules" / "lengths.py").write_text(SCRIPT, encoding="utf-8")
    topics = ["primes", "rivers", "unreadable"]

    def write(name: str, rows: list[Any]) -> Path:
        path = tmp_path / name
        dumped = json.dumps(rows) if path.suffix == ".json" else "".join(f"{json.dumps(row)}\n" for row in rows)
        path.write_text(dumped, encoding="utf-8")
        return path

    def answers(model: str, text: str) -> Path:
        return write(
            f"{model}.jsonl",
            [{"question_id": n, "model_id": model, "choices": [{"turns": [text, "more"]}]} for n in (81, 82, 83)],
        )

    def outputs(model: str, text: str) -> Path:
        return write(f"{model}.json", [{"instruction": topic, "output": text, "generator": model} for topic in topics])

    questions = [{"question_id": 81 + n, "category": "x", "turns": [topic, "?"]} for n, topic in enumerate(topics)]
    llmbar = [{"input": topic, "output_1": "short", "output_2": "a long answer", "label": 2} for topic in topics]
    pandalm = [
        {"idx": n, "instruction": topic, "input": "", "response1": "short", "response2": "a long answer"}
        | {"annotator1": 2, "annotator2": 2, "annotator3": 0}
        for n, topic in enumerate(topics)
    ]
    summaries = [
        {"doc_id": f"d{n}", "system": "s", "summary": "words", "human": {"coherence": n, "fluency": n + 2}}
        for n in range(1, 4)
    ]
    return {
        "llmbar": [write("llmbar.jsonl", llmbar)],
        "pandalm": [write("pandalm.json", pandalm)],
        "mt-bench": [write("question.jsonl", questions), answers("vicuna", "short"), answers("llama", "a long answer")],
        "alpaca-eval": [outputs("base", "short"), outputs("mine", "a long answer")],
        "summeval": [
            write("summaries.jsonl", summaries),
            write("references.jsonl", [{"doc_id": f"d{n}", "ref_summs": ["the best words"]} for n in range(1, 4)]),
        ],
    }


def judged(cli: Cli, files: Files, tool: str, *more: str) -> None:
    assert cli("judge", "import", tool, *files[tool], "-o", "pairs.jsonl").code == 0
    models = ["--judge", "scripted:lengths:longer", "--mode", "free", "-o", "run"]
    ran = cli("judge", "run", "--pairs", "pairs.jsonl", *models, *more)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("tool", ["llmbar", "pandalm", "mt-bench", "alpaca-eval"])
def test_each_tools_pairs_are_judged(cli: Cli, files: Files, tool: str) -> None:
    told = json.loads(cli("judge", "import", tool, *files[tool], "-o", "pairs.jsonl", "--json").out)
    assert (told["rows"], told["option"]) == (3, "--pairs")
    ran = cli(
        "judge", "run", "--pairs", "pairs.jsonl", "--judge", "scripted:lengths:longer", "--mode", "free", "--json"
    )
    assert json.loads(ran.out)["verdicts"] == {"2": 2, "none": 1}
    if tool in ("llmbar", "pandalm"):
        [measured] = json.loads(cli("judge", "calibrate", "runs/judge", "--json").out)["judges"]
        assert (measured["n"], measured["accuracy"]["mean"]["value"]) == (3, pytest.approx(2 / 3))


def test_one_annotators_labels_can_be_the_gold(cli: Cli, files: Files) -> None:
    judged(cli, files, "pandalm")
    [measured] = json.loads(cli("judge", "calibrate", "run", "--gold", "annotator_3", "--json").out)["judges"]
    assert measured["accuracy"]["mean"]["value"] == 0


def test_people_among_themselves_are_the_ceiling(cli: Cli, files: Files, tmp_path: Path) -> None:
    judged(cli, files, "pandalm")
    people = json.loads(cli("judge", "calibrate", "run", "--json").out)["people"]
    # Two of three always say 2, the third always tie: each of the two has one with him and one against.
    assert (people["n"], people["no_majority"], people["against_others"]) == (3, 0, 0.0)
    assert people["fleiss_kappa"] == pytest.approx(-0.5)
    assert "one against the others" in cli("judge", "calibrate", "run").out
    cli("judge", "report", "run", "-o", "page")
    assert "## People among themselves" in (tmp_path / "page/report.md").read_text(encoding="utf-8")
    judged(cli, files, "llmbar", "--force-new")
    assert json.loads(cli("judge", "calibrate", "run", "--json").out)["people"] is None


def test_another_judges_verdicts_are_measured_from_a_file(cli: Cli, tmp_path: Path) -> None:
    lines = ["id,ab,ba,gold", "p1,1,1,1", "p2,2,2,1", "p3,1,2,1", "p4,,1,1"]
    (tmp_path / "theirs.csv").write_text("\n".join(lines), encoding="utf-8")
    [measured] = json.loads(cli("judge", "calibrate", "theirs.csv", "--json").out)["judges"]
    assert (measured["judge"], measured["n"], measured["unparsed_ab"]) == ("theirs", 4, 1)
    assert (measured["accuracy"]["ab"]["value"], measured["accuracy"]["ba"]["value"]) == (0.5, 0.5)
    assert (measured["winner"], measured["bias"]["length"]["value"]) == (0.25, None)
    assert cli("judge", "report", "theirs.csv", "-o", "page").code == 0


def test_another_judges_scores_are_measured_from_a_file(cli: Cli, tmp_path: Path) -> None:
    rows = [{"id": n, "score": None if n == 9 else n % 5, "gold": n % 5 + 1} for n in range(10)]
    (tmp_path / "scores.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    [measured] = json.loads(cli("judge", "calibrate", "scores.jsonl", "--json").out)["scores"]
    assert (measured["n"], measured["unparsed"], measured["mean_difference"]) == (10, 1, -1.0)
    assert measured["spearman"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,ab,ba,gold\n", "no verdicts"),
        ("id,gold\n1,1\n", "bad.csv:2: field 'score'"),
        ("id,ab,ba\n1,1,1\n", "field 'gold'"),
        ("id,ab,ba,gold\n1,3,1,1\n", "bad.csv:2: field 'ab'"),
        ("id,score,gold\n1,high,1\n", "bad.csv:2: field 'score'"),
        ("id,ab,ba,gold,annotator_1\n1,1,1,1,maybe\n", "field 'annotator_1'"),
    ],
)
def test_a_bad_file_of_verdicts_is_told(cli: Cli, tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "bad.csv").write_text(content, encoding="utf-8")
    ran = cli("judge", "calibrate", "bad.csv")
    assert (ran.code, "Traceback" in ran.err) == (1, False), ran.err
    assert told in ran.err


def test_single_texts_are_scored_by_dimension(cli: Cli, files: Files, tmp_path: Path) -> None:
    ran = cli("judge", "import", "summeval", *files["summeval"], "-o", "texts.jsonl")
    assert "--responses texts.jsonl" in ran.err
    first = json.loads((tmp_path / "texts.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert (first["gold"], first["fluency"], first["reference"]) == (2.0, 3, "the best words")
    models = ["--judge", "scripted:lengths:four", "--mode", "human", "-o", "run"]
    assert cli("judge", "run", "--responses", "texts.jsonl", *models).code == 0
    [measured] = json.loads(cli("judge", "calibrate", "run", "--gold", "fluency", "--json").out)["scores"]
    assert (measured["n"], measured["mean_difference"]) == (3, 0.0)


def test_verdicts_go_out_to_mt_bench(cli: Cli, files: Files, tmp_path: Path) -> None:
    judged(cli, files, "mt-bench")
    assert cli("judge", "export", "run", "--as", "mt-bench", "--judge", "me").code == 0
    rows = mt_bench.read_pair_judgments(tmp_path / "run/export/me_pair.jsonl")
    assert [(row.question_id, row.model_1, row.model_2, row.verdict.ab, row.verdict.ba) for row in rows] == [
        ("81", "vicuna", "llama", "2", "2"),
        ("82", "vicuna", "llama", "2", "2"),
        ("83", "vicuna", "llama", None, None),
    ]


def test_verdicts_go_out_to_alpaca_eval(cli: Cli, files: Files, tmp_path: Path) -> None:
    judged(cli, files, "alpaca-eval")
    told = json.loads(cli("judge", "export", "run", "--as", "alpaca-eval", "-o", "board", "--json").out)
    assert told["wrote"] == ["board/annotations.json", "board/leaderboard.csv"]
    annotations = alpaca_eval.read_annotations(tmp_path / "board/annotations.json")
    assert [(one.generator_2, one.annotator, one.winner) for one in annotations] == [
        ("mine", "run", "2"),
        ("mine", "run", "2"),
        ("mine", "run", None),
    ]
    [line] = csv.DictReader((tmp_path / "board/leaderboard.csv").read_text(encoding="utf-8").splitlines())
    # What could not be read counts as half, and is asked.
    assert (line[""], line["n_total"], line["n_unparsed"]) == ("mine", "3", "1")
    assert float(line["win_rate"]) == pytest.approx(100 * 2.5 / 3)


def test_scores_go_out_to_mt_bench(cli: Cli, files: Files, tmp_path: Path) -> None:
    cli("judge", "import", "summeval", *files["summeval"], "-o", "texts.jsonl")
    models = ["--judge", "scripted:lengths:four", "--mode", "free", "-o", "run"]
    cli("judge", "run", "--responses", "texts.jsonl", *models)
    assert cli("judge", "export", "run", "--as", "mt-bench", "--models", "s").code == 0
    rows = mt_bench.read_score_judgments(tmp_path / "run/export/run_single.jsonl")
    assert [(row.question_id, row.model, row.score) for row in rows] == [(f"d{n}/s", "s", 4.0) for n in (1, 2, 3)]
    refused = cli("judge", "export", "run", "--as", "alpaca-eval")
    assert (refused.code, "pairs" in refused.err) == (2, True)


def test_rows_that_name_no_model_need_names(cli: Cli, files: Files) -> None:
    judged(cli, files, "llmbar")
    refused = cli("judge", "export", "run", "--as", "mt-bench")
    assert (refused.code, "--models MODEL_1,MODEL_2" in refused.err) == (2, True)
    assert "name 2" in cli("judge", "export", "run", "--as", "mt-bench", "--models", "a").err
    assert cli("judge", "export", "run", "--as", "mt-bench", "--models", "a,b").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["mt-bench", "question.jsonl", "-o", "x.jsonl"], 2, "questions, answers of model 1, answers of model 2"),
        (["llmbar", "absent.jsonl", "-o", "x.jsonl"], 1, "absent.jsonl"),
        (["llmbar", "pandalm.json", "-o", "x.jsonl"], 1, "pandalm.json: row 1: field 'output_1'"),
        (["llmbar", "llmbar.jsonl", "-o", "x.csv"], 2, "NAME.jsonl"),
        (["llmbar", "empty.jsonl", "-o", "x.jsonl"], 1, "empty.jsonl: the file is empty"),
        (["llmber", "llmbar.jsonl", "-o", "x.jsonl"], 2, "llmbar"),
    ],
)
def test_wrong_files_are_told(
    cli: Cli, files: Files, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    (tmp_path / "empty.jsonl").touch()
    ran = cli("judge", "import", *arguments)
    assert (ran.code, "Traceback" in ran.err) == (code, False), ran.err
    assert told in ran.err


def test_what_an_import_leaves_out_is_told_by_id(files: Files, cli: Cli, tmp_path: Path) -> None:
    """alpaca_eval #453: baselines with other rows; MT-Bench: questions without both answers, and second turns."""
    [base, mine] = files["alpaca-eval"]
    kept = json.loads(mine.read_text(encoding="utf-8"))[:2]
    mine.write_text(json.dumps(kept), encoding="utf-8")
    ran = cli("judge", "import", "alpaca-eval", base, mine, "-o", "a.jsonl", "--json")
    told = json.loads(ran.out)
    assert told["rows"] == 2
    assert told["left_out"] == {"row 3 ('unreadable')": "of the baseline, not answered by the model"}
    assert "left out, of the baseline, not answered by the model: 1: row 3 ('unreadable')" in ran.err

    questions, first, second = files["mt-bench"]
    second.write_text("".join(second.read_text(encoding="utf-8").splitlines(keepends=True)[:2]), encoding="utf-8")
    ran = cli("judge", "import", "mt-bench", questions, first, second, "-o", "b.jsonl", "--json")
    told = json.loads(ran.out)
    assert told["rows"] == 2
    assert told["left_out"] == {
        "81 from turn 2": "only the first turn is compared",
        "82 from turn 2": "only the first turn is compared",
        "83": "not answered by model 2",
    }
    assert "left out, only the first turn is compared: 2: 81 from turn 2; 82 from turn 2" in ran.err


@pytest.mark.parametrize("tool", ["llmbar", "pandalm"])
def test_where_every_record_is_a_row_nothing_is_left_out(tool: str, files: Files, cli: Cli) -> None:
    ran = cli("judge", "import", tool, *files[tool], "-o", "a.jsonl", "--json")
    assert json.loads(ran.out)["left_out"] == {}
    assert "left out" not in ran.err


def board_of(tmp_path: Path, lines: list[str]) -> Path:
    path = tmp_path / "verdicts.csv"
    path.write_text("\n".join(["id,instruction,model_1,model_2,ab,ba", *lines]), encoding="utf-8")
    return path


def test_systems_are_ranked_by_a_files_verdicts(cli: Cli, tmp_path: Path) -> None:
    """Ties are halves, what could not be read is no match and told, and so is a system without a rating."""
    lines = [f"p{n},q{n % 5},small,large,{2 if n % 4 else 1},{2 if n % 4 else 1}" for n in range(12)]
    lines += ["t,q1,small,large,1,2", "u,q2,small,large,,1", "v,q3,best,large,1,1", "w,q4,large,large,1,1"]
    path = board_of(tmp_path, lines)
    told = json.loads(cli("judge", "leaderboard", path, "--json", "--resamples", "20", "-o", "board").out)
    assert (told["asked"], told["matches"], told["prompts"]) == (16, 14, 5)
    assert told["left_out"] == {"without a verdict": 1, "a system against itself": 1}
    best, large, small = told["systems"]
    assert (best["system"], best["rating"], best["reason"]) == ("best", None, "won all")
    # 9 wins, 3 losses and a tie.
    assert large["rating"] - small["rating"] == pytest.approx(400 * math.log10(9.5 / 3.5))
    assert told["rates"]["small"]["large"] == pytest.approx(3.5 / 13)
    text = (tmp_path / "board/report.md").read_text(encoding="utf-8")
    assert "best: never lost or tied, against those that are rated" in text
    assert "Of 16 rows left out: without a verdict: 1; a system against itself: 1" in text
    shown = cli("judge", "leaderboard", path, "--resamples", "0", "--anchor", "small", "--ties", "leave-out")
    assert "\t1000.000\t" in shown.out
    assert "a tie, which was to be left out: 1" in shown.err
    ended = json.loads(cli("judge", "leaderboard", path, "--regularise", "1", "--resamples", "0", "--json").out)
    assert [one["reason"] for one in ended["systems"]] == [None, None, None]


def test_a_leaderboard_needs_to_know_who_wrote_what(cli: Cli, tmp_path: Path) -> None:
    ran = cli("judge", "leaderboard", board_of(tmp_path, ["a,q,x,y,1,1", "b,q,x,,1,1"]))
    assert (ran.code, "row 2: field 'model_1': who wrote the responses is not said" in ran.err) == (1, True), ran.err
    refused = cli("judge", "leaderboard", board_of(tmp_path, ["a,q,x,y,1,2"]), "--anchor", "z", "--resamples", "0")
    assert (refused.code, "rated: x, y" in refused.err) == (2, True), refused.err


def test_win_rates_against_a_baseline_at_equal_lengths(cli: Cli, tmp_path: Path) -> None:
    """The judge prefers whatever is longer, in three of four; which side the baseline stands on does not matter."""
    rows: list[dict[str, Any]] = []
    for n in range(40):
        long, short = "x" * (200 + n), "x" * (100 + n % 7)
        mine, base = (long, short) if n % 5 else (short, long)
        longer_wins = n % 4 > 0
        mine_wins = (len(mine) > len(base)) == longer_wins
        sides = {"model_1": "mine", "model_2": "base", "response_1": mine, "response_2": base}
        if n % 2:
            sides = {"model_1": "base", "model_2": "mine", "response_1": base, "response_2": mine}
        verdict = "1" if (sides["model_1"] == "mine") == mine_wins else "2"
        rows.append({"id": n, "instruction": f"q{n}", "ab": verdict, "ba": verdict, **sides})
    path = tmp_path / "v.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    ran = cli("judge", "leaderboard", path, "--baseline", "base", "--resamples", "30", "--json")
    found = json.loads(ran.out)["against"]["mine"]
    assert found["n"] == 40
    assert found["win_rate"]["value"] > 0.6
    assert abs(found["controlled"]["value"] - 0.5) < 0.1 < found["win_rate"]["value"] - found["controlled"]["value"]
    shown = cli("judge", "leaderboard", path, "--baseline", "base", "--resamples", "0")
    assert "at equal lengths" in shown.out
    assert "length and the system" in shown.err
    for wrong in (["--baseline", "base", "--held", "brief"], ["--held", "brief"]):
        assert cli("judge", "leaderboard", path, "--resamples", "0", *wrong).code == 2
    refused = cli("judge", "leaderboard", path, "--baseline", "bass", "--resamples", "0")
    assert (refused.code, "--baseline one of: base, mine" in refused.err) == (2, True), refused.err


def test_every_turn_of_mt_bench_is_judged_and_goes_out_again(cli: Cli, files: Files, tmp_path: Path) -> None:
    questions, first, second = files["mt-bench"]
    told = json.loads(
        cli("judge", "import", "mt-bench", questions, first, second, "--turns", "2", "-o", "p.jsonl", "--json").out
    )
    assert (told["rows"], told["left_out"]) == (6, {})
    models = ["--judge", "scripted:lengths:longer", "--mode", "free", "-o", "run"]
    assert cli("judge", "run", "--pairs", "p.jsonl", *models).code == 0
    assert cli("judge", "export", "run", "--as", "mt-bench", "--judge", "me").code == 0
    rows = mt_bench.read_pair_judgments(tmp_path / "run/export/me_pair.jsonl")
    assert [(row.question_id, row.turn) for row in rows] == [(str(81 + n % 3), 1 + n // 3) for n in range(6)]
    # In the second turn the judge sees the first one, too: the longer answer stands there.
    assert [row.verdict.ab for row in rows] == ["2", "2", None, "2", "2", None]
    refused = cli("judge", "import", "llmbar", *files["llmbar"], "--turns", "2", "-o", "x.jsonl")
    assert (refused.code, "mt-bench alone has later turns" in refused.err) == (2, True)


def test_another_rubric_of_a_row_is_another_row(cli: Cli, files: Files, tmp_path: Path) -> None:
    judged(cli, files, "llmbar")
    rows = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    rows[0]["rubric"] = "Is it brief?"
    (tmp_path / "pairs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    models = ["--judge", "scripted:lengths:longer", "--mode", "free", "-o", "run"]
    again = cli("judge", "run", "--pairs", "pairs.jsonl", *models)
    assert (again.code, "judge: 8 calls" in again.err) == (0, True), again.err
    asked = cli("runs", "show", "run", "1").out + cli("runs", "show", "run", "1").err
    assert "Is it brief?" in asked
