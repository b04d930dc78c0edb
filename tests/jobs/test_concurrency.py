from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dikast.jobs.concurrency import START, Gate


def finish(gate: Gate, rows: int) -> None:
    for _ in range(rows):
        while gate.room:
            gate.enter()
        gate.leave()


def test_it_starts_slowly_and_doubles_each_round() -> None:
    gate = Gate(64)
    seen = [gate.allowed]
    for _ in range(4):
        finish(gate, gate.allowed)
        seen.append(gate.allowed)
    assert seen == [START, 16, 32, 64, 64]


def test_an_overload_halves_it_once_a_round_and_then_it_grows_by_one() -> None:
    gate = Gate(64)
    finish(gate, 8 + 16 + 32)
    while gate.room:
        gate.enter()
    for _ in range(64):  # every row in flight meets the same overload
        gate.slow_down()
    assert gate.allowed == 32
    finish(gate, 64)
    assert gate.allowed == 32
    finish(gate, 32)
    assert gate.allowed == 33
    finish(gate, 33)
    assert gate.allowed == 34
    gate.slow_down()
    assert gate.allowed == 17


@given(st.integers(1, 200), st.lists(st.sampled_from(["enter", "leave", "slow"]), max_size=300))
def test_it_stays_within_bounds(most: int, moves: list[str]) -> None:
    gate = Gate(most)
    for move in moves:
        if move == "enter" and gate.room:
            gate.enter()
        elif move == "leave" and gate.inside:
            gate.leave()
        elif move == "slow":
            gate.slow_down()
        assert 1 <= gate.allowed <= most
        assert 0 <= gate.inside <= most
