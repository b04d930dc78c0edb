from __future__ import annotations

import math

from dikast.evaluation.bias import length_bias, longer_share, position_bias, position_signal
from dikast.verdicts import PairVerdict


def test_position_of_a_single_pair() -> None:
    assert position_signal(PairVerdict("p", "1", "2")) == 1
    assert position_signal(PairVerdict("p", "2", "1")) == -1
    assert position_signal(PairVerdict("p", "1", "1")) == 0
    assert position_signal(PairVerdict("p", "1", "tie")) == 0.5
    assert position_signal(PairVerdict("p", "1", None)) is None
    assert math.isnan(position_bias([]))


def test_length_shares() -> None:
    assert longer_share(["1", "2", "tie", None, "1"], ["1", "1", "1", "1", "tie"]) == 0.5
    assert math.isnan(longer_share(["tie"], ["1"]))
    assert length_bias([1, 0], ["1", "2"], ["1", "1"]) == 1
    assert math.isnan(length_bias([1], ["1"], ["1"]))
