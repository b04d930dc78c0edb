"""The WikiTableQuestions rule: against the evaluator's own expressions, and case by case."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.tables.answers import denotation_correct, items, normalise, read

CITATIONS = re.compile(r"((?<!^)\[[^\]]*\]|\[[0-9]+\]|[•♦†‡*#+])*$")
DETAILS = re.compile(r"(?<!^)( \([^)]*\))*$")
QUOTES = re.compile(r'^"([^"]*)"$')


def by_the_rule(text: str) -> str:
    """Normalisation as a fixpoint of three substitutions, the way that the evaluator defines it."""
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if unicodedata.category(char) != "Mn")
    text = re.sub("[‘’´`]", "'", text)
    text = re.sub("[“”]", '"', text)
    text = re.sub("[‐‑‒–—−]", "-", text)
    before = None
    while text != before:
        before = text
        text = CITATIONS.sub("", text.strip())
        text = DETAILS.sub("", text.strip())
        text = QUOTES.sub(r"\1", text.strip())
    return re.sub(r"\s+", " ", text.removesuffix(".")).lower().strip()


@given(st.text(alphabet='aZé[]()"* 1†.–\n\t\u00a0', max_size=24))
def test_normalise_is_the_evaluators_fixpoint(text: str):
    assert normalise(text) == by_the_rule(text)


@given(st.text(max_size=40))
def test_normalise_is_the_evaluators_fixpoint_for_any_text(text: str):
    assert normalise(text) == by_the_rule(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Zoë Wanamaker", "zoe wanamaker"),
        ("São  Tomé\u00a0", "sao tome"),
        ("Chicago[2]", "chicago"),
        ("Chicago [note 1][2]*†", "chicago"),
        ("[12]", ""),
        ("[sic]", "[sic]"),
        ("Bull (animal) (1990)", "bull"),
        ("(animal)", "(animal)"),
        ("f(x)", "f(x)"),
        ('"Piaf!"', "piaf!"),
        ('"Piaf!" (revival)[3]', "piaf!"),
        ('"a" and "b"', '"a" and "b"'),
        ("“Pilot”", "pilot"),
        ("it’s 1–0", "it's 1-0"),
        ("Inc.", "inc"),
        ("etc..", "etc."),
        ("#1", "#1"),
        ("No. #", "no"),
        ("", ""),
        (".", ""),
    ],
)
def test_normalise(text: str, normal: str):
    assert normalise(text) == normal


@pytest.mark.parametrize(
    ("target", "predicted", "canonical", "right"),
    [
        # numbers
        (["17"], ["17.0"], None, True),
        (["17"], ["17.0000009"], None, True),
        (["17"], ["17.00001"], None, False),
        (["0.5"], ["0.5000005"], None, True),
        (["0.5"], ["0.500002"], None, False),
        (["3"], ["2.9999999"], None, False),  # cut to 2, as the evaluator does
        (["100,000"], ["100000"], None, False),  # no canonical form: text
        (["100,000"], ["100000"], ["100000.0"], True),
        (["100,000"], ["100,000"], ["100000.0"], True),
        (["$1.56 billion"], ["1560000000"], ["1560000000.0"], True),
        (["7 days"], ["7"], ["7.0"], True),
        (["7 days"], ["7 Days"], ["7.0"], True),
        (["-3"], ["−3"], None, True),
        (["5"], [" 5 "], None, True),
        (["1000"], ["1e3"], None, True),
        (["1000"], ["1_000"], None, False),
        (["nan"], ["NaN"], None, True),  # text on both sides
        (["inf"], ["1e999"], None, False),
        # dates
        (["January 26, 1995"], ["1995-01-26"], ["1995-01-26"], True),
        (["January 26, 1995"], ["1995-1-26"], ["1995-01-26"], True),
        (["January 26, 1995"], ["january 26, 1995"], ["1995-01-26"], True),
        (["January 26, 1995"], ["1995-01-27"], ["1995-01-26"], False),
        (["October 17"], ["xxxx-10-17"], ["xxxx-10-17"], True),
        (["October 17"], ["xx-10-17"], ["xxxx-10-17"], True),
        (["October 17"], ["1995-10-17"], ["xxxx-10-17"], False),
        (["March 2004"], ["2004-03-xx"], ["2004-03-xx"], True),
        (["2004"], ["2004-xx-xx"], None, True),  # only the year is known: a number
        (["2004-13-01"], ["2004-13-1"], None, False),  # no month 13: text
        (["xx-xx-xx"], ["XX-XX-XX"], None, True),
        (["1995-01-26"], ["19950126"], None, False),
        # lists
        (["a", "b"], ["b", "a"], None, True),
        (["a", "b"], ["a"], None, False),
        (["a"], ["a", "b"], None, False),
        (["a", "a"], ["A"], None, True),  # sets: repeats do not count
        (["1", "1.0"], ["1"], None, True),
        (["a", "b"], ["a", "a"], None, False),
        ([], [], None, True),
        (["a"], [], None, False),
        ([""], [""], None, True),
        # diacritics and citations
        (["Zoë"], ["zoe[1]"], None, True),
        (["Café de Flore (Paris)"], ["cafe de flore"], None, True),
        (["Foo†"], ["foo"], None, True),
    ],
)
def test_denotation(target: list[str], predicted: list[str], canonical: list[str] | None, right: bool):
    assert denotation_correct(target, predicted, canonical) is right


def test_the_first_spelling_of_a_repeated_number_counts():
    assert denotation_correct(["7 days"], ["7", "7.0"], ["7.0"])
    assert not denotation_correct(["7 Days"], ["8", "8.0"], ["7.0"])


def test_as_many_canonical_forms_as_items():
    with pytest.raises(UsageError, match="2 target items with 1"):
        denotation_correct(["a", "b"], ["a"], ["a"])


def test_a_target_without_text_has_its_canonical_form_as_text():
    assert read("", "17.0").text == "17"
    assert read("", "xx-3-4").text == "xx-3-4"


@given(st.lists(st.text(max_size=12), max_size=4))
def test_a_gold_answer_is_right(answer: list[str]):
    assert denotation_correct(answer, answer)
    assert denotation_correct(answer, list(reversed(answer)))


@pytest.mark.parametrize("text", ["[" * 300_000, "(" * 300_000, " (a)*" * 60_000, "9" * 300_000, "[a" * 150_000 + "]"])
def test_a_hostile_answer_takes_no_time(text: str):
    start = time.process_time()
    denotation_correct([text], [text[:-1]])
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (17, ["17"]),
        (17.0, ["17"]),
        (0.1, ["0.1"]),
        (True, ["yes"]),
        (None, []),
        ("a", ["a"]),
        (["a", None, [1, 2.5]], ["a", "1", "2.5"]),
        ({"x": "a", "y": [False]}, ["a", "no"]),
        (1e300, [str(int(1e300))]),
        (float("inf"), ["inf"]),
    ],
)
def test_items(answer: object, wanted: list[str]):
    assert items(answer) == wanted
