from __future__ import annotations

import pytest

from dikast.errors import DataError
from dikast.evaluation.calibration import calibrate
from dikast.evaluation.comparison import annotator_agreement, compare
from dikast.evaluation.items import Pair
from dikast.stats import holm
from dikast.verdicts import PairVerdict, Winner
from tests.evaluation.test_calibration import FEW


def test_judges_are_compared_on_the_same_pairs() -> None:
    gold: dict[str, Winner] = {str(i): "1" if i % 2 else "2" for i in range(60)}
    good = calibrate([PairVerdict(i, w, w) for i, w in gold.items()], gold, judge="good", resamples=FEW)
    bad = calibrate([PairVerdict(i, "1", "1") for i in gold], gold, judge="bad", resamples=FEW)
    none = calibrate([], gold, judge="none", resamples=FEW)
    rows = compare([good, bad, none])
    assert [(row.first, row.second) for row in rows] == [("good", "bad"), ("good", "none"), ("bad", "none")]
    assert [row.difference for row in rows] == [-0.5, -1, -0.5]
    assert [row.p_adjusted for row in rows] == holm([row.p for row in rows])
    assert rows[0].p < rows[0].p_adjusted < 0.01
    assert all(row.low <= row.difference <= row.high for row in rows)
    twin = calibrate([PairVerdict(i, w, w) for i, w in gold.items()], gold, judge="twin", resamples=FEW)
    assert compare([good, twin])[0].p == 1


def test_judges_asked_other_pairs_or_with_one_name_are_not_compared() -> None:
    a, b = calibrate([], {"a": "1"}, resamples=FEW), calibrate([], {"b": "1"}, judge="b", resamples=FEW)
    with pytest.raises(DataError, match="different pairs"):
        compare([a, b])
    with pytest.raises(DataError, match="same name"):
        compare([a, a])


def test_annotators() -> None:
    labels: list[tuple[Winner | None, ...]] = [("1", "1", "1"), ("2", "2", "2"), ("1", "2", "tie"), ("1", "1", "2")]
    pairs = [Pair(str(i), "q", "x", "y", annotations=item) for i, item in enumerate(labels)]
    found = annotator_agreement(pairs)
    assert (found.n, found.no_majority) == (4, 1)
    # Others agree with one another in 3 + 3 + 0 + 1 cases; the one left out is right in 3 + 3 + 0 + 0.
    assert found.against_others == pytest.approx(6 / 7)
    with pytest.raises(DataError, match="single annotators"):
        annotator_agreement([Pair("a", "q", "x", "y")])
