"""Rates: calls spread evenly, tokens made up for, shared among processes."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from pydantic import ValidationError

from dikast.agents.ledger import recording
from dikast.agents.models.pace import Pace, Rates


class Time:
    """A clock that only sleeping moves; sleepers wake in their order."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        end = self.now + seconds
        await asyncio.sleep(0)
        self.now = max(self.now, end)


async def test_calls_are_spread_evenly_and_no_minute_has_more() -> None:
    time = Time()
    pace = Pace(Rates(rpm=30), time, time.sleep)
    at: list[float] = []
    for _ in range(40):
        await pace.turn()
        at.append(time.now)
    assert at[0] == 100.0
    assert [later - sooner for sooner, later in itertools.pairwise(at)] == pytest.approx([2.0] * 39)
    assert max(sum(start <= one < start + 60 for one in at) for start in at) == 30


async def test_tasks_at_once_have_turns_of_their_own() -> None:
    time = Time()
    pace = Pace(Rates(rpm=60), time, time.sleep)
    at: list[float] = []

    async def call() -> None:
        await pace.turn()
        at.append(time.now)

    await asyncio.gather(*(call() for _ in range(5)))
    assert at == [100.0, 101.0, 102.0, 103.0, 104.0]


async def test_what_a_call_took_is_made_up_before_the_next() -> None:
    time = Time()
    pace = Pace(Rates(tpm=600), time, time.sleep)
    await pace.turn()
    pace.book(50)
    assert time.now == 100.0
    await pace.turn()
    assert time.now == pytest.approx(105.0)
    pace.book(0)
    await pace.turn()
    assert time.now == pytest.approx(105.0)
    for _ in range(20):
        await pace.turn()
        pace.book(60)
    assert time.now == pytest.approx(105.0 + 19 * 6)


async def test_time_that_went_by_is_not_saved_up() -> None:
    time = Time()
    pace = Pace(Rates(rpm=60, tpm=60), time, time.sleep)
    time.now += 1_000
    await pace.turn()
    pace.book(30)
    await pace.turn()
    assert time.now == pytest.approx(1_130.0)


def test_shares_and_what_is_no_rate() -> None:
    assert Rates(rpm=60, tpm=None).share(4) == Rates(rpm=15)
    assert not Rates().any
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            Rates(rpm=wrong)


async def test_calls_of_nested_blocks_wait_for_the_outermost_ones_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[str] = []
    with recording(rates=Rates(rpm=60)) as run:
        assert run.pace is not None

        async def turn() -> None:
            turns.append("turn")

        monkeypatch.setattr(run.pace, "turn", turn)
        with recording(name="row") as row:
            assert row.pace is None
            await row.admit()
    assert turns == ["turn"]
