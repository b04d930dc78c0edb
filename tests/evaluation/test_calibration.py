from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast import stats
from dikast.errors import DataError
from dikast.evaluation.calibration import Calibration, Estimate, Share, Ties, calibrate, estimate, lengths_of
from dikast.evaluation.items import Pair
from dikast.evaluation.report import calibration_page
from dikast.verdicts import PairVerdict, Side, Winner, winner_of

FEW = 50
"""Resamples, where the interval does not matter."""
SOME = 300


def other(winner: Winner) -> Winner:
    return "2" if winner == "1" else "1"


def simulated(
    n: int, seed: int, *, position: float = 0, length: float = 0, skill: float = 1, longer_better: float = 0.3
) -> Calibration:
    """A judge that with probability `position` says "first", with `length` "the longer", else is right with `skill`."""
    chance = random.Random(seed)
    gold: dict[str, Winner] = {}
    lengths: dict[str, tuple[int, int]] = {}
    verdicts: list[PairVerdict] = []
    for number in range(n):
        right: Winner = chance.choice(["1", "2"])
        longer: Winner = right if chance.random() < longer_better else other(right)
        gold[str(number)], lengths[str(number)] = right, (20, 10) if longer == "1" else (10, 20)
        said: list[Winner] = []
        for first in ("1", "2"):
            judged: Winner = right if chance.random() < skill else other(right)
            judged = longer if chance.random() < length else judged
            said.append(first if chance.random() < position else judged)
        verdicts.append(PairVerdict(str(number), said[0], said[1]))
    return calibrate(verdicts, gold, lengths=lengths, resamples=SOME)


def holds(figure: Estimate | Share, truth: float) -> bool:
    return figure.low <= truth <= figure.high


@pytest.mark.parametrize(("position", "length"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.4), (0.2, 0.2), (-0.0, 0.6)])
def test_known_biases_are_measured_within_their_intervals(position: float, length: float) -> None:
    found = simulated(1500, 11, position=position, length=length, skill=0.8)
    assert holds(found.bias.position, position)
    # The position is followed after the length, so it hides its share of it.
    assert holds(found.bias.length, length * (1 - position))
    assert found.bias.position.high - found.bias.position.low < 0.12


def test_length_bias_is_not_confounded_by_what_people_prefer() -> None:
    for share in (0.1, 0.9):
        fair = simulated(1500, 5, skill=0.8, longer_better=share)
        assert holds(fair.bias.length, 0)
        # Decided pairs: right in both orders with .64, wrong in both with .04.
        wins = (0.64 * share + 0.04 * (1 - share)) / 0.68
        assert abs(fair.bias.longer_share - wins) < 0.05
        assert abs(fair.bias.longer_share_gold - share) < 0.05


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    runs = [simulated(100, seed, position=0.3, skill=0.7) for seed in range(40)]
    assert sum(holds(run.bias.position, 0.3) for run in runs) >= 34
    # Right by skill in 70 %, and by position in half of the rest of what the position takes.
    assert sum(holds(run.accuracy.mean, 0.3 * 0.5 + 0.7 * 0.7) for run in runs) >= 34


@given(st.lists(st.sampled_from(["1", "2"]), min_size=1), st.sampled_from(["first", "second"]))
def test_a_judge_that_sees_only_places_is_half_right_whatever_the_labels(labels: list[Winner], side: Side) -> None:
    gold: dict[str, Winner] = {str(i): label for i, label in enumerate(labels)}
    verdicts = [PairVerdict(id_, winner_of(side, swapped=False), winner_of(side, swapped=True)) for id_ in gold]
    found = calibrate(verdicts, gold, resamples=FEW)
    assert found.accuracy.mean.value == 0.5
    assert found.accuracy.both.value == 0
    assert found.bias.position.value == (1 if side == "first" else -1)
    assert set(found.finals.values()) == {"tie"}


@given(
    st.lists(st.tuples(*[st.sampled_from(["1", "2", "tie", None])] * 2, st.sampled_from(["1", "2", "tie"])), min_size=1)
)
def test_renaming_the_responses_changes_nothing_but_their_names(
    rows: list[tuple[Winner | None, Winner | None, Winner]],
) -> None:
    swap: dict[Winner | None, Winner | None] = {"1": "2", "2": "1", "tie": "tie", None: None}
    gold: dict[str, Winner] = {str(i): right for i, (_, _, right) in enumerate(rows)}
    mirrored: dict[str, Winner] = {id_: swap[right] or "tie" for id_, right in gold.items()}
    there = calibrate([PairVerdict(str(i), a, b) for i, (a, b, _) in enumerate(rows)], gold, resamples=FEW)
    # The response called 1 is now called 2: what was AB is BA.
    back = calibrate(
        [PairVerdict(str(i), swap[b], swap[a]) for i, (a, b, _) in enumerate(rows)], mirrored, resamples=FEW
    )
    assert there.accuracy.mean == back.accuracy.mean
    assert there.accuracy.ab == back.accuracy.ba
    assert there.agreement.orders == back.agreement.orders


