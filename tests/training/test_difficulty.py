from __future__ import annotations

from collections.abc import Callable
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.training.difficulty import Scores, difficulty, hard, histogram

points = st.integers(1, 10).map(float)
Judge = Callable[[str, str], tuple[float, float]]


def asked(judge: Judge, teacher: str, student: str) -> float | None:
    """Both orders; a judge gives points to the answer that it sees first, then to the other."""
    first, second = judge(teacher, student), judge(student, teacher)
    return difficulty((first[0], first[1]), (second[1], second[0]))


judges: st.SearchStrategy[Judge] = st.functions(
    like=lambda first, second: (0.0, 0.0),  # pyright: ignore[reportUnknownLambdaType] # its types are the judges'
    returns=st.tuples(points, points),
    pure=True,
)


@given(judges, st.text(max_size=3), st.text(max_size=3))
def test_it_is_antisymmetric_whatever_the_judge(judge: Judge, one: str, other: str) -> None:
    ahead, behind = asked(judge, one, other), asked(judge, other, one)
    assert ahead is not None
    assert behind is not None
    assert ahead == -behind
    assert asked(judge, one, one) == 0


@given(points, points, st.integers(-50, 50), st.integers(-50, 50))
def test_what_a_judge_gives_to_a_place_cancels(teacher: float, student: float, first: int, second: int) -> None:
    biased = difficulty((teacher + first, student + second), (teacher + second, student + first))
    assert biased == pytest.approx(teacher - student)


def test_large_is_hard() -> None:
    assert difficulty((9, 6), (8, 7)) == 2.0
    assert difficulty((2, 9), (2, 9)) == -7.0


@pytest.mark.parametrize(("one", "other"), [(None, (9.0, 1.0)), ((9.0, 1.0), None), (None, None)])
def test_one_order_alone_is_no_difficulty(one: Scores | None, other: Scores | None) -> None:
    assert difficulty(one, other) is None


@given(
    st.dictionaries(st.text(max_size=3), st.none() | st.floats(-9, 9), max_size=12), st.floats(-9, 9), st.floats(0, 5)
)
def test_the_hard_set_shrinks_with_its_threshold(found: dict[str, float | None], low: float, more: float) -> None:
    assert set(hard(found, low + more)) <= set(hard(found, low))
    assert hard(found, -inf) == [name for name, value in found.items() if value is not None]
    assert hard(found, inf) == []


def test_the_threshold_itself_is_hard_and_none_is_not() -> None:
    assert hard({"a": 2.0, "b": 1.9, "c": None, "d": 7.0}) == ["a", "d"]
    with pytest.raises(UsageError, match="NaN"):
        hard({"a": 1.0}, nan)


def test_a_histogram_counts_every_difficulty_once() -> None:
    assert histogram({"a": -0.5, "b": 0.0, "c": 0.9, "d": 2.0, "e": None}) == {-1.0: 1, 0.0: 2, 2.0: 1}
    assert histogram({"a": 3.9, "b": 4.0}, width=2) == {2.0: 1, 4.0: 1}
    with pytest.raises(UsageError, match="width"):
        histogram({}, width=0)
