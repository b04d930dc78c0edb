"""Verdicts as files write them, and what a file says about its own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from dikast.errors import DataError, UsageError
from dikast.evaluation.interchange.winners import check_labels, is_labelled, parse_labels, read_winner
from dikast.row import Row


def row(value: object) -> Row:
    return Row(Path("p.csv"), 1, 2, {"gold": value})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        *[
            (word, "1")
            for word in (1, "1", 1.0, "A", "model_a", "Model_A", "model_1", "response_a", "assistant_a", "[[A]]")
        ],
        *[(word, "2") for word in (2, "2.0", "b", "model_b", "output_2", "second", "[[B]]")],
        *[(word, "tie") for word in (0, "tie", "Tie (bothbad)", "both_bad", "neither", "C", "draw")],
    ],
)
def test_the_spellings_of_a_verdict(written: object, expected: str) -> None:
    assert read_winner(row(written), "gold") == expected


@pytest.mark.parametrize("written", [3, True, "left", "model_c", "both good"])
def test_what_is_no_verdict_is_told_with_its_line(written: object) -> None:
    with pytest.raises(DataError, match=r"p\.csv:2: field 'gold': not a verdict"):
        read_winner(row(written), "gold")


def test_a_file_may_have_words_of_its_own_also_for_no_label() -> None:
    labels = parse_labels("left=1, Right=2 ,same=tie,unclear=none,0=1,1=2")
    assert [read_winner(row(word), "gold", labels) for word in ("LEFT", "right", "same", 0, 1)] == [
        "1",
        "2",
        "tie",
        "1",
        "2",
    ]
    assert [is_labelled(row(word), "gold", labels) for word in ("left", "Unclear", "", None, float("nan"))] == [
        *(True, False, False, False, False)
    ]
    assert not is_labelled(Row(Path("p.csv"), 1, 2, {}), "gold")
    check_labels([row(0), row(1)], ["gold"], labels)
    with pytest.raises(DataError, match="is 0 a tie, or a response"):
        check_labels([row(0), row(1)], ["gold"])


@pytest.mark.parametrize("text", ["left", "left=3", "=1", "left=1,left=2", "left=model_a"])
def test_labels_that_say_nothing_clear_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--labels"):
        parse_labels(text)
