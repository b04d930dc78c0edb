from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dikast.agents.ledger import Call, Ledger, current, recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.errors import LimitReached
from dikast.records import Outcome, Provenance, Usage


def call(role: str, **usage: int) -> Call:
    came_from = Provenance(model="m", prompt="p", seed=0, sample=0, finish_reason="stop", cached=False)
    return Call(role, (), "", "", Outcome.OK, "", Usage(calls=1, **usage), came_from)


def test_outside_any_block_there_is_no_ledger() -> None:
    assert current() is None
    with recording() as ledger:
        assert current() is ledger
    assert current() is None


def test_a_block_that_fails_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match="bug"), recording():
        raise ValueError("bug")
    assert current() is None


def test_costs_are_booked_by_role_here_and_around() -> None:
    with recording() as outer:
        with recording() as inner:
            inner.add(call("solver", input_tokens=5))
            inner.add(call("solver", input_tokens=2))
        outer.add(call("judge"))
    assert inner.usage_by_role == {"solver": Usage(calls=2, input_tokens=7)}
    assert outer.usage == Usage(calls=3, input_tokens=7)
    assert len(inner.calls) == 2
    assert len(outer.calls) == 1  # an inner block keeps its own calls


@pytest.mark.parametrize("where", ["here", "around"])
@pytest.mark.parametrize("what", ["begin", "check"])
def test_a_limit_holds_here_and_around(where: str, what: str) -> None:
    tight, free = Limits(calls=1), None
    around, here = (free, tight) if where == "here" else (tight, free)
    with recording(limits=around), recording(limits=here) as inner:
        inner.begin()
        inner.add(call("solver"))
        with pytest.raises(LimitReached):
            getattr(inner, what)()


def test_the_cache_is_the_outer_blocks_unless_another_is_named(tmp_path: Path) -> None:
    one, two = RequestCache(tmp_path / "one.sqlite"), RequestCache(tmp_path / "two.sqlite")
    with recording(cache=one):
        with recording() as inner:
            assert inner.cache is one
        with recording(cache=two) as inner:
            assert inner.cache is two
    with recording() as alone:
        assert alone.cache is None


def test_threads_lose_no_call_and_pass_no_limit() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with recording(limits=Limits(calls=2000)) as outer, ThreadPoolExecutor(8) as threads:

            def make(_: int) -> int:
                with_own = Ledger(None, None, "row", outer)
                passed = 0
                for _ in range(500):
                    try:
                        with_own.begin()
                    except LimitReached:
                        continue
                    with_own.add(call("solver", input_tokens=1))
                    passed += 1
                return passed

            passed = sum(threads.map(make, range(8)))
    finally:
        sys.setswitchinterval(before)
    assert (passed, outer.usage) == (2000, Usage(calls=2000, input_tokens=2000))


def test_calls_are_kept_in_the_order_in_which_they_began() -> None:
    with recording() as ledger:
        for role, started in (("third", 3.0), ("first", 1.0), ("second", 2.0)):
            ledger.add(call(role), started)
        ledger.add(call("now"))
    assert [one.role for one in ledger.calls] == ["first", "second", "third", "now"]


class Slices:
    """Grants one call at a time, so many times."""

    def __init__(self, ledger: Ledger, grants: int) -> None:
        self.ledger, self.grants, self.asked = ledger, grants, 0
        ledger.refill = self

    async def __call__(self) -> bool:
        self.asked += 1
        if self.asked > self.grants:
            return False
        self.ledger.allow(Limits(calls=self.asked))
        return True


async def test_a_call_waits_for_the_next_slice_of_the_outermost_limits() -> None:
    with recording(limits=Limits(calls=0)) as run, recording(limits=Limits(calls=9), name="row") as row:
        slices = Slices(run, 2)
        await row.admit()
        await row.admit()
        assert (slices.asked, run.begun, row.begun) == (2, 2, 2)
        with pytest.raises(LimitReached, match="the run's limit of 2 calls"):
            await row.admit()
        assert row.outermost is run
        assert not run.passes
        assert row.passes  # its own limit is not used up


async def test_the_rows_own_limit_asks_for_no_slice() -> None:
    with recording(limits=Limits(calls=5)) as run, recording(limits=Limits(calls=0), name="row") as row:
        slices = Slices(run, 5)
        with pytest.raises(LimitReached, match="the row's limit of 0 calls"):
            await row.admit()
        assert slices.asked == 0


async def test_without_slices_admitting_is_beginning() -> None:
    with recording(limits=Limits(calls=1)) as run:
        await run.admit()
        with pytest.raises(LimitReached):
            await run.admit()


def test_what_was_spent_elsewhere_counts_against_the_limits() -> None:
    with recording(limits=Limits(calls=3)) as run:
        run.book({"solver": Usage(calls=2, input_tokens=7)}, 3)
        assert run.usage_by_role == {"solver": Usage(calls=2, input_tokens=7)}
        assert run.begun == 3
        with pytest.raises(LimitReached):
            run.begin()
        run.allow(Limits(calls=4))
        run.begin()
    with recording() as free:
        free.allow(Limits(calls=0))  # nothing to change
        assert (free.begun, free.passes) == (0, True)
