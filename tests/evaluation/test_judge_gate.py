from __future__ import annotations

import pytest

from dikast.errors import UsageError
from dikast.evaluation.calibration import calibrate
from dikast.evaluation.judge_gate import check_judges
from dikast.evaluation.pointwise import calibrate_scores
from dikast.verdicts import PairVerdict, Winner

GOLD: dict[str, Winner] = {str(i): "1" if i % 2 else "2" for i in range(10)}


def test_scores() -> None:
    gold = {str(i): float(i) for i in range(6)}
    whole = calibrate_scores(gold, gold, resamples=50)
    part = calibrate_scores({**gold, "0": None}, gold, resamples=50)
    assert not check_judges("tau_b<0.5", [], [whole]).failed
    gate = check_judges("tau_b<0.5", [], [part])
    assert gate.failed
    assert "undecided could meet it" in gate.message()


def test_what_was_not_measured_is_an_error() -> None:
    found = calibrate([PairVerdict(id_, right, right) for id_, right in GOLD.items()], GOLD, resamples=50)
    with pytest.raises(UsageError, match="was not measured"):
        check_judges("length_bias>0.1", [found], [])
    with pytest.raises(UsageError, match="no metric"):
        check_judges("unsafe_rate>0.1", [found], [])
