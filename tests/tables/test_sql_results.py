"""SQA by coordinates, WikiSQL by result."""

from __future__ import annotations

import pytest

from dikast.tables.sql_results import SequenceAccuracy, judge_sequences, same_result

GOLD = {"a/0": {0: {(5, 2)}, 1: {(1, 0), (2, 0)}}, "b/0": {0: {(0, 0)}}}


def test_a_sequence_is_right_only_if_all_its_questions_are():
    predicted = {"a/0": {0: {(5, 2)}, 1: {(1, 0)}}, "b/0": {0: {(0, 0)}}, "unasked": {0: {(0, 0)}}}
    assert judge_sequences(GOLD, predicted) == SequenceAccuracy(3, 2, 2, 1)


def test_a_missing_prediction_is_wrong():
    assert judge_sequences(GOLD, {"a/0": {0: {(5, 2)}}}) == SequenceAccuracy(3, 1, 2, 0)
    assert judge_sequences(GOLD, GOLD) == SequenceAccuracy(3, 3, 2, 2)


@pytest.mark.parametrize(
    ("gold", "predicted", "same"),
    [
        (["Roderick Strong", "2"], ["2.0", "roderick  strong"], True),
        (["2", "2"], ["2"], False),
        (["a", "a"], ["a"], False),
        (["1,234"], ["1234"], True),
        (["0.333333333333"], ["0.3333333333333333"], True),
        (["0.3333"], ["0.3333333333333333"], False),
        (["a"], ["b"], False),
        ([], [], True),
        (["a", ""], ["a"], True),
        (["nan"], ["NaN"], True),
        (["1_0"], ["10"], False),
    ],
)
def test_same_result(gold: list[str], predicted: list[str], same: bool):
    assert same_result(gold, predicted) is same
    assert same_result(predicted, gold) is same
