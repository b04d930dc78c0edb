from __future__ import annotations

import pytest

from dikast.errors import DataError
from dikast.evaluation.pointwise import calibrate_scores
from tests.evaluation.test_calibration import FEW


def test_scores_against_people() -> None:
    gold = {"a/1": 1.0, "a/2": 2.0, "b/1": 3.0, "b/2": 4.0, "b/3": 5.0}
    groups = {id_: id_[0] for id_ in gold}
    scores = {"a/1": 2.0, "a/2": 3.0, "b/1": 4.0, "b/2": 5.0, "b/3": None}
    found = calibrate_scores(scores, gold, groups=groups, resamples=FEW)
    assert (found.n, found.unparsed) == (5, 1)
    assert found.tau_b.value == pytest.approx(1)
    assert (found.tau_b_in_groups.mean, found.tau_b_in_groups.used) == (pytest.approx(1), 2)
    assert found.mean_difference == pytest.approx(1)
    assert found.alpha < 1
    assert calibrate_scores({}, gold, resamples=FEW).unparsed == 5


@pytest.mark.parametrize(
    ("scores", "gold", "groups", "message"),
    [
        ({"x": 1.0}, {"a": 1.0}, None, "no human score for 'x'"),
        ({}, {}, None, "no text"),
        ({"a": 1.0}, {"a": 1.0}, {}, "no group"),
    ],
)
def test_scores_that_cannot_be_compared(
    scores: dict[str, float | None], gold: dict[str, float], groups: dict[str, str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        calibrate_scores(scores, gold, groups=groups, resamples=FEW)
