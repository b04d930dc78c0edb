from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.training.splits import SPLITS, Leaks, digest_of, split_of


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["p", "q", "r", "s"])), max_size=60))
def test_no_prompt_is_admitted_to_two_splits(rows: list[tuple[str, str]]) -> None:
    leaks = Leaks()
    where: dict[str, set[str]] = {}
    for group, prompt in rows:
        split = split_of(group)
        if leaks.admits(split, prompt):
            where.setdefault(prompt, set()).add(split)
    assert all(len(splits) == 1 for splits in where.values())
    assert where.keys() == {prompt for _, prompt in rows}


def test_a_leak_is_found_across_case_white_space_and_form() -> None:
    leaks = Leaks()
    assert leaks.admits("train", "What is  it?")
    assert leaks.admits("train", "what is it?\n")
    assert not leaks.admits("test", "WHAT is it?")
    assert not leaks.admits("test", [{"role": "user", "content": "What is it?"}])
    assert leaks.admits("test", "What was it?")


def test_messages_are_no_joined_text() -> None:
    two = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert digest_of(two) != digest_of("a b")


def test_shares_are_kept_and_may_be_ones_own() -> None:
    names = [str(n) for n in range(4_000)]
    for name, share in SPLITS:
        assert sum(split_of(one) == name for one in names) == pytest.approx(40 * share, rel=0.15)
    assert {split_of(one, (("all", 1),)) for one in names} == {"all"}
    assert {split_of(one, (("never", 0), ("half", 2), ("other", 2))) for one in names} == {"half", "other"}
    with pytest.raises(UsageError, match="shares of splits"):
        split_of("x", (("none", 0),))
    with pytest.raises(UsageError, match="shares of splits"):
        split_of("x", (("a", 2), ("b", -1)))
