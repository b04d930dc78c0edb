from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.jobs.keys import Repeats, add_keys, canonical

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
INPUTS = st.lists(st.dictionaries(st.text(max_size=3), JSON, max_size=3), max_size=8)


def test_a_key_never_changes() -> None:
    (row,) = add_keys([{"query": "naïve", "n": 1}], 1)
    assert row.key == "96fa4a725173b60a95c3dc7fb48d6b7c"


@given(INPUTS, st.integers(1, 3), st.randoms(use_true_random=False))
def test_every_row_has_its_own_key_whatever_the_order(inputs: list[Any], samples: int, chance: random.Random) -> None:
    keys = [row.key for row in add_keys(inputs, samples)]
    assert len(set(keys)) == len(inputs) * samples
    chance.shuffle(inputs)
    assert {row.key for row in add_keys(inputs, samples)} == set(keys)


def test_the_order_of_names_does_not_matter() -> None:
    (one,), (two,) = add_keys([{"a": 1, "b": 2}], 1), add_keys([{"b": 2, "a": 1}], 1)
    assert one.key == two.key


def test_numbers_and_ordinals_count_inputs() -> None:
    rows = list(add_keys([{"q": "a"}, {"q": "b"}, {"q": "a"}], 2))
    assert [(row.number, row.ordinal, row.sample) for row in rows] == [
        (1, 0, 0), (1, 0, 1), (2, 0, 0), (2, 0, 1), (3, 1, 0), (3, 1, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": object()}])
def test_what_is_not_json_has_no_canonical_form(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


def test_a_second_pass_remembers_only_what_comes_again() -> None:
    inputs = [{"q": number % 7 if number < 14 else number} for number in range(1000)]
    first = Repeats()
    keys = [row.key for row in add_keys(inputs, 2, first)]
    second = Repeats(first.repeated)
    assert [row.key for row in add_keys(inputs, 2, second)] == keys
    assert len(set(keys)) == 2000
    assert len(first.repeated) == len(second._seen) == 7
