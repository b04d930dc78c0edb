from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, DikastError, UsageError
from dikast.evaluation.axes import Axes
from dikast.evaluation.interchange import alpaca_eval, columns, llmbar, mt_bench, pandalm, summeval
from dikast.evaluation.items import Pair, gold_of
from dikast.files import write_json, write_jsonl
from dikast.graphs.astral.suite import read_plan
from dikast.optional import needs
from dikast.verdicts import PairVerdict, Winner
from tests.packing import packed

TEXTS = st.text(st.characters(codec="utf-8"))
PAIRS = st.lists(
    st.builds(
        Pair,
        id=st.uuids().map(str),
        instruction=TEXTS,
        response_1=TEXTS,
        response_2=TEXTS,
        gold=st.sampled_from(["1", "2", "tie", None]),
        reference=TEXTS,
        group=TEXTS,
    ),
    min_size=1,
    max_size=5,
)
IN_ONE_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def lines(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@IN_ONE_FOLDER
@given(PAIRS)
def test_pairs_survive_jsonl_and_json(tmp_path: Path, pairs: list[Pair]) -> None:
    write_jsonl(tmp_path / "pairs.jsonl", columns.pairs_as_rows(pairs))
    assert columns.read_pairs(tmp_path / "pairs.jsonl") == pairs
    write_json(tmp_path / "pairs.json", columns.pairs_as_rows(pairs))
    assert columns.read_pairs(tmp_path / "pairs.json") == pairs


@IN_ONE_FOLDER
@given(PAIRS)
def test_pairs_survive_csv(tmp_path: Path, pairs: list[Pair]) -> None:
    rows = columns.pairs_as_rows(pairs)
    with (tmp_path / "pairs.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "instruction", "response_1", "response_2", "gold", "reference", "group"])
        writer.writeheader()
        writer.writerows(rows)
    read = columns.read_pairs(tmp_path / "pairs.csv")

    def plain(pair: Pair) -> list[str | None]:
        return [pair.id, pair.gold, pair.instruction, pair.response_1, pair.response_2, pair.reference, pair.group]

    assert [plain(pair) for pair in read] == [plain(pair) for pair in pairs]


@IN_ONE_FOLDER
@given(st.binary(max_size=60), st.sampled_from([".jsonl", ".json", ".csv", ".tsv"]))
def test_any_bytes_are_read_or_refused_with_the_files_name(tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"any{suffix}"
    path.write_bytes(data)
    refusal = path.name
    try:
        columns.read_pairs(path)
    except DikastError as error:
        refusal = str(error)
    assert path.name in refusal


def test_a_users_own_column_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("question\ta\tb\tbetter\nWhy?\tno\tyes\tB\nHow?\tx\ty\t\n")
    pairs = columns.read_pairs(
        path, {"instruction": "question", "response_1": "a", "response_2": "b", "gold": "better"}
    )
    assert [(pair.id, pair.response_2, pair.gold) for pair in pairs] == [("1", "yes", "2"), ("2", "y", None)]
    with pytest.raises(UsageError, match="no column of ours is called 'question'"):
        columns.read_pairs(path, {"question": "instruction"})


def test_a_users_own_scores_and_verdicts(tmp_path: Path) -> None:
    scores = columns.read_scores(
        lines(tmp_path / "s.jsonl", {"id": 7, "rating": "4.5", "group": "d"}), {"score": "rating"}
    )
    assert (scores[0].id, scores[0].scores, scores[0].group) == ("7", {"score": 4.5}, "d")
    verdicts = [PairVerdict("a", "1", None), PairVerdict("b", "tie", "2")]
    write_jsonl(tmp_path / "v.jsonl", columns.verdicts_as_rows(verdicts))
    assert columns.read_verdicts(tmp_path / "v.jsonl") == verdicts


GOOD: dict[str, Any] = {"id": "x", "instruction": "q", "response_1": "a", "response_2": "b", "gold": 1}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [GOOD, {**GOOD, "id": "y", "gold": "left"}],
            r"p.jsonl:2: field 'gold': not a verdict: 'left' \(write 1, 2 or tie",
        ),
        ([{"id": "x", "instruction": "q", "response_1": "a"}], r"p.jsonl:1: field 'response_2': missing"),
        ([{**GOOD, "instruction": None}], r"p.jsonl:1: field 'instruction': not text: None"),
        ([{**GOOD, "response_1": ["a"]}], r"p.jsonl:1: field 'response_1': not text"),
        ([GOOD, GOOD], r"p.jsonl:2: field 'id': 'x' already stands on line 1"),
        ([GOOD, 3], r"p.jsonl:2: not a JSON object but a number"),
        ([{**GOOD, "gold": True}], r"field 'gold': not a verdict"),
        ([{**GOOD, "gold": 3}], r"field 'gold': not a verdict: 3"),
    ],
)
def test_a_bad_record_is_named_by_file_line_and_field(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        columns.read_pairs(lines(tmp_path / "p.jsonl", *rows))


def test_llmbar(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps([{"input": "q", "output_1": "a", "output_2": "b", "label": 2}]))
    assert llmbar.read_pairs(path) == [Pair("1", "q", "a", "b", gold="2")]
    step: dict[str, Any] = {"AB": {"completion": "Output (a)", "winner": "1"}, "BA": {"winner": None}}
    runs = llmbar.read_recorded(
        lines(tmp_path / "r.jsonl", {"id": "1", "evaluator": "GPT-4/Vanilla", "steps": [{"aux": "m"}, step]})
    )
    assert runs[0].stages[0].aux == "m"
    assert runs[0].verdict() == PairVerdict("1", "1", None)
    with pytest.raises(DataError, match="no verdict"):
        llmbar.Recorded("1", "e", runs[0].stages[:1]).verdict()


def test_llmbar_statistics_are_those_of_every_recorded_run(shared_data: Path) -> None:
    folder = shared_data / "evals" / "pairwise"
    pairs = {pair.id: pair for pair in llmbar.read_pairs(folder / "pairs.jsonl")}
    recorded = llmbar.read_recorded(folder / "recorded_judgments.jsonl")
    official = json.loads((folder / "official_statistics.json").read_text())
    assert len(official) > 20
    for run in official:
        verdicts = [
            row.verdict()
            for row in recorded
            if row.evaluator == run["evaluator"] and pairs[row.id].group == run["subset"]
        ]
        expected = {name: value for name, value in run["official"].items() if not name.startswith("kappa")}
        assert llmbar.official_statistics(verdicts, gold_of(pairs.values())) == expected


def test_llmbar_statistics_need_labels() -> None:
    with pytest.raises(DataError, match="no gold label for 'x'"):
        llmbar.official_statistics([PairVerdict("x", "1", "1")], {})
    with pytest.raises(DataError, match="no verdicts"):
        llmbar.official_statistics([], {"a": "1"})


def test_pandalm(tmp_path: Path) -> None:
    row: dict[str, Any] = {"idx": 0, "instruction": "do", "input": "this", "response1": "a", "response2": True}
    path = lines(
        tmp_path / "t.jsonl",
        {**row, "annotator1": 0, "annotator2": 0, "annotator3": 1},
        {**row, "idx": 1, "input": "", "annotator1": 0, "annotator2": 2, "annotator3": 1},
    )
    first, second = pandalm.read_pairs(path)
    assert (first.instruction, first.response_2, first.gold) == ("do\n\nthis", "True", "tie")
    assert first.annotations == ("tie", "tie", "1")
    assert (second.instruction, second.gold) == ("do", None)
    with pytest.raises(DataError, match="no annotator's verdict"):
        pandalm.read_pairs(lines(path, row))


def test_summeval_as_published_and_as_packed(tmp_path: Path) -> None:
    published = lines(
        tmp_path / "a.jsonl",
        {
            "id": "d", "model_id": "M1", "decoded": "s", "references": ["r1", "r2"],
            "expert_annotations": [{"fluency": 4}, {"fluency": 5}, {"fluency": 3}],
        },
    )  # fmt: skip
    packed = lines(tmp_path / "b.jsonl", {"doc_id": "d", "system": "M1", "summary": "s", "human": {"fluency": 4}})
    references = lines(tmp_path / "r.jsonl", {"doc_id": "d", "ref_summs": ["r1", "r2"]})
    assert summeval.read_summaries(published) == summeval.read_summaries(packed, references)
    assert summeval.read_summaries(packed)[0].references == ()
    lines(references, {"doc_id": "e", "ref_summs": []})
    with pytest.raises(DataError, match=r"b.jsonl:1: field 'doc_id': no references for 'd'"):
        summeval.read_summaries(packed, references)
    lines(packed, {"doc_id": "d", "system": "M1", "summary": "s", "human": {"fluency": None}})
    with pytest.raises(DataError, match="not a finite number"):
        summeval.read_summaries(packed)


def test_mt_bench(tmp_path: Path) -> None:
    questions = mt_bench.read_questions(
        lines(
            tmp_path / "question.jsonl",
            {"question_id": 81, "category": "writing", "turns": ["q1", "q2"]},
            {"question_id": 101, "category": "math", "turns": ["q3"], "reference": ["42"]},
        )
    )
    answer: dict[str, Any] = {"question_id": 101, "model_id": "m", "choices": [{"index": 0, "turns": ["a"]}]}
    answers = mt_bench.read_answers(lines(tmp_path / "m.jsonl", answer))
    pairs = mt_bench.pairs_of(questions, answers, {"81": ("x",), "101": ("b",)})
    assert pairs == [Pair("101", "q3", "a", "b", reference="42", group="math")]
    with pytest.raises(DataError, match="'9', which is not in the question file"):
        mt_bench.pairs_of(questions, answers, {"9": ("x",)})
    with pytest.raises(DataError, match="occurs twice"):
        mt_bench.read_questions(lines(tmp_path / "q.jsonl", *[{"question_id": 1, "turns": ["q"]}] * 2))
    with pytest.raises(DataError, match="no answer"):
        mt_bench.read_answers(lines(tmp_path / "m.jsonl", {**answer, "choices": []}))


def test_mt_bench_judgments_go_there_and_back(tmp_path: Path) -> None:
    winners: list[Winner | None] = ["1", "2", "tie", None]
    verdicts = [PairVerdict(f"{i}{j}", a, b) for i, a in enumerate(winners) for j, b in enumerate(winners)]
    rows = mt_bench.judgment_rows(verdicts, "m1", "m2", judge=("j", "pair-v1"))
    assert (rows[4]["question_id"], rows[4]["g1_winner"]) == (10, "model_2")
    assert rows[3]["g2_winner"] == "error"
    write_jsonl(tmp_path / "j.jsonl", rows)
    read = mt_bench.read_pair_judgments(tmp_path / "j.jsonl")
    assert [row.verdict for row in read] == verdicts
    assert (read[0].model_1, read[0].model_2, read[0].judge, read[0].turn) == ("m1", "m2", ("j", "pair-v1"), 1)
    single: dict[str, Any] = {"question_id": 1, "model": "m", "judge": ["j", "s"], "turn": 2, "score": -1}
    scores = mt_bench.read_score_judgments(lines(tmp_path / "s.jsonl", single, {**single, "score": 7.5}))
    assert [row.score for row in scores] == [None, 7.5]


def test_mt_bench_scores_go_there_and_back(tmp_path: Path) -> None:
    scores = [("81", "a", 7.5), ("x/82", "b", None)]
    write_jsonl(tmp_path / "j_single.jsonl", mt_bench.score_rows(scores, judge=("j", "p")))
    found = mt_bench.read_score_judgments(tmp_path / "j_single.jsonl")
    assert [(one.question_id, one.model, one.score) for one in found] == scores
    assert {(one.judge, one.turn) for one in found} == {(("j", "p"), 1)}


def test_mt_bench_files_as_published(shared_data: Path) -> None:
    folder = shared_data / "evals" / "mt_bench"
    questions = mt_bench.read_questions(folder / "question.jsonl")
    references = mt_bench.read_answers(folder / "reference_answer_gpt-4.jsonl")
    assert all(len(question.turns) == 2 for question in questions.values())
    answers = {id_: ("x", "y") for id_ in questions}
    pairs = mt_bench.pairs_of(questions, answers, answers, references)
    assert sum(bool(pair.reference) for pair in pairs) == len(references) == 30


def test_alpaca_eval(tmp_path: Path) -> None:
    def output(text: str, name: str) -> dict[str, str]:
        return {"dataset": "d", "instruction": text, "output": f"{name} says {text}", "generator": name}

    def outputs(name: str, *texts: str) -> list[alpaca_eval.Output]:
        write_json(tmp_path / f"{name}.json", [output(text, name) for text in texts])
        return alpaca_eval.read_outputs(tmp_path / f"{name}.json")

    base, mine = outputs("base", "q1", "q2", "q3"), outputs("mine", "q3", "q1")
    pairs = alpaca_eval.pairs_of(base, mine)
    assert pairs[0] == Pair("0", "q3", "base says q3", "mine says q3", group="d")
    with pytest.raises(DataError, match="no output for 'q2'"):
        alpaca_eval.pairs_of(mine, base)
    with pytest.raises(DataError, match="answers an instruction twice"):
        alpaca_eval.pairs_of(base + base, mine)
    write_json(tmp_path / "a.json", alpaca_eval.annotation_rows(pairs, {"0": "2"}, "base", "mine", annotator="j"))
    read = alpaca_eval.read_annotations(tmp_path / "a.json")
    assert [(row.instruction, row.preference, row.winner) for row in read] == [("q3", 2.0, "2"), ("q1", None, None)]


@pytest.mark.parametrize(
    ("preference", "winner"),
    [("1", "1"), ("1.2", "1"), ("1.5", "tie"), ("0", "tie"), ("1.9", "2"), ("2", "2"), ("null", None), ("NaN", None)],
)
def test_alpaca_eval_preferences(tmp_path: Path, preference: str, winner: Winner | None) -> None:
    row = f'[{{"instruction": "q", "generator_1": "b", "generator_2": "m", "preference": {preference}}}]'
    (tmp_path / "a.json").write_text(row)
    assert alpaca_eval.read_annotations(tmp_path / "a.json")[0].winner == winner


def test_alpaca_eval_preferences_off_the_scale(tmp_path: Path) -> None:
    row = {"instruction": "q", "generator_1": "b", "generator_2": "m", "preference": 3}
    write_json(tmp_path / "a.json", [row])
    with pytest.raises(DataError, match=r"a.json: row 1: field 'preference': not within 1..2: 3"):
        alpaca_eval.read_annotations(tmp_path / "a.json")


def test_alpaca_eval_leaderboard_counts_what_was_asked() -> None:
    text = alpaca_eval.leaderboard(
        {"weak": {"a": "1", "b": None}, "strong, or so": {"a": "2", "b": "2", "c": "tie", "d": None}},
        [Pair("a", "q", "x", "four")],
    )
    rows = list(csv.DictReader(text.splitlines()))
    assert [row[""] for row in rows] == ["strong, or so", "weak"]
    assert (float(rows[0]["win_rate"]), float(rows[1]["win_rate"])) == (75, 25)
    counts = ["n_wins", "n_wins_base", "n_draws", "n_unparsed", "n_total", "avg_length"]
    assert [rows[0][name] for name in counts] == ["2", "0", "1", "1", "4", "4"]
    # The standard error of 1, 1, .5, .5 is sqrt(1/12) / 2.
    assert float(rows[0]["standard_error"]) == pytest.approx(100 * (1 / 12) ** 0.5 / 2)
    with pytest.raises(DataError, match="no verdict on 'm'"):
        alpaca_eval.leaderboard({"m": {}})


@pytest.mark.parametrize("read", [columns.read_pairs, columns.read_scores, columns.read_verdicts])
def test_a_file_may_hold_no_row_but_not_nothing(tmp_path: Path, read: Callable[[Path], list[object]]) -> None:
    (tmp_path / "e.json").write_text("[]")
    assert read(tmp_path / "e.json") == []
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(DataError, match=r"e\.csv: the file is empty"):
        read(tmp_path / "e.csv")


@pytest.mark.parametrize("read", [columns.read_pairs, columns.read_scores, columns.read_verdicts])
def test_a_mapped_column_that_is_not_there_is_refused(
    tmp_path: Path, read: Callable[[Path, dict[str, str]], list[object]]
) -> None:
    (tmp_path / "p.csv").write_text("id,ab,ba,instruction,response_1,response_2,score\n")
    with pytest.raises(DataError, match=r"p\.csv: field 'number': no such column, wanted as 'id'"):
        read(tmp_path / "p.csv", {"id": "number"})


def test_an_error_says_the_files_own_name(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", {"q": "q", "a": "a", "b": "b", "best": "left"})
    ours = {"instruction": "q", "response_1": "a", "response_2": "b", "gold": "best"}
    with pytest.raises(DataError, match=r"p\.jsonl:1: field 'best': not a verdict: 'left'"):
        columns.read_pairs(path, ours)


@pytest.mark.parametrize("name", ["s.json", "s.json.gz", "s.jsonl.zst"])
def test_suites_in_other_forms(tmp_path: Path, name: str) -> None:
    rows, path = [{"text": "Say hello.", "kind": "a"}, {"text": "Say bye.", "benign": True}], tmp_path / name
    text = "".join(json.dumps(row) + "\n" for row in rows) if ".jsonl" in name else json.dumps(rows)
    path.write_bytes(packed(text.encode(), path))
    plan = read_plan(path, axes=Axes({"kind": ("a", "b")}), columns={"prompt": "text"})
    assert [case.get("prompt") for case in plan.cases] == ["Say hello.", "Say bye."]
    assert (plan.cases[0].get("cell"), plan.cases[1].get("benign")) == ({"kind": "a"}, True)


def test_pairs_out_of_parquet(tmp_path: Path) -> None:
    texts = {"response_1": "a", "response_2": "b"}
    rows: list[dict[str, object]] = [{"question": "q", **texts, "best": 2.0}, {"question": "p", **texts, "best": None}]
    needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows), tmp_path / "p.parquet")
    pairs = columns.read_pairs(tmp_path / "p.parquet", {"instruction": "question", "gold": "best"})
    assert [(pair.id, pair.instruction, pair.gold) for pair in pairs] == [("1", "q", "2"), ("2", "p", None)]
    rows[1]["best"] = 7.0
    needs("pyarrow.parquet").write_table(needs("pyarrow").Table.from_pylist(rows), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"p\.parquet: row 2: field 'best': not a verdict: 7\.0"):
        columns.read_pairs(tmp_path / "p.parquet", {"instruction": "question", "gold": "best"})
