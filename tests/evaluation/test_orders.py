from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.evaluation.orders import majority, synthesise, unbiased_preference
from dikast.verdicts import PairVerdict, Winner, logistic

WINNERS = st.sampled_from(["1", "2", "tie", None])
PROBABILITIES = st.floats(0.001, 0.999)


@pytest.mark.parametrize(
    ("ab", "ba", "final"),
    [
        ("1", "1", "1"),
        ("2", "2", "2"),
        ("tie", "tie", "tie"),
        ("1", "2", "tie"),
        ("1", "tie", "tie"),
        ("1", None, None),
    ],
)
def test_only_what_both_orders_say_stands(ab: Winner, ba: Winner | None, final: Winner | None) -> None:
    assert synthesise(PairVerdict("p", ab, ba)) == final


def test_a_conflict_can_be_left_open() -> None:
    assert synthesise(PairVerdict("p", "1", "2"), on_conflict="unparsed") is None


@given(WINNERS, WINNERS)
def test_the_order_of_the_orders_does_not_matter(ab: Winner | None, ba: Winner | None) -> None:
    assert synthesise(PairVerdict("p", ab, ba)) == synthesise(PairVerdict("p", ba, ab))


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_a_position_bias_that_adds_to_the_log_odds_cancels(quality: float, bias: float) -> None:
    # Response 1 is better by `quality`; whatever is shown first gains `bias`.
    found = unbiased_preference(logistic(quality + bias), logistic(-quality + bias))
    # As far as doubles hold 1 - p.
    assume(abs(quality) + abs(bias) < 12)
    assert found == pytest.approx(logistic(quality), abs=1e-6)


@given(PROBABILITIES, PROBABILITIES)
def test_swapping_the_responses_turns_the_preference_round(p_ab: float, p_ba: float) -> None:
    assert unbiased_preference(p_ab, p_ba) == pytest.approx(1 - unbiased_preference(p_ba, p_ab))


def test_certainty() -> None:
    assert unbiased_preference(1, 0.4) == 1
    assert unbiased_preference(1, 1) == 0.5
    with pytest.raises(UsageError, match="not probabilities"):
        unbiased_preference(1.2, 0.5)


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        (["1", "1", "2"], "1"),
        (["1", "2"], "tie"),
        (["tie", "tie", "1"], "tie"),
        (["1", "2", "tie"], "tie"),
        ([None, None, "2"], "2"),
        ([None], None),
        ([], None),
    ],
)
def test_a_panel_votes(votes: list[Winner | None], winner: Winner | None) -> None:
    assert majority(votes) == winner


def test_weights_decide_and_must_fit() -> None:
    assert majority(["1", "2", "2"], [3, 1, 1]) == "1"
    assert majority(["1", "2"], no_majority=None) is None
    for weights in ([1.0], [1.0, -1.0]):
        with pytest.raises(UsageError, match="weights"):
            majority(["1", "2"], weights)


@given(st.lists(WINNERS, max_size=7))
def test_the_order_of_a_panel_does_not_matter(votes: list[Winner | None]) -> None:
    assert majority(votes) == majority(votes[::-1])
