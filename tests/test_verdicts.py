from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.interchange import llmbar
from dikast.verdicts import (
    Side,
    VerdictFormat,
    first_preference,
    logistic,
    read_score,
    read_verdict,
    winner_of,
)

FORMATS: list[VerdictFormat] = list(get_args(VerdictFormat))


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ("Both answer, B is shorter. [[B]]", "second"),
        ("[[A]]", "first"),
        ("I call it even: [[C]].", "tie"),
        ("[[tie]]", "tie"),
        ("[[ a ]]", "first"),
        ("My verdict is [[A]], since it is complete.", "first"),
        ("At first I leant to [[A]]. In the end: **[[B]]**", "second"),
        ('Answer "[[A]]" if A is better, "[[B]]" if B is better.', None),
        ("[[A]] or [[B]]? I cannot say", None),
        ("[[D]]", None),
        ("A", None),
        ("", None),
        ("[[7]]", None),
    ],
)
def test_a_mark_is_read_only_where_it_is_a_choice(reply: str, side: Side | None) -> None:
    assert read_verdict(reply) == side


@pytest.mark.parametrize(
    ("reply", "side"),
    [
        ('{"winner": "A"}', "first"),
        ('```json\n{"winner": "b", "why": "shorter"}\n```', "second"),
        ('{"winner": "tie"}', "tie"),
        ('The other said {"winner": "A"}', None),
        ('{"winner": 1}', None),
        ('["A"]', None),
        ("{", None),
        ('{"winner":' * 100_000, None),
    ],
)
def test_a_schema_reply_is_read_whole_or_not_at_all(reply: str, side: Side | None) -> None:
    assert read_verdict(reply, "json") == side


def test_recorded_formats() -> None:
    assert read_verdict("Therefore, Output (b) is better.", "phrase") == "second"
    assert read_verdict("Output (a) is better than Output (b)", "phrase") == "first"
    assert read_verdict("I think\nOutput (b)", "line") == "second"
    assert read_verdict("I think Output (b)", "line") is None


@given(st.text(), st.sampled_from(FORMATS))
def test_no_reply_makes_a_reader_raise(reply: str, form: VerdictFormat) -> None:
    assert read_verdict(reply, form) in ("first", "second", "tie", None)


@given(st.sampled_from(["first", "second", "tie", None]))
def test_swapping_exchanges_the_two_responses_and_nothing_else(side: Side | None) -> None:
    plain, swapped = winner_of(side, swapped=False), winner_of(side, swapped=True)
    assert {plain, swapped} in ({"1", "2"}, {"tie"}, {None})


def test_a_side_is_the_response_shown_there() -> None:
    assert winner_of("first", swapped=False) == "1"
    assert winner_of("first", swapped=True) == "2"


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Rating: [[7]]", 7.0), ("[[3.5]]", 3.5), ("[[11]]", None), ("[[0]]", None), ("[[A]]", None), ("7", None)],
)
def test_a_score_is_read_within_its_scale(reply: str, score: float | None) -> None:
    assert read_score(reply, 1, 10) == score


def test_preference_is_the_softmax_of_the_two_labels() -> None:
    assert first_preference({"A": math.log(0.6), "B": math.log(0.2), "C": math.log(0.2)}) == pytest.approx(0.75)
    assert first_preference({"A": -2000.0, "B": 0.0}) == 0.0
    with pytest.raises(UsageError, match="both needed"):
        first_preference({"A": -0.1})


@given(st.floats(-700, 700))
def test_logistic_is_a_probability_and_symmetric(x: float) -> None:
    assert 0 <= logistic(x) <= 1
    assert logistic(x) + logistic(-x) == pytest.approx(1)


def test_every_recorded_completion_is_read_as_it_was(shared_data: Path) -> None:
    recorded = llmbar.read_recorded(shared_data / "evals" / "pairwise" / "recorded_judgments.jsonl")
    read = 0
    for run in recorded:
        for stage in run.stages:
            if stage.ab is None or stage.ba is None or stage.ab.completion is None:
                continue
            ours = llmbar.Recorded(run.id, run.evaluator, (stage,)).verdict()
            assert (ours.ab, ours.ba) == (stage.ab.winner, stage.ba.winner), (run.id, run.evaluator)
            read += 2
    assert read > 4000
