"""Bradley and Terry's model against published strengths, its own equations, and what is known of small cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dikast.errors import DataError, UsageError
from dikast.evaluation.bradley_terry import SCALE, Match, Standing, fit, rank

BASEBALL = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
WINS = np.array(
    [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ],
    dtype=np.float64,
)
STRENGTHS = [1.5814, 1.4364, 1.2945, 1.2476, 1.1077, 0.6839, 0.0]
"""American League, 1987, against Baltimore (Agresti, Categorical Data Analysis, and R's BradleyTerry2)."""


def of(standings: tuple[Standing, ...]) -> dict[str, Standing]:
    return {one.system: one for one in standings}


def games(first: str, second: str, wins: int, losses: int, ties: int = 0) -> list[Match]:
    scores = [1.0] * wins + [0.0] * losses + [0.5] * ties
    return [Match(first, second, score, f"{first}{second}{n}") for n, score in enumerate(scores)]


def test_published_strengths_of_baseball_teams() -> None:
    found, reasons = fit(WINS)
    assert found - found[-1] == pytest.approx(STRENGTHS, abs=5e-5)
    assert reasons == [""] * 7
    matches = [
        match
        for i, first in enumerate(BASEBALL)
        for j, second in enumerate(BASEBALL[:i])
        for match in games(first, second, int(WINS[i, j]), int(WINS[j, i]))
    ]
    board = rank(matches, resamples=0)
    assert [one.system for one in board.standings] == BASEBALL
    assert np.mean([one.rating for one in board.standings if one.rating is not None]) == pytest.approx(1000)
    anchored = of(rank(matches, resamples=0, anchor="Baltimore").standings)
    assert anchored["Milwaukee"].rating == pytest.approx(1000 + 400 * 1.5814 / math.log(10), abs=0.01)
    assert board.rates["Baltimore"]["Boston"] == pytest.approx(1 / 13)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=5, max_size=5))
def test_each_rated_system_wins_as_often_as_expected(table: list[list[int]]) -> None:
    """The likelihood's own equation, among those that have a finite strength; ties are halves."""
    wins = np.array(table) / 2
    np.fill_diagonal(wins, 0)
    found, reasons = fit(wins)
    rated = [i for i, reason in enumerate(reasons) if not reason]
    assert np.isfinite(found[rated]).all()
    part = wins[np.ix_(rated, rated)]
    chances = 1 / (1 + np.exp(np.subtract.outer(-found[rated], -found[rated])))
    assert ((part + part.T) * chances).sum(axis=1) == pytest.approx(part.sum(axis=1), abs=1e-6)


def test_two_systems_are_as_far_apart_as_their_odds() -> None:
    """30 wins, 10 losses and 8 ties are 34 to 14; with many prompts the interval is Wald's."""
    board = rank(games("a", "b", 30, 10, 8), resamples=0)
    assert SCALE * math.log(34 / 14) == pytest.approx(sum(r if n == "a" else -r for n, r in ratings(board.standings)))
    wide = of(rank(games("a", "b", 280, 120), resamples=300).standings)["a"]
    error = SCALE / 2 / math.sqrt(400 * 0.7 * 0.3)
    middle = 1000 + SCALE / 2 * math.log(0.7 / 0.3)
    assert (wide.low, wide.high) == pytest.approx((middle - 1.96 * error, middle + 1.96 * error), abs=5)


def ratings(standings: tuple[Standing, ...]) -> list[tuple[str, float]]:
    return [(one.system, one.rating) for one in standings if one.rating is not None]


def test_matches_of_a_prompt_are_drawn_together() -> None:
    """The same judgements four times over are no more evidence."""
    once = [Match("a", "b", float(n % 3 > 0), f"q{n}") for n in range(60)]
    single, fourfold = rank(once, resamples=60), rank(once * 4, resamples=60)
    for one, other in zip(fourfold.standings, single.standings, strict=True):
        assert (one.system, one.low, one.high) == (other.system, pytest.approx(other.low), pytest.approx(other.high))
    assert (fourfold.matches, fourfold.prompts) == (240, 60)
    apart = [Match(m.first, m.second, m.score, f"{m.prompt}/{n}") for n, m in enumerate(once * 4)]
    narrow, wide = of(rank(apart, resamples=60).standings)["a"], of(single.standings)["a"]
    assert narrow.high - narrow.low < 0.7 * (wide.high - wide.low)


