from __future__ import annotations

import random
from datetime import datetime, tzinfo
from typing import Self

import pytest

from dikast.http import pauses
from dikast.http.pauses import LONGEST_PAUSE_SECONDS, backoff, pause_before, seconds_of


def test_backoff_doubles_up_to_the_longest_pause() -> None:
    assert [backoff(failures) for failures in (1, 2, 3, 7, 8)] == [0.5, 1, 2, 32, 60]
    assert backoff(10_000) == LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize(("drawn", "pause"), [(0.0, 1.0), (1.0, 2.0)])
def test_half_of_a_pause_is_drawn(monkeypatch: pytest.MonkeyPatch, drawn: float, pause: float) -> None:
    monkeypatch.setattr(random, "random", lambda: drawn)
    assert pause_before(3) == pause


def test_what_the_server_asks_for_counts_up_to_the_longest_pause() -> None:
    assert pause_before(9, "0") == 0
    assert pause_before(1, "1.5") == 1.5
    assert pause_before(1, "3600") == LONGEST_PAUSE_SECONDS


@pytest.mark.parametrize("text", ["", "soon", "inf", "nan", "1 s"])
def test_what_is_no_time_leaves_the_backoff(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert seconds_of(text) is None
    monkeypatch.setattr(random, "random", lambda: 1.0)
    assert pause_before(1, text) == 0.5


def test_a_time_that_is_over_is_now() -> None:
    assert seconds_of(" -5 ") == 0
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_a_date_is_so_far_away_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Then(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls(2026, 1, 1, 12, 0, 0, tzinfo=tz)

    monkeypatch.setattr(pauses, "datetime", Then)
    assert seconds_of("Thu, 01 Jan 2026 12:00:30 GMT") == 30
    assert seconds_of("Thu, 01 Jan 2026 13:00:30 +0100") == 30
    assert seconds_of("Thu, 01 Jan 2026 12:00:30 -0000") == 30  # without a zone: UTC
