from __future__ import annotations

import random

import pytest
from yarl import URL

from dikast.errors import ModelError, ModelTimeout, ModelUnavailable
from dikast.http import endpoints
from dikast.http.answers import Answer
from dikast.http.endpoints import Endpoint
from dikast.http.rounds import NobodyThere, Outcome, Round, final

HERE = URL("http://host/")
WELL = Answer(HERE, 200, b"{}")
BUSY = Answer(HERE, 503, b"busy")
WRONG = Answer(HERE, 400, b"bad")
GONE = ModelUnavailable("reset")
NOBODY = NobodyThere("refused")
SILENT = ModelTimeout("silence")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands, and pauses are not drawn."""
    monkeypatch.setattr(endpoints, "monotonic", lambda: 1000.0)
    monkeypatch.setattr(random, "random", lambda: 1.0)


def servers(count: int, *, proven: bool = False) -> list[Endpoint]:
    return [Endpoint(URL(f"http://host{number}/"), proven=proven) for number in range(count)]


def way_of(retries: int = 5, broken: bool = False) -> Round:
    return Round(retries, lambda answer: broken)


def test_a_good_answer_ends_the_round() -> None:
    [one] = servers(1)
    way = way_of()
    assert way.pause_after(one, WELL, [one], met=True) is None
    assert (way.attempts, one.proven) == (1, True)


def test_a_broken_body_is_tried_again() -> None:
    [one] = servers(1)
    assert way_of(broken=True).pause_after(one, WELL, [one], met=True) == 0.5
    assert not one.proven


@pytest.mark.parametrize("outcome", [BUSY, GONE])
def test_what_may_pass_is_tried_again_after_a_pause_alone_and_at_once_elsewhere(outcome: Outcome) -> None:
    [one] = servers(1)
    assert way_of().pause_after(one, outcome, [one], met=True) == 0.5
    assert one.sick
    first, other = servers(2)
    assert way_of().pause_after(first, outcome, [first, other], met=True) == 0.0


def test_a_server_that_says_when_is_waited_for_so_long() -> None:
    [one] = servers(1)
    assert way_of().pause_after(one, Answer(HERE, 429, b"", "7"), [one], met=True) == 7.0


def test_attempts_are_bounded() -> None:
    [one] = servers(1)
    way = way_of(retries=1)
    assert way.pause_after(one, BUSY, [one], met=True) is not None
    assert way.pause_after(one, BUSY, [one], met=True) is None
    assert way.attempts == 2


def test_where_nobody_has_ever_answered_each_is_asked_once() -> None:
    all_ = servers(2)
    way = way_of()
    first = way.pick(all_)
    assert way.pause_after(first, NOBODY, all_, met=False) == 0.0
    second = way.pick(all_)
    assert second is not first
    assert way.pause_after(second, NOBODY, all_, met=False) is None


def test_a_server_that_was_there_is_waited_for() -> None:
    [one] = servers(1)
    assert way_of().pause_after(one, NOBODY, [one], met=True) == 0.5


def test_what_lasts_is_asked_once_where_nobody_else_is() -> None:
    [one] = servers(1)
    assert way_of().pause_after(one, WRONG, [one], met=True) is None
    assert (one.sick, one.doubts) == (False, 1)


def test_a_witness_that_answers_convicts_the_suspect() -> None:
    first, other = all_ = servers(2)
    way = way_of()
    assert way.pause_after(first, WRONG, all_, met=True) == 0.0
    assert way.pick(all_) is other
    assert way.pause_after(other, WELL, all_, met=True) is None
    assert first.sick
    assert not other.sick


def test_a_witness_that_was_well_and_fails_too_acquits_the_suspect() -> None:
    first, other, third = all_ = servers(3, proven=True)
    way = way_of()
    assert way.pause_after(first, WRONG, all_, met=True) == 0.0
    assert way.pause_after(other, WRONG, all_, met=True) is None  # the request is wrong: the third is not asked
    assert not any(one.sick for one in (first, other, third))


def test_a_witness_that_nobody_knows_acquits_nobody() -> None:
    first, other, third = all_ = servers(3)
    way = way_of()
    way.pause_after(first, WRONG, all_, met=True)
    assert way.pause_after(other, WRONG, all_, met=True) == 0.0
    assert way.pick(all_) is third


def test_silence_costs_a_rest_though_nobody_has_convicted_yet() -> None:
    first, other = servers(2)
    assert way_of().pause_after(first, SILENT, [first, other], met=True) == 0.0
    assert first.sick


def test_a_sick_server_that_fails_its_probe_rests_again() -> None:
    [one] = servers(1)
    one.rests = 1
    way_of().pause_after(one, WRONG, [one], met=True)
    assert one.rests == 2


def test_no_witness_is_asked_beyond_the_retries() -> None:
    first, other = servers(2)
    assert way_of(retries=0).pause_after(first, WRONG, [first, other], met=True) is None


def test_the_last_outcome_is_an_answer_or_an_error_that_counts_attempts() -> None:
    assert final(WRONG, 3) is WRONG
    with pytest.raises(ModelTimeout, match=r"^silence$"):
        final(SILENT, 3)
    with pytest.raises(ModelUnavailable, match=r"^reset \(1 attempt\) \(is the server up"):
        final(GONE, 1)
    with pytest.raises(ModelUnavailable, match=r"^refused \(2 attempts\)"):
        final(NOBODY, 2)
    with pytest.raises(ModelError, match=r"^odd$"):
        final(ModelError("odd"), 2)
