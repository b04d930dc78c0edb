"""What words can tell of a text and an insight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.summhay.make.words import (
    ABSENT,
    CUT,
    PRESENT,
    WINDOW,
    WordOracle,
    is_specific,
    sentences_of,
    terms_of,
)
from tests.graphs.summhay.made import EVERY, TALK


@pytest.fixture(scope="module")
def oracle() -> WordOracle:
    return WordOracle(EVERY)


@pytest.mark.parametrize("number", range(len(EVERY)))
def test_an_insight_in_its_own_words_is_there_and_no_other(oracle: WordOracle, number: int) -> None:
    shares = oracle.read(f"{TALK} According to insiders, {EVERY[number]} {TALK}")
    assert shares[number] == pytest.approx(1.0)
    assert all(share < ABSENT for other, share in enumerate(shares) if other != number)


def test_reworded_over_two_sentences_it_is_there(oracle: WordOracle) -> None:
    text = f"{TALK} In 2021 Aarhus automated its cranes. Since then, waiting times have fallen by 35 percent. {TALK}"
    assert oracle.read(text)[0] >= PRESENT


def test_a_wrong_number_is_never_there_without_a_model(oracle: WordOracle) -> None:
    wrong = EVERY[0].replace("35", "53")
    assert ABSENT <= oracle.read(wrong)[0] < CUT
    assert oracle.read(EVERY[0])[0] >= PRESENT


def test_words_here_and_there_are_no_statement(oracle: WordOracle) -> None:
    words = EVERY[1].rstrip(".").split()
    scattered = " ".join(f"Somebody said {word}. {TALK}" for word in words)
    assert oracle.read(scattered)[1] < CUT
    assert oracle.read(EVERY[1])[1] >= PRESENT


def test_numbers_are_the_same_in_words_and_digits() -> None:
    assert terms_of("twenty-five per cent of 1,025 cars") == terms_of("25 per cent of 1025 cars")
    assert terms_of("nineteen") == ["19"]
    assert terms_of("one of them") == terms_of("one of them")
    assert "1" not in terms_of("one of them")


@pytest.mark.parametrize(
    ("text", "specific"),
    [
        ("Waiting times fell by 35%.", True),
        ("Waiting times fell by a third after nine months.", True),
        ("The software comes from Portalis.", True),
        ("Dodge's switch marks a shift.", True),
        ("The NHRA forbids it.", True),
        ("Things have become a good deal better lately.", False),
        ("However, many agree. Others do not.", False),
    ],
)
def test_vague_is_what_has_no_number_and_no_name(text: str, specific: bool) -> None:
    assert is_specific(text) is specific


def test_where_it_is_said(oracle: WordOracle) -> None:
    text = f"{TALK} {EVERY[2]} {TALK}"
    window = oracle.where(text, 2)
    assert any(EVERY[2] == sentences_of(text)[place] for place in window)
    assert len(window) <= WINDOW
    assert list(oracle.where("", 2)) == []
    assert list(oracle.where("Nothing of that kind.", 2)) == []


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    shares = WordOracle(EVERY).read(text)
    assert shares.shape == (len(EVERY),)
    assert all(0 <= share <= 1 for share in shares)


def test_a_text_of_no_words_and_an_insight_of_none() -> None:
    assert list(WordOracle(["...", EVERY[0]]).read(EVERY[0])) == [0.0, 1.0]