def test_everything_asked_stays_in_the_denominator() -> None:
    gold: dict[str, Winner] = {"a": "1", "b": "2", "c": "1", "d": "2"}
    verdicts = [PairVerdict("a", "1", "1"), PairVerdict("b", "2", None), PairVerdict("c", None, "2")]
    found = calibrate(verdicts, gold, resamples=FEW)
    assert (found.n, found.unparsed_ab, found.unparsed_ba) == (4, 2, 2)
    # Right: a, b in AB; a in BA. If what is unparsed (c, d in AB; b, d in BA) had been right: 4 and 3 of 4.
    assert (found.accuracy.ab.value, found.accuracy.ab.if_unparsed_right) == (0.5, 1.0)
    assert (found.accuracy.ba.value, found.accuracy.ba.if_unparsed_right) == (0.25, 0.75)
    assert (found.accuracy.mean.value, found.accuracy.mean.if_unparsed_right) == (0.375, 0.875)
    assert (found.accuracy.both.value, found.accuracy.both.if_unparsed_right) == (0.25, 0.75)
    assert (found.agreement.orders.value, found.agreement.orders.if_unparsed_right) == (0.25, 1.0)
    assert found.finals == {"a": "1", "b": None, "c": None, "d": None}


@pytest.mark.parametrize(("ties", "n", "accuracy"), [("strict", 3, 1 / 3), ("half", 3, 2 / 3), ("leave-out", 2, 3 / 4)])
def test_what_a_tie_is_worth(ties: Ties, n: int, accuracy: float) -> None:
    gold: dict[str, Winner] = {"a": "1", "b": "tie", "c": "2"}
    verdicts = [PairVerdict("a", "1", "1"), PairVerdict("b", "1", "1"), PairVerdict("c", "tie", "tie")]
    found = calibrate(verdicts, gold, ties=ties, resamples=FEW)
    assert (found.n, found.accuracy.mean.value) == (n, pytest.approx(accuracy))
    assert found.left_out == 3 - n


def test_a_perfect_judge() -> None:
    gold: dict[str, Winner] = {str(i): "1" if i % 2 else "2" for i in range(20)}
    found = calibrate([PairVerdict(id_, right, right) for id_, right in gold.items()], gold, resamples=FEW)
    low, high = stats.wilson(20, 20)
    assert found.accuracy.mean == Share(1, low, high, 1)
    for figure in (found.agreement.kappa, found.agreement.alpha, found.agreement.tau_b, found.agreement.spearman):
        assert figure.value == pytest.approx(1)
    assert found.bias.position.value == 0
    assert math.isnan(found.bias.length.value)


def test_a_judge_of_which_nothing_could_be_read() -> None:
    found = calibrate([], {"a": "1"}, resamples=FEW)
    assert (found.accuracy.mean.value, found.accuracy.mean.if_unparsed_right) == (0, 1)
    assert all(math.isnan(f.value) for f in (found.agreement.kappa, found.agreement.tau_b, found.bias.position))


def test_a_calibration_is_json_without_nan() -> None:
    found = json.loads(json.dumps(calibrate([], {"a": "1"}, resamples=FEW).as_dict(), allow_nan=False))
    assert found["accuracy"]["mean"]["if_unparsed_right"] == 1
    assert found["agreement"]["kappa"] == {"value": None, "low": None, "high": None}
    assert found["finals"] == {"a": None}


@pytest.mark.parametrize(
    ("ids", "gold", "message"),
    [(["x"], {"a": "1"}, "no human label"), (["a", "a"], {"a": "1"}, "two verdicts"), ([], {}, "no pair")],
)
def test_what_cannot_be_calibrated_says_why(ids: list[str], gold: dict[str, Winner], message: str) -> None:
    with pytest.raises(DataError, match=message):
        calibrate([PairVerdict(id_, "1", "1") for id_ in ids], gold)


def test_lengths_must_be_there_for_all() -> None:
    with pytest.raises(DataError, match="no lengths for pair 'a'"):
        calibrate([], {"a": "1"}, lengths={})
    assert lengths_of([Pair("a", "q", "xy", "z")]) == {"a": (2, 1)}


def test_an_estimate_of_a_mean_agrees_with_its_standard_error() -> None:
    drawn = random.Random(3)
    values = [drawn.gauss(0, 1) for _ in range(400)]
    found = estimate(values, lambda at, often: sum(v * w for v, w in zip(at, often, strict=True)) / 400)
    error = (sum((v - found.value) ** 2 for v in values) / 400) ** 0.5 / 20
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1, abs=1e-12)
    assert math.isnan(estimate([], lambda at, often: 1.0).value)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_few_pairs_are_no_finding(n: int) -> None:
    gold: dict[str, Winner] = {str(i): "1" for i in range(n)}
    lengths = dict.fromkeys(gold, (2, 1))
    found = calibrate([PairVerdict(id_, "1", "2") for id_ in gold], gold, lengths=lengths, resamples=FEW)
    assert found.bias.position.value == 1
    assert found.bias.position.low <= 0 < found.bias.position.high
    assert "favours" not in str(calibration_page([found]).parts)


def test_no_interval_is_without_width() -> None:
    gold: dict[str, Winner] = {str(i): "1" if i % 2 else "2" for i in range(9)}
    lengths = {id_: (int(id_) % 3, 1) for id_ in gold}
    verdicts = [PairVerdict(id_, right, right) for id_, right in gold.items()]
    found = calibrate(verdicts, gold, lengths=lengths, resamples=FEW)
    accuracy, agreement, bias = found.accuracy, found.agreement, found.bias
    for share in (accuracy.ab, accuracy.ba, accuracy.mean, accuracy.both, accuracy.final, agreement.orders):
        assert share.low < share.high
    for figure in (bias.position, bias.length, agreement.kappa, agreement.alpha, agreement.tau_b):
        assert math.isnan(figure.low) or figure.low < figure.high
