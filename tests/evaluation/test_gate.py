from __future__ import annotations

import pytest

from dikast.evaluation.calibration import calibrate
from dikast.evaluation.judge_gate import check_judges
from dikast.verdicts import PairVerdict, Winner
from tests.evaluation.test_judge_gate import GOLD

CONDITIONS = ["accuracy<0.8", "same_in_both<0.8", "kappa<0.5", "position_bias>0.2", "unparsed_rate>0"]


def failed(condition: str, unparsed: int = 0) -> bool:
    read: dict[str, Winner | None] = {id_: None if int(id_) < unparsed else right for id_, right in GOLD.items()}
    judged = [PairVerdict(id_, said, said) for id_, said in read.items()]
    return check_judges(condition, [calibrate(judged, GOLD, resamples=50)], []).failed


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_perfect_judge_passes(condition: str) -> None:
    assert not failed(condition)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_judge_of_whom_a_third_cannot_be_read_fails(condition: str) -> None:
    assert failed(condition, unparsed=3)
    assert not failed("accuracy<0.6", unparsed=3)
