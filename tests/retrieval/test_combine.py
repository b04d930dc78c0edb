from __future__ import annotations

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.retrieval.combine import Combination, Damping, combine
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


@given(PHRASES, LISTS, st.sampled_from(get_args(Combination)), st.sampled_from(get_args(Damping)), st.integers(1, 5))
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
