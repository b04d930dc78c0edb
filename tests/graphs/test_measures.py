"""What is told beside a reward: coverage of concepts, length, metrics against several references; in rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dikast.errors import DataError
from dikast.graphs.measures import MEASURES, coverage, means, measure
from dikast.graphs.rewarding import Asked
from dikast.graphs.rewards import load_reward
from tests.graphs.rlgf.scripts import Counts, context, run


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The dog catches a frisbee in the park.", 1.0),
        ("Dogs, frisbees!", 0.5),
        ("Two frisbees are caught by dogs in a park.", 0.75),  # an irregular form is not found: no lemmas here
        ("catching", 0.25),
        ("the catchment of frisbeedogs", 0.0),
        ("", 0.0),
    ],
)
def test_coverage_is_by_words_and_their_stems(text: str, share: float) -> None:
    assert coverage(text, ["dog", "frisbee", "catch", "park"]) == share


def test_a_concept_of_several_words_needs_all_of_them() -> None:
    assert coverage("He rides home.", ["ride home", "bicycle"]) == 0.5
    assert coverage("He rides.", ["ride home", "bicycle"]) == 0.0


def test_measures_that_have_nothing_to_measure_by_are_none() -> None:
    told = measure(MEASURES, Asked.bare("p", "a b c"))
    assert told == {name: 3.0 if name == "length" else None for name in MEASURES}
    told = measure(("rougeL", "bleu"), Asked.bare("p", "\u4f60\u597d", references=["\u4f60\u597d"]))
    assert told == {"rougeL": None, "bleu": None}


def test_of_several_references_the_best_counts() -> None:
    asked = Asked.bare("p", "a red bird sings", references=["nothing of that", "a red bird sings"])
    assert measure(("rougeL",), asked) == {"rougeL": 1.0}
    assert Asked.bare("p", "t", references=["a", " ", "b"]).references == ("a", "b")


def test_means_are_of_those_that_were_measured() -> None:
    rows: list[dict[str, float | None]] = [{"a": 1.0, "b": None}, {"a": 3.0, "b": 5.0}, {"a": None, "b": None}]
    assert means(rows) == {"a": {"mean": 2.0, "n": 2}, "b": {"mean": 5.0, "n": 1}}
    assert means([{"a": None}]) == {"a": {"mean": None, "n": 0}}
    assert means([]) == {}


async def test_coverage_and_length_are_rewards_too() -> None:
    found = await load_reward("metric:coverage").reward(Asked.bare("p", "salt", concepts=["salt", "sea"]))
    assert found.value == 0.5
    assert (await load_reward("metric:length").reward(Asked.bare("p", "salt and sea"))).value == 3.0
    with pytest.raises(DataError, match="needs concepts"):
        await load_reward("metric:coverage").reward(Asked.bare("p", "salt"))
    both = Asked.bare("p", "by the sea", references=["salt", "by the sea"])
    assert (await load_reward("metric:rougeL").reward(both)).value == 1.0


async def test_a_row_keeps_its_measures_and_a_judge_sees_no_more_than_before() -> None:
    reward = Counts()
    row = {"prompt": "Use salt.", "reference": "gp", "others": ["pppppppp"], "concepts": ["pppppppp", "sea"]}
    made = await run(context(collector="ppo", reward=reward, measures=("coverage", "rougeL", "length")), row)
    assert made["text"] == "pppppppp"
    assert made["measures"] == {"coverage": 0.5, "rougeL": 1.0, "length": 1.0}
    [asked] = reward.seen
    assert (asked.reference, asked.others, asked.concepts) == ("gp", ("pppppppp",), ("pppppppp", "sea"))


def test_a_measure_that_is_none_of_ours_is_refused() -> None:
    given: Any = {"measures": ("length", "beauty")}
    with pytest.raises(ValueError, match="no 'beauty'"):
        context(**given)
    assert not math.isnan(coverage("a", ["a"]))
