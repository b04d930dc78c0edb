from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.training.replay import exact, replay, replay_counts, shares


def test_shares_halve() -> None:
    assert shares(4) == [0.30, 0.15, 0.075, 0.0375]
    assert shares(0) == []


@pytest.mark.parametrize(
    ("new", "older", "expected"),
    [
        (70, [1_000], [30]),
        (55, [1_000, 1_000], [30, 15]),
        (110, [1_000, 1_000], [60, 30]),
        (7, [100], [3]),
        (6, [100], [2]),
        (55, [0, 1_000], [0, 9]),
        (55, [5, 1_000], [5, 10]),
        (55, [1_000, 5], [25, 5]),
        (0, [10, 10], [0, 0]),
        (10, [], []),
    ],
)
def test_counts_by_hand(new: int, older: list[int], expected: list[int]) -> None:
    assert replay_counts(new, older, shares(len(older))) == expected


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 24)), max_size=4),
)
def test_shares_are_exact_and_nothing_more_would_fit(new: int, drawn: list[tuple[int, int]]) -> None:
    older, of = [rows for rows, _ in drawn], [share / 100 for _, share in drawn]
    counts = replay_counts(new, older, of)
    total = new + sum(counts)
    assert all(count <= rows for count, rows in zip(counts, older, strict=True))
    assert all(Fraction(count) <= exact(share) * total for count, share in zip(counts, of, strict=True))
    # The largest: no mixture with more rows satisfies all bounds, by trying every total up to all rows there are.
    for bigger in range(total + 1, new + sum(older) + 1):
        most = [min(rows, int(exact(share) * bigger)) for rows, share in zip(older, of, strict=True)]
        assert new + sum(most) < bigger


@pytest.mark.parametrize(("older", "of"), [([1], [1.0]), ([1, 1], [0.5, 0.5]), ([1], [-0.1]), ([1, 1], [0.1])])
def test_shares_that_cannot_be(older: list[int], of: list[float]) -> None:
    with pytest.raises(UsageError, match="shares of replay"):
        replay_counts(10, older, of)


def test_a_mixture_has_all_that_is_new_and_older_rows_once() -> None:
    new, older = list(range(55)), [list(range(100, 200)), list(range(200, 300))]
    mixed = replay(new, older, seed=3)
    assert mixed.counts == [55, 30, 15]
    by_age = [[row for ago, row in mixed.rows if ago == age] for age in range(3)]
    assert sorted(by_age[0]) == new
    for age in (1, 2):
        assert len(set(by_age[age])) == mixed.counts[age]
        assert set(by_age[age]) <= set(older[age - 1])
    assert replay(new, older, seed=3) == mixed
    assert replay(new, older, seed=4).rows != mixed.rows
    assert [ago for ago, _ in mixed.rows] != sorted(ago for ago, _ in mixed.rows)
