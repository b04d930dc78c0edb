"""The analysis chain against Lucene's documented behaviour; `tests/golden/test_lucene.py` has the recorded one."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.retrieval.analysis import LONGEST_TOKEN, STOPWORDS, analyze, tokenize

HOSTILE = ["a", "_", "é", "_é", "\u200d", "é.", "👩\u200d", "'", "é'", "1,", "ก", "é_", '\u05d0"', "\U0001f1e9"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Oracle's answers were hidden", ["oracl", "answer", "were", "hidden"]),
        ("THE’S O’Neil’s", ["o’neil"]),
        ("3.14 1,000 a.b x:y foo_bar", ["3.14", "1,000", "a.b", "x:y", "foo_bar"]),
        ("a,b 1:2 e.g.", ["b", "1", "2", "e.g"]),
        ("generalizations geology possibly", ["gener", "geologi", "possibl"]),
        ("x² © naïve Σ", ["x", "©", "naïv", "σ"]),
        ("漢字 かな カタカナ", ["漢", "字", "か", "な", "カタカナ"]),
        ("", []),
        ("to be or not to be", []),
        ("___ .,;:'", []),
    ],
)
def test_examples(text: str, terms: list[str]) -> None:
    assert analyze(text) == terms


def test_a_long_run_is_cut_where_lucene_cuts_it() -> None:
    assert [len(token) for token in tokenize("a" * 600)] == [255, 255, 90]
    assert max(map(len, analyze("a." * 1000 + "a " + "é" * 1000))) <= LONGEST_TOKEN


@given(st.text())
def test_terms_are_lower_case_without_space_and_no_stop_words(text: str) -> None:
    for term in analyze(text):
        assert term
        assert term.split() == [term]
        # Stop words go before words are stemmed, as in Lucene: of "its" the term "it" is left.
        assert term not in STOPWORDS or re.search(rf"{term}\w", text.lower())


@given(st.text(), st.text())
def test_a_space_separates(first: str, second: str) -> None:
    assert analyze(f"{first} {second}") == analyze(first) + analyze(second)


@given(st.text(alphabet="aZ09_.,;:' -"))
def test_the_fast_path_for_ascii_follows_the_full_rules(text: str) -> None:
    """A letter of another alphabet, glued on, sends the last word through the full rules."""
    from dikast.retrieval import analysis

    assert analysis._ASCII_TOKEN.findall(text) == analysis._unicode_token().findall(text)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """Quadratic matching would take hours for the longer text."""
    started = time.process_time()
    tokenize(unit * 100_000 + "é")
    assert time.process_time() - started < 5
