from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dikast.agents.models.limits import Limits
from dikast.jobs.engines.slices import Slices, Spent
from dikast.records import Usage

WORKERS: tuple[str, ...] = ("a", "b", "c")
Steps = st.lists(st.tuples(st.sampled_from(WORKERS), st.booleans(), st.floats(0, 1)), max_size=60)


@given(calls=st.integers(0, 40), steps=Steps)
def test_calls_that_are_out_are_never_more_than_the_limit(calls: int, steps: list[Any]) -> None:
    slices = Slices(Limits(calls=calls), len(WORKERS))
    may, begun = dict.fromkeys(WORKERS, 0), dict.fromkeys(WORKERS, 0)
    for who, back, share in steps:
        begun[who] += int(share * (may[who] - begun[who]))
        spent = Spent(begun=begun[who])
        granted = slices.give_back(who, spent) if back else slices.grant(who, spent)
        may[who] = begun[who] if granted is None else granted.calls or 0
        assert begun[who] <= may[who]
        assert sum(may.values()) <= calls


@given(calls=st.integers(1, 60), order=st.permutations(WORKERS))
def test_everything_is_granted_in_the_end(calls: int, order: list[str]) -> None:
    """Workers that spend what they get get all of it, also the last call."""
    slices, spent = Slices(Limits(calls=calls), len(WORKERS)), dict.fromkeys(WORKERS, 0)
    going = list(order)
    while going:
        for who in list(going):
            granted = slices.grant(who, Spent(begun=spent[who]))
            if granted is None:
                going.remove(who)
            else:
                spent[who] = granted.calls or 0
    assert sum(spent.values()) == calls


def tokens(count: int) -> Spent:
    return Spent({"solver": Usage(input_tokens=count - 1, output_tokens=1)} if count else {})


def test_what_a_worker_has_not_spent_it_gives_back() -> None:
    slices = Slices(Limits(tokens=80, seconds=5.0), 2)
    first = slices.grant("a", tokens(0))
    assert first is not None
    assert (first.tokens, first.seconds) == (10, None)
    assert slices.left() == {"tokens": 70}
    assert slices.give_back("a", tokens(4)).tokens == 4
    assert slices.left() == {"tokens": 76}


def test_a_worker_that_spent_more_than_it_was_granted_is_counted_whole() -> None:
    """Tokens are known when a call ends."""
    slices = Slices(Limits(tokens=20), 1)
    assert slices.grant("a", tokens(0)) is not None
    assert slices.grant("a", tokens(25)) is None
    assert slices.left() == {"tokens": -5}


def test_slices_of_the_cost_do_not_get_smaller_for_ever() -> None:
    slices, spent, asked = Slices(Limits(cost=1.0, price_input=1.0), 4), 0, 0
    while (granted := slices.grant("a", Spent({"solver": Usage(input_tokens=spent)}))) is not None:
        assert granted.cost is not None
        assert asked or granted.cost == 1 / 16
        spent, asked = max(spent + 1, int(granted.cost * 1e6)), asked + 1
        assert asked < 1000
    assert asked > 20
    assert spent == 1_000_000


def test_each_limit_has_its_own_slices_and_the_scarcest_ends_it() -> None:
    slices = Slices(Limits(calls=100, tokens=8), 1)
    first = slices.grant("a", Spent())
    assert first is not None
    assert (first.calls, first.tokens, first.cost) == (25, 2, None)
    assert slices.grant("a", Spent(tokens(8).roles, begun=1)) is None


def test_without_limits_nothing_is_bounded() -> None:
    assert Slices(None, 3).bounded == {}
    assert Slices(Limits(seconds=3.0), 3).bounded == {}
    assert Slices(Limits(calls=3), 3).nothing == Limits(calls=0)
