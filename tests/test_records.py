"""Outcomes and what calls used up."""

from __future__ import annotations

from dikast.records import Outcome, Usage


def test_usage_adds_up() -> None:
    one = Usage(calls=1, input_tokens=5, seconds=0.5)
    assert one + Usage(calls=2, output_tokens=3) == Usage(calls=3, input_tokens=5, output_tokens=3, seconds=0.5)
    assert one.as_dict() == {"calls": 1, "input_tokens": 5, "seconds": 0.5}


def test_which_outcomes_another_attempt_may_mend() -> None:
    assert {outcome for outcome in Outcome if outcome.failed} == {Outcome.TIMEOUT, Outcome.LIMIT, Outcome.ERROR}
