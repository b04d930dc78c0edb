"""What several values of one row come to."""

from __future__ import annotations

from itertools import combinations

import pytest

from dikast.errors import UsageError
from dikast.evaluation.reducers import parse_reducer, parse_reducers, pass_at_k


def test_each_reducer_by_hand() -> None:
    values = [0.0, 1.0, 0.0, 2.0]
    found = {one.name: one(values) for one in parse_reducers("mean, median,mode,max,at_least_2,at_least_3,pass@2")}
    expected = {"mean": 0.75, "median": 0.5, "mode": 0.0, "max": 2.0, "at_least_2": 1.0, "at_least_3": 0.0}
    assert found == {**expected, "pass@2": pytest.approx(5 / 6)}


def test_the_mode_of_several_is_the_one_that_came_first() -> None:
    assert parse_reducer("mode")([3.0, 1.0, 1.0, 3.0]) == 3.0


def test_pass_at_k_is_the_share_of_draws_that_hold_a_success() -> None:
    for n in range(1, 7):
        for c in range(n + 1):
            for k in range(1, n + 1):
                drawn = list(combinations([True] * c + [False] * (n - c), k))
                assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, drawn)) / len(drawn))


def test_what_a_success_is_can_be_said_and_inspects_name_is_known() -> None:
    assert parse_reducer("pass@1>=0.5")([0.5, 0.4]) == 0.5
    assert parse_reducer("at_least_2>=-1")([-1.0, -1.0]) == 1.0
    assert parse_reducer("pass_at_2").needs == 2


@pytest.mark.parametrize(
    "text", ["", " , ", "avg", "pass@", "pass@0", "at_least_0", "pass@2>=", "pass@2>=.", "pass@1e3", "mean()"]
)
def test_what_is_no_reducer_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="reducer") as error:
        parse_reducers(text)
    assert "pass@K" in str(error.value.hint)
