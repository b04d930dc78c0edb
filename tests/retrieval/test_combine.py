from __future__ import annotations

import math
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.retrieval.combine import DAMP, POOLED_MIX, TUNED_MIX, Combination, Damping, combine, without_query
from dikast.retrieval.query import WeightedQuery

TERMS = st.text(alphabet="abcdef", min_size=1, max_size=2)
PHRASES = st.lists(TERMS, min_size=1, max_size=4).map(" ".join)
LISTS = st.lists(st.lists(PHRASES, max_size=4), max_size=4)


def made(
    query: str,
    lists: list[list[str]],
    combination: Combination = "paper",
    damping: Damping = "none",
    mixing: float = 0.5,
    max_terms: int = 1000,
) -> WeightedQuery:
    return combine(
        query, lists, str.split, combination=combination, mixing=mixing, damping=damping, max_terms=max_terms
    )


LISTED = [["b c", "c"], ["c d"]]


def test_paper_is_plain_concatenation() -> None:
    query = made("a b", LISTED)
    assert query.terms == {"a": 1, "b": 2, "c": 3, "d": 1}
    assert query.text == "a b b c c c d"


def test_querygym_repeats_the_query_five_times() -> None:
    assert made("a b", LISTED, "querygym").terms == {"a": 5, "b": 6, "c": 3, "d": 1}


def test_dedup_counts_a_keyword_once() -> None:
    assert made("a b", LISTED, "dedup").terms == {"a": 5, "b": 6, "c": 1, "d": 1}


def test_repeats_are_the_callers() -> None:
    cases: list[tuple[Combination, int]] = [("querygym", 3), ("dedup", 1)]
    for combination, keyword in cases:
        query = combine(
            "a b", LISTED, str.split, combination=combination, mixing=0, damping="none", max_terms=9, repeats=2
        )
        assert query.terms == {"a": 2, "b": 3, "c": keyword, "d": 1}


def test_alone_leaves_the_query_out() -> None:
    query = made("a b", LISTED, "alone")
    assert query == WeightedQuery({"b": 1, "c": 3, "d": 1}, "b c c c d")


def test_lamer_puts_the_query_before_each_answer() -> None:
    query = made("a b", [["b c c"], ["  "], ["d"], []], "lamer")
    assert query.terms == {"a": 2, "b": 3, "c": 2, "d": 1}


@pytest.mark.parametrize(("characters", "repeats"), [(1, 1), (29, 1), (30, 2), (149, 9), (150, 10)])
def test_mugi_repeats_the_query_by_the_length_of_the_text(characters: int, repeats: int) -> None:
    """r = (characters of the text // characters of the query) // 5, at least 1."""
    assert made("abc", [["x" * characters]], "mugi").terms["abc"] == repeats


@given(PHRASES, LISTS)
def test_paper_querygym_and_lamer_differ_in_the_query_alone(query: str, lists: list[list[str]]) -> None:
    plain = {term: float(count) for term, count in Counter(query.split()).items()}
    added = Counter(term for listed in lists for keyword in listed for term in keyword.split())
    filled = sum(map(bool, lists))
    repeated: list[tuple[Combination, int]] = [("paper", 1), ("querygym", 5), ("lamer", filled)]
    for combination, repeats in repeated:
        terms = made(query, lists, combination).terms
        expected = {t: repeats * plain.get(t, 0) + added[t] for t in {*plain, *added}} if added else plain
        assert terms == expected


@pytest.mark.parametrize("setting", [TUNED_MIX, POOLED_MIX])
def test_frozen_settings_are_settings(setting: tuple[float, Damping]) -> None:
    mixing, damping = setting
    assert 0 < mixing < 1
    assert damping in DAMP
    terms = made("a", [["b"]], "mix", damping, mixing).terms
    assert terms == pytest.approx({"a": 1 - mixing, "b": mixing})


