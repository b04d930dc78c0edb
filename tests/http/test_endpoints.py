from __future__ import annotations

import pytest
from yarl import URL

from dikast.http import endpoints
from dikast.http.endpoints import DOUBTS, Endpoint, least_loaded


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(endpoints, "monotonic", made)
    return made


def servers(count: int) -> list[Endpoint]:
    return [Endpoint(URL(f"http://host{number}/")) for number in range(count)]


def test_a_failure_gives_a_rest_and_an_answer_ends_it(clock: Clock) -> None:
    [one] = servers(1)
    assert one.available
    assert not one.sick
    one.failed()
    assert one.sick
    assert not one.available
    clock.now += 0.5
    assert one.available  # to be probed
    one.answered()
    assert (one.sick, one.proven, one.doubts) == (False, True, 0)


def test_a_sick_server_is_probed_by_one_request_at_a_time(clock: Clock) -> None:
    [one] = servers(1)
    one.in_flight = 1
    assert one.available
    one.failed()
    clock.now += 60
    assert not one.available
    one.in_flight = 0
    assert one.available


def test_rests_grow_but_by_failures_that_were_under_way_before(clock: Clock) -> None:
    [one] = servers(1)
    one.failed()
    one.failed()
    assert (one.rests, one.rests_until) == (1, 1000.5)
    clock.now += 0.5
    one.failed()
    assert (one.rests, one.rests_until) == (2, 1001.5)


def test_a_server_rests_as_long_as_it_asks_and_no_shorter() -> None:
    [one] = servers(1)
    one.failed(30)
    assert one.rests_until == 1030
    one.failed(10)
    assert one.rests_until == 1030
    one.failed(40)
    assert one.rests_until == 1040


def test_doubts_take_a_server_out_only_while_another_is_well() -> None:
    one, other = servers(2)
    for _ in range(DOUBTS + 1):
        one.doubt([one, other])
    assert not one.sick
    other.answered()
    one.answered()
    for _ in range(DOUBTS - 1):
        one.doubt([one, other])
    assert not one.sick
    one.doubt([one, other])
    assert one.sick


def test_a_server_is_no_witness_of_its_own() -> None:
    [one] = servers(1)
    one.answered()
    for _ in range(DOUBTS):
        one.doubt([one])
    assert not one.sick


def test_whoever_has_least_in_flight_is_asked() -> None:
    one, other, third = servers(3)
    one.in_flight, other.in_flight, third.in_flight = 2, 1, 3
    assert least_loaded([one, other, third]) is other
    assert least_loaded([one, other, third], passed_over=[other]) is one


def test_a_resting_server_is_passed_over_though_it_looks_idle() -> None:
    one, other = servers(2)
    other.in_flight = 9
    one.failed()
    assert least_loaded([one, other]) is other


def test_where_nobody_is_left_it_is_whose_rest_ends_first() -> None:
    one, other = servers(2)
    one.failed(9)
    other.failed(5)
    assert least_loaded([one, other]) is other
    assert least_loaded([one, other], passed_over=[one, other]) is other
