"""Two references beside the same responses, against counts by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.evaluation.nearness import (
    APART,
    LEAD,
    MEAN,
    MEASURES,
    NEAR,
    RIGHT,
    Trio,
    compare_references,
    nearer,
    nearness,
    token_f1,
)


def trio(id_: str, one: str, two: str, adapted: str, given: str, gold: Any = None) -> Trio:
    return Trio(id_, (one, two), (adapted,), given, gold)


@given(st.text(max_size=30), st.text(max_size=30))
def test_token_f1_is_a_symmetric_share_and_1_for_itself(one: str, two: str) -> None:
    assert 0 <= token_f1(one, two) == token_f1(two, one) <= 1
    assert token_f1(one, one) == 1


def test_token_f1_by_hand() -> None:
    """Of 3 and 5 words two are shared; a word that is there twice counts twice only where both have it twice."""
    assert token_f1("the cat sat", "the dog and the cat") == pytest.approx(2 * 2 / 8)
    assert token_f1("no no", "no") == pytest.approx(2 / 3)
    assert token_f1("a", "b") == 0


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_every_measure_is_1_for_the_same_text_and_lower_for_another(name: str) -> None:
    same = MEASURES[name]("the quick brown fox", "the quick brown fox")
    assert same == pytest.approx(1)
    assert 0 <= MEASURES[name]("the quick brown fox", "a slow grey dog") < 0.5 < same


TRIOS = [
    # adapted: 1 and 0 to the responses; given: .5 and .5
    trio("p1", "a b", "c d", "a b", "a c", "1"),
    # adapted: .5 and .5; given: 0 and 1
    trio("p2", "a b", "c d", "a c", "c d", "2"),
    trio("p3", "a b", "c d", "a b", "c d", "tie"),
    trio("p4", "a b", "c d", "a b", "a b", None),
]


def test_the_figures_by_hand() -> None:
    found = {one.what: one for one in compare_references(TRIOS, {"token-f1": token_f1}, "strict")}
    assert list(found) == [*NEAR, MEAN, APART, LEAD, RIGHT]
    assert (found[MEAN].n, found[MEAN].adapted, found[MEAN].given) == (4, 0.5, 0.5)
    # Response 1: 1, .5, 1, 1 against .5, 0, 0, 1.
    assert (found[NEAR[0]].adapted, found[NEAR[0]].given, found[NEAR[0]].difference.value) == (0.875, 0.375, 0.5)
    assert (found[NEAR[1]].adapted, found[NEAR[1]].given) == (0.125, 0.625)
    assert (found[APART].adapted, found[APART].given) == (0.75, 0.75)
    # Labelled with a winner: p1 leads by 1 against 0, p2 by 0 against 1.
    assert (found[LEAD].n, found[LEAD].adapted, found[LEAD].given) == (2, 0.5, 0.5)
    # Right: p1 with the adapted one alone, p2 with the given one alone, p3 with neither.
    assert (found[RIGHT].n, found[RIGHT].adapted, found[RIGHT].given) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert found[RIGHT].difference.low < 0 < found[RIGHT].difference.high
    # Differences of .5, .5, 1 and 0.
    assert 0 <= found[NEAR[0]].difference.low < 0.5 < found[NEAR[0]].difference.high <= 1
    alike = {one.what: one for one in compare_references([TRIOS[0]] * 3, {"token-f1": token_f1}, "strict")}
    assert (math.isnan(alike[MEAN].difference.low), math.isnan(alike[RIGHT].difference.low)) == (True, False)
    half = {one.what: one for one in compare_references(TRIOS, {"token-f1": token_f1}, "half")}
    assert half[RIGHT].adapted == pytest.approx((1 + 0.5 + 0.5) / 3)
    left = {one.what: one for one in compare_references(TRIOS, {"token-f1": token_f1}, "leave-out")}
    assert left[RIGHT].n == 2


def test_two_revisions_count_as_their_mean() -> None:
    both = Trio("p", ("a b", "c d"), ("a b", "c d"), "a c", None)
    assert nearness(both, token_f1) == ((0.5, 0.5), (0.5, 0.5))
    assert nearer((0.5, 0.5)) == "tie"


def test_what_cannot_be_measured_is_left_out_of_that_measure_alone() -> None:
    chinese = trio("p5", "是的", "不是", "是的", "不是", "1")
    found = compare_references([*TRIOS, chinese], {name: MEASURES[name] for name in ("rougeL", "chrf")}, "strict")
    assert {(one.measure, one.n) for one in found if one.what == MEAN} == {("rougeL", 4), ("chrf", 5)}
    assert compare_references([chinese], {"rougeL": MEASURES["rougeL"]}, "strict") == []
    assert math.isnan(MEASURES["rougeL"]("是的", "不是"))
