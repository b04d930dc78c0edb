from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.evaluation.interchange import mt_bench
from dikast.evaluation.items import Pair
from dikast.files import write_jsonl
from dikast.verdicts import PairVerdict, Winner
from tests.evaluation.interchange.test_columns import lines


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
