from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from benchmarks.crash import crash, crash_calls, lines, start
from dikast.jobs.stopping import SIGNALS

KILLS = 2
ROWS = 400
IN_FLIGHT = 32


def test_a_killed_job_loses_and_repeats_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}")
    verdict = crash(tmp_path, kills=KILLS, seed=seed, rows=ROWS, in_flight=IN_FLIGHT)
    assert (verdict.kills, verdict.lost, verdict.duplicated, verdict.equal) == (KILLS, 0, 0, True)
    assert len(verdict.finished_at_kill) == KILLS


@pytest.mark.parametrize("cached", [False, True])
def test_after_a_kill_at_most_what_was_in_flight_is_asked_again(tmp_path: Path, cached: bool) -> None:
    seed = random.SystemRandom().randrange(2**31)
    print(f"seed {seed}")
    calls = crash_calls(tmp_path, kills=1, seed=seed, rows=ROWS, in_flight=IN_FLIGHT, cached=cached)
    assert len(calls.asked_again) == 1
    assert 0 <= calls.asked_again[0] <= IN_FLIGHT


@pytest.mark.parametrize("number", SIGNALS)
def test_a_terminated_job_drains_and_exits_with_130(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path / "x", 5000, IN_FLIGHT) as job:
        job.send_signal(number)
        assert job.wait() == 130
    assert 0 < len(lines(tmp_path / "x")) < 5000
