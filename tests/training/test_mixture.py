from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.training.mixture import (
    DISTILQWEN2,
    counts,
    hard_share,
    mix_by_task,
    mix_hard,
    resample,
    without_near_repeats,
)

mixes = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 20).map(float), min_size=1).filter(
    lambda mix: sum(mix.values()) > 0
)


def test_the_shipped_mix() -> None:
    assert len(DISTILQWEN2) == 32
    assert sum(Fraction(str(weight)) for weight in DISTILQWEN2.values()) == 1
    found = counts(DISTILQWEN2, 1_000)
    assert [found[task] for task in ("Math", "Reasoning", "Code Debug", "Others", "Grammar")] == [167, 167, 83, 41, 17]


@given(mixes, st.integers(0, 500))
def test_counts_are_within_one_of_their_share_and_add_up(mix: dict[str, float], total: int) -> None:
    found = counts(mix, total)
    assert sum(found.values()) == total
    whole = sum(map(Fraction, mix.values()))
    for task, weight in mix.items():
        share = Fraction(weight) * total / whole
        assert share - 1 < found[task] < share + 1
        assert share.denominator != 1 or found[task] == share


def test_the_largest_remainder_gets_the_row_and_the_first_of_equals() -> None:
    assert counts({"a": 0.1, "b": 0.35, "c": 0.55}, 10) == {"a": 1, "b": 4, "c": 5}
    assert counts({"a": 1, "b": 1, "c": 1}, 4) == {"a": 2, "b": 1, "c": 1}
    assert counts({"a": 0.3, "b": 0.7}, 10) == {"a": 3, "b": 7}


@pytest.mark.parametrize("mix", [{"a": -1.0, "b": 2.0}, {"a": 0.0}, {}, {"a": nan}, {"a": float("inf")}])
def test_mixes_that_cannot_be(mix: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="a mix of"):
        counts(mix, 10)


Pool = list[tuple[str, int]]


@given(mixes, st.lists(st.sampled_from("abcdefz"), max_size=60), st.integers(0, 80), st.integers(0, 3))
def test_resampling_is_exact_and_tells_its_repeats(
    mix: dict[str, float], tasks: list[str], total: int, seed: int
) -> None:
    pool: Pool = [(task, at) for at, task in enumerate(tasks)]
    there = {task: weight for task, weight in mix.items() if task in tasks}
    if sum(there.values()) == 0:
        with pytest.raises(UsageError):
            resample(pool, lambda row: row[0], mix, total, seed=seed)
        return
    found = resample(pool, lambda row: row[0], mix, total, seed=seed)
    assert Counter(task for task, _ in found.rows) == Counter(found.counts)
    assert found.counts == counts(there, total)
    assert len(found.rows) - len(set(found.rows)) == sum(found.repeats.values())
    assert found.repeat_rate == pytest.approx(1 - len(set(found.rows)) / total if total else 0)
    for task in there:
        often = Counter(row for row in found.rows if row[0] == task)
        least = min((often[row] for row in pool if row[0] == task), default=0)
        assert max(often.values(), default=0) <= least + 1
    assert set(found.lacking) == {task for task, weight in mix.items() if weight > 0 and task not in tasks}
    assert found.foreign == sum(task not in mix for task in tasks)
    assert resample(pool, lambda row: row[0], mix, total, seed=seed) == found


def test_another_seed_chooses_others_in_another_order() -> None:
    pool: Pool = [("a", at) for at in range(50)]
    one, two = (resample(pool, lambda row: row[0], {"a": 1}, 20, seed=seed).rows for seed in (0, 1))
    assert set(one) != set(two)
    assert one != sorted(one)


def test_the_share_of_hard_rows_grows_and_stays_a_share() -> None:
    assert [hard_share(round_) for round_ in range(1, 7)] == [0.3, 0.5, 0.7, 0.9, 1.0, 1.0]
    assert [hard_share(round_, 0.5, -0.3) for round_ in (1, 2, 3)] == [0.5, 0.2, 0.0]
    with pytest.raises(UsageError, match="round 0"):
        hard_share(0)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 60), st.integers(0, 10))