def test_the_same_seed_gives_the_same_intervals() -> None:
    matches = games("a", "b", 9, 5)
    assert rank(matches, resamples=50) == rank(matches, resamples=50)
    assert rank(matches, resamples=50) != rank(matches, resamples=50, seed=1)


def test_a_system_that_won_or_lost_all_has_no_rating_and_the_reason() -> None:
    matches = games("a", "b", 3, 2) + games("best", "a", 2, 0) + games("b", "worst", 4, 0) + games("x", "y", 1, 1)
    board = rank(matches, resamples=0)
    assert [(one.system, one.reason) for one in board.standings] == [
        *(("best", "won all"), ("a", ""), ("b", ""), ("worst", "lost all")),
        *(("x", "not connected"), ("y", "not connected")),
    ]
    assert [one.rating is None for one in board.standings] == [True, False, False, True, True, True]
    # Those who have no finite strength do not move the others.
    assert ratings(board.standings) == ratings(rank(games("a", "b", 3, 2), resamples=0).standings)
    told = rank(matches, resamples=0, regularise=1.0)
    assert [one.reason for one in told.standings] == [""] * 6
    assert told.standings[0].system == "best"
    assert np.mean([rating for _, rating in ratings(told.standings)]) == pytest.approx(1000)
    assert all(math.isfinite(one.rating or math.nan) for one in told.standings)
    with pytest.raises(UsageError, match="'best' has no rating"):
        rank(matches, resamples=0, anchor="best")


def test_regularising_is_as_many_ties_with_one_more_system() -> None:
    plain = games("a", "b", 8, 2) + games("b", "c", 6, 3)
    ghost = [match for name in "abc" for match in games(name, "ghost", 0, 0, 2)]
    there = of(rank(plain + ghost, resamples=0).standings)
    shrunk = of(rank(plain, resamples=0, regularise=2.0).standings)
    gaps = [(one[a].rating or 0) - (one[b].rating or 0) for one in (there, shrunk) for a, b in ("ab", "bc")]
    assert gaps[:2] == pytest.approx(gaps[2:])


def test_resamples_without_a_finite_rating_are_counted_and_open_the_interval() -> None:
    board = of(rank(games("a", "b", 9, 1), resamples=200).standings)
    # P(a resample of ten misses the one loss) = .9^10 = .35
    assert 0.25 < board["a"].unbounded / 200 < 0.45
    assert board["a"].unbounded == board["b"].unbounded
    assert (board["a"].high, board["b"].low) == (math.inf, -math.inf)
    assert board["a"].low + board["b"].high == pytest.approx(2000)


def test_a_system_that_falls_out_of_a_resample_does_not_move_the_others() -> None:
    """The weak one has a single win, which a third of the resamples miss: a and b are alone there, where they were."""
    board = of(rank(games("a", "b", 200, 200) + games("b", "weak", 11, 1), resamples=100).standings)
    assert 0.2 < board["weak"].unbounded / 100 < 0.5
    assert (board["a"].rating or 0) > 1130
    assert board["a"].low > 1030


def test_where_no_two_won_against_each_other_nobody_is_rated() -> None:
    board = rank(games("a", "b", 2, 0) + games("b", "c", 2, 0) + games("a", "c", 1, 0), resamples=20)
    assert [(one.system, one.rating, one.reason) for one in board.standings] == [
        *(("a", None, "won all"), ("b", None, "in between"), ("c", None, "lost all"))
    ]


@pytest.mark.parametrize(
    ("matches", "message"),
    [
        ([], "no match"),
        ([Match("a", "a", 1, "q")], "'a' is compared with itself, on 'q'"),
        ([Match("a", "b", 1.5, "q")], "outside 0..1"),
    ],
)
def test_matches_that_are_none_are_refused(matches: list[Match], message: str) -> None:
    with pytest.raises(DataError, match=message):
        rank(matches)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="neither can be negative"):
        rank(games("a", "b", 1, 1), regularise=-1)