def test_copies_of_the_query_are_taken_off() -> None:
    text = 'Does X-ray help?  does x ray help\nDOES X-RAY HELP: "does x-ray help", dose'
    assert without_query(text, "Does X-ray help?", copies=3) == 'does x-ray help", dose'
    assert without_query(text, "Does X-ray help?", copies=9) == "dose"
    assert without_query(text, "Does X-ray help?") == "dose"


def test_copies_inside_the_text_are_taken_out_if_all_are() -> None:
    assert without_query("a b one. A b: two cab a bc", "a b") == "one two cab a bc"
    assert without_query("a b one. A b: two", "a b", copies=5) == "one. A b: two"


def test_a_query_without_words_takes_nothing_off() -> None:
    assert without_query("?? one", "??") == "?? one"


WORDS = st.lists(st.sampled_from(["ab", "cd", "éf", "x1"]), min_size=1, max_size=4)


@given(WORDS, st.lists(WORDS.map(" ".join), max_size=3), st.integers(0, 7))
def test_what_was_generated_comes_back(query: list[str], keywords: list[str], copies: int) -> None:
    """Whatever the keywords are: copies of the query among them too stay, beyond the ones that the method put there."""
    text = " ".join([*[" ".join(query)] * copies, *keywords])
    assert without_query(text, " ".join(query), copies=copies).split() == " ".join(keywords).split()


@given(st.text(max_size=40), st.text(max_size=10), st.none() | st.integers(0, 5))
def test_any_text_can_be_stripped(text: str, query: str, copies: int | None) -> None:
    left = without_query(text, query, copies=copies)
    assert len(left) <= len(text)


@pytest.mark.parametrize(
    ("damping", "counts"),
    [
        ("none", (1, 3, 1)),
        ("sqrt", (1, math.sqrt(3), 1)),
        ("log", (math.log(2), math.log(4), math.log(2))),
        ("binary", (1, 1, 1)),
    ],
)
def test_mix_is_the_closed_form(damping: Damping, counts: tuple[float, float, float]) -> None:
    share = [count / sum(counts) for count in counts]
    expected = {"a": 0.3 / 2, "b": 0.3 / 2 + 0.7 * share[0], "c": 0.7 * share[1], "d": 0.7 * share[2]}
    assert made("a b", LISTED, "mix", damping, mixing=0.7).terms == pytest.approx(expected)


KEEPING = [combination for combination in get_args(Combination) if combination != "alone"]


@given(PHRASES, LISTS, st.sampled_from(KEEPING), st.sampled_from(get_args(Damping)), st.integers(1, 5))
def test_the_original_query_is_never_lost(
    query: str, lists: list[list[str]], combination: Combination, damping: Damping, max_terms: int
) -> None:
    terms = made(query, lists, combination, damping, max_terms=max_terms).terms
    original = set(query.split())
    assert original <= terms.keys()
    assert all(weight > 0 for weight in terms.values())
    assert len(terms.keys() - original) <= max_terms
    if combination == "mix" and any(lists):
        assert sum(terms.values()) == pytest.approx(1)


@given(PHRASES, LISTS)
def test_the_order_of_instructions_changes_nothing(query: str, lists: list[list[str]]) -> None:
    assert made(query, lists).terms == made(query, lists[::-1]).terms


@pytest.mark.parametrize("combination", get_args(Combination))
def test_without_keywords_the_query_stays_as_it_is(combination: Combination) -> None:
    query = made("a a b", [[], ["", " "]], combination)
    assert query == WeightedQuery({"a": 2, "b": 1}, "a a b")


def test_a_query_of_stop_words_leaves_the_keywords() -> None:
    assert made("", [["b c"]], "mix").terms == pytest.approx({"b": 0.5, "c": 0.5})
    assert made("", [], "mix").terms == {}


def test_the_cap_keeps_the_most_frequent() -> None:
    assert made("a", LISTED, max_terms=1).terms == {"a": 1, "c": 3}