def test_a_rounds_rows_are_hard_in_exactly_that_share(hard: int, others: int, total: int, tenths: int) -> None:
    found = mix_hard(list(range(hard)), list(range(others)), total, tenths / 10, seed=0)
    assert len(found.rows) == total
    is_hard = sum(one for one, _ in found.rows)
    assert abs(is_hard - Fraction(total * tenths, 10)) <= Fraction(1, 2)


def test_where_nothing_is_hard_the_others_fill_the_round() -> None:
    found = mix_hard([], [1, 2, 3], 3, 0.5, seed=0)
    assert ([one for one, _ in found.rows], found.lacking) == ([False] * 3, ("hard",))
    with pytest.raises(UsageError, match="hard rows"):
        mix_hard([1], [2], 2, 1.5, seed=0)


def test_near_repeats_are_left_out_in_their_order() -> None:
    rows = ["How do I bake a loaf of bread at home?", "How do I bake a loaf of bread at home??", "Sort a list."]
    assert without_near_repeats(rows, str) == [rows[0], rows[2]]
    assert without_near_repeats(rows, str, threshold=1.0) == rows


def pool(task: str, count: int) -> list[str]:
    return [f"{task}{number}" for number in range(count)]


def first(row: str) -> str:
    return row[0]


def test_the_mix_is_that_of_all_rows_whatever_is_hard() -> None:
    """Few hard rows of one task: the others' share of hard ones is not theirs to take."""
    hard, others = pool("a", 40) + pool("b", 2), pool("a", 60) + pool("b", 60) + pool("c", 60)
    found = mix_by_task(hard, others, first, {"a": 1, "b": 1, "c": 2}, 80, 0.5, seed=0)
    assert Counter(first(row) for _, row in found.rows) == {"a": 20, "b": 20, "c": 40}
    assert Counter(first(row) for is_hard, row in found.rows if is_hard) == {"a": 10, "b": 8}
    assert found.repeats == {"b": 6}
    assert max(Counter(row for is_hard, row in found.rows if is_hard and first(row) == "b").values()) == 4
    assert found == mix_by_task(hard, others, first, {"a": 1, "b": 1, "c": 2}, 80, 0.5, seed=0)
    assert found.rows != mix_by_task(hard, others, first, {"a": 1, "b": 1, "c": 2}, 80, 0.5, seed=1).rows


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 60), st.integers(0, 10), st.integers(1, 5))
def test_a_task_has_its_rows_whatever_it_is_made_of(hard: int, others: int, total: int, tenths: int, most: int) -> None:
    if not hard and not others:
        return
    found = mix_by_task(pool("a", hard), pool("a", others), first, {"a": 1}, total, tenths / 10, seed=0, most=most)
    assert len(found.rows) == total
    taken = Counter(row for is_hard, row in found.rows if is_hard)
    if others:
        assert sum(taken.values()) <= total * tenths / 10 + 1
        # Within one of the bound, since shares are rounded to whole rows.
        assert max(taken.values(), default=0) <= most + 1


def test_tasks_without_rows_and_rows_without_a_task_are_told() -> None:
    found = mix_by_task(["a0"], ["x0", "a1"], first, {"a": 1, "b": 1}, 4, 0.5, seed=0)
    assert (found.lacking, found.foreign, len(found.rows)) == (("b",), 1, 4)
    with pytest.raises(UsageError, match="no row is of a task"):
        mix_by_task(["x"], [], first, {"a": 1}, 4, 0.5, seed=0)
    with pytest.raises(UsageError, match="1 or more"):
        mix_by_task(["a"], [], first, {"a": 1}, 4, 0.5, seed=0, most=0)
