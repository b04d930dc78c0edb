from __future__ import annotations

import numpy as np
import pytest

from dikast.errors import UsageError
from dikast.evaluation.classification import measure
from dikast.evaluation.prevalence import of_all, true_prevalence

COUNTS = {"true_positives": 90, "labelled_positive": 100, "true_negatives": 95, "labelled_negative": 100}


def test_a_perfect_judge_needs_no_correction() -> None:
    found = true_prevalence(12, 100, true_positives=50, labelled_positive=50, true_negatives=50, labelled_negative=50)
    assert found.value == pytest.approx(0.12)
    assert found.low < 0.12 < found.high


def test_rogan_and_gladen() -> None:
    found = true_prevalence(100, 1000, **COUNTS)
    assert found.value == pytest.approx((0.1 + 0.95 - 1) / (0.9 + 0.95 - 1))


def test_a_share_below_the_false_alarms_is_zero() -> None:
    found = true_prevalence(10, 1000, **COUNTS)
    assert (found.value, found.low) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("prevalence", "sensitivity", "specificity", "n", "labelled"),
    [
        (0.05, 0.9, 0.95, 1260, 200),
        (0.12, 0.8, 0.98, 1260, 350),
        (0.3, 0.95, 0.9, 420, 100),
        (0.01, 0.9, 0.97, 1260, 353),
    ],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    prevalence: float, sensitivity: float, specificity: float, n: int, labelled: int
) -> None:
    """A judge with known error rates, calibrated on labelled replies, 1,000 times over."""
    random, times = np.random.default_rng(0), 1000
    unsafe = random.binomial(n, prevalence, times)
    called = random.binomial(unsafe, sensitivity) + random.binomial(n - unsafe, 1 - specificity)
    hits, rejections = random.binomial(labelled, sensitivity, times), random.binomial(labelled, specificity, times)
    found = [
        true_prevalence(
            int(c),
            n,
            true_positives=int(h),
            labelled_positive=labelled,
            true_negatives=int(r),
            labelled_negative=labelled,
        )
        for c, h, r in zip(called, hits, rejections, strict=True)
    ]
    held = np.mean([one.low <= prevalence <= one.high for one in found])
    assert 0.93 <= held <= 0.98  # 95 %, and 3 standard errors of the simulation below it
    assert np.median([one.value for one in found]) == pytest.approx(prevalence, rel=0.1)


def test_calibration_and_correction_go_together() -> None:
    labels = ["unsafe"] * 40 + ["safe"] * 60
    readings = ["unsafe"] * 36 + [None] * 4 + ["safe"] * 57 + ["unsafe", "unknown", None]
    measured = measure(labels, readings)
    found = true_prevalence(120, 1260, **measured.for_prevalence())
    assert (found.sensitivity, found.specificity) == (36 / 40, 59 / 60)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"true_positives": 101}, "101 of 100"),
        ({"labelled_negative": 0, "true_negatives": 0}, "calibrate on labelled replies of both kinds"),
        ({"true_positives": 5}, "no better than chance"),
    ],
)
def test_calibrations_that_say_nothing(change: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        true_prevalence(1, 10, **(COUNTS | change))


def test_what_nobody_judged_is_not_corrected() -> None:
    """Half of the replies are empty, a fifth of the rest is unsafe: a tenth of all is, whatever the judge errs."""
    labels = {"true_positives": 225, "labelled_positive": 250, "true_negatives": 225, "labelled_negative": 250}
    judged = true_prevalence(104, 400, **labels)
    found = of_all(judged, 400, 0, 800)
    assert found.value == pytest.approx(0.5 * judged.value) == pytest.approx(0.1)
    assert 0.06 < found.low < found.value < found.high < 0.14
    assert of_all(judged, 400, 80, 800).value == pytest.approx(0.2)
    with pytest.raises(UsageError, match="cannot be"):
        of_all(judged, 400, 0, 399)


@pytest.mark.parametrize("positives", range(0, 101, 4))
@pytest.mark.parametrize("known", [(8, 10, 9, 10), (3, 4, 4, 4), (20, 20, 20, 20), (60, 100, 60, 100)])
def test_an_estimate_is_within_its_own_interval(positives: int, known: tuple[int, int, int, int]) -> None:
    hits, unsafe, rejections, safe = known
    found = true_prevalence(
        positives, 100, true_positives=hits, labelled_positive=unsafe, true_negatives=rejections, labelled_negative=safe
    )
    assert found.low <= found.value <= found.high
