"""Answers: where they stand in a solution, and when two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.evaluation.answers import final_answer, marked_answer, most_common, normal, number, same, says_end

SOLUTION = "She has 16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $<<9*2=18>>18 a day.\n"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (SOLUTION + "#### 18", "18"),
        (SOLUTION + "A: 18", "18"),
        (SOLUTION, "18"),
        (SOLUTION + "So the answer is 1,018 dollars.", "1018"),
        (SOLUTION + r"Thus \boxed{\frac{3}{4}}.", "0.75"),
        (SOLUTION + "The final answer is: **$18.50**", "18.5"),
        (SOLUTION + "#### 18\n\nNext question: 3 + 4?\n#### 7", "18"),  # a policy that does not end
        ("It takes 2/6 of an hour.\n#### 2/6", "1/3"),
        ("#### -3", "-3"),
        ("#### " + "the number", None),
        ("nothing at all", None),
        ("", None),
    ],
)
def test_the_final_answer_is_found(text: str, answer: str | None) -> None:
    assert final_answer(text, "numeric") == answer


def test_without_guessing_only_a_marked_answer_counts() -> None:
    assert final_answer(SOLUTION, "numeric", guess=False) is None
    assert final_answer(SOLUTION + "#### 18", "numeric", guess=False) == "18"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000"),
        ("$1,234.50", "1234.5"),
        ("50%", "50"),
        ("3/4", ".75"),
        ("1 1/2", "1.5"),
        ("1.5e3", "1500"),
        ("18 dollars", "18"),
        ("18.", "18.0"),
        ("\u22123", "-3"),
        ("x = 5", "5"),
        ("2 million", "2,000,000"),
    ],
)
def test_equal_numbers_are_the_same_answer(one: str, other: str) -> None:
    assert same(one, other, "numeric")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("18", "81"),
        ("1/3", "0.33"),
        ("-3", "3"),
        ("12 or 13", "12"),
        ("7 apples, 2 pears", "7"),
        ("1/0", "0"),
        ("", "0"),
    ],
)
def test_other_numbers_are_not(one: str, other: str) -> None:
    assert not same(one, other, "numeric")


def test_choices_and_texts() -> None:
    assert final_answer("It cannot be A or B. The answer is (C).", "choice") == "C"
    assert final_answer("I think so, hence\nD", "choice") == "D"
    assert same("b", "B", "choice")
    assert not same("A", "B", "choice")
    assert final_answer("So it is\n#### The  Nile.", "exact") == "the nile"
    assert same("the Nile", "The Nile", "exact")
    assert not same(None, "x", "exact")


def test_ends_are_told_by_the_ways_in_which_solutions_end() -> None:
    assert all(map(says_end, ("#### 18", "A: 18", "the answer is 18", "The final answer is 18", r"\boxed{18}")))
    assert not any(map(says_end, (SOLUTION, "To answer this, add 3 and 4.", "## Step 1", "She can answer 9 calls.")))


@given(st.fractions(max_denominator=10_000))
def test_a_number_that_was_written_is_read_again(value: object) -> None:
    text = normal(str(value), "numeric")
    assert text is not None
    assert number(text) == value


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader(text: str) -> None:
    for form in ("numeric", "choice", "exact"):
        final_answer(text, form)
    marked_answer(text)
    says_end(text)


@pytest.mark.parametrize(
    "text", ["9" * 50_000, "1/" * 30_000, "####" * 20_000, "answer " * 20_000, "1e999", "9" * 399 + ".5"]
)
def test_hostile_answers_are_read_in_no_time(text: str) -> None:
    assert final_answer(text, "numeric") is None or len(final_answer(text, "numeric") or "") < 2_000


def test_votes() -> None:
    assert most_common(["1", "2", "2"], [1.0, 1.0, 1.0]) == "2"
    assert most_common(["1", "2", "2"], [0.9, 0.2, 0.2]) == "1"
    assert most_common(["1", "2"], [1.0, 1.0]) == "1"
    assert most_common([], []) is None
