from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.metrics.lexical import METRICS, Metric

ALL: dict[str, Metric] = dict(METRICS)
BEST = {"bleu": 100.0, "chrf": 100.0}
TEXT = "the quick brown fox jumps over the lazy dog near the river bank"


@pytest.mark.parametrize("name", ALL)
def test_a_text_is_nearest_to_itself_and_an_unrelated_one_is_not(name: str) -> None:
    metric = ALL[name]
    same, other = metric(TEXT, [TEXT]), metric("zq 77 !!", [TEXT])
    assert same == pytest.approx(BEST.get(name, 1.0), rel=2e-3)
    assert other < 0.1 * same


@pytest.mark.parametrize("name", ALL)
def test_a_further_reference_never_makes_it_worse_than_the_best_one_alone(name: str) -> None:
    metric = ALL[name]
    if name == "bleu":
        assert metric(TEXT, ["nothing alike", TEXT]) == pytest.approx(100)
        return
    assert metric(TEXT, ["nothing alike", TEXT]) == pytest.approx(metric(TEXT, [TEXT]))


@pytest.mark.parametrize("name", ALL)
def test_references_are_a_list_that_is_not_empty(name: str) -> None:
    nothing: list[str] = []
    for bad in (nothing, "a text"):
        with pytest.raises(UsageError, match="at least one reference"):
            ALL[name]("x", bad)


@pytest.mark.parametrize("name", ALL)
@settings(deadline=None, max_examples=25)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_texts_have_a_finite_score_or_none(name: str, candidate: str, reference: str) -> None:
    score = ALL[name](candidate, [reference])
    assert math.isnan(score) or 0 <= score <= BEST.get(name, 1.0) + 1e-9


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("text", "not_measured"),
    [
        ("今天天气很好", {"bleu", "meteor-exact-stem", "rouge1", "rouge2", "rougeL"}),
        ("วันนี้อากาศดี", {"bleu", "meteor-exact-stem", "rouge1", "rouge2", "rougeL"}),
        ("Сегодня тепло и сухо", {"rouge1", "rouge2", "rougeL"}),
        ("It is warm today", set[str]()),
        ("", set[str]()),
    ],
)
def test_what_a_metric_cannot_see_it_does_not_measure(name: str, text: str, not_measured: set[str]) -> None:
    # google/adk-python 3111: ROUGE scored every Chinese answer 0.
    assert math.isnan(ALL[name](text, [text])) == (name in not_measured)
    assert math.isnan(ALL[name]("It is warm", [text])) == (name in not_measured)
