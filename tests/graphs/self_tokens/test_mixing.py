from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.errors import UsageError
from dikast.graphs.self_tokens.mixing import (
    IGNORED,
    Places,
    Schedule,
    correct,
    draw,
    mix,
    plain,
    probability,
    replaceable,
    runs_of,
    stream_of,
)

END = 2
PROMPT, ANSWER = [7, 8, 9], [10, 11, 12, 13, END]
ROW = plain(PROMPT, ANSWER)
PADDED = [*ROW.labels, IGNORED, IGNORED]


@pytest.mark.parametrize(
    ("schedule", "pace", "expected"),
    [
        ("constant", None, [0.4, 0.4, 0.4]),
        ("linear", None, [0.0, 0.2, 0.4]),
        ("exponential", None, [0.0, 0.2, 0.3]),
        ("exponential", 0.1, [0.0, 0.36, 0.396]),
        ("inverse-sigmoid", None, [0.2, 0.4 * np.e / (1 + np.e), 0.4 * np.exp(2) / (1 + np.exp(2))]),
        ("inverse-sigmoid", 3.0, [0.1, 0.4 * (1 - 3 / (3 + np.exp(1 / 3))), 0.4 * (1 - 3 / (3 + np.exp(2 / 3)))]),
    ],
)
def test_schedules_are_their_formulas(schedule: Schedule, pace: float | None, expected: list[float]) -> None:
    assert [probability(schedule, 0.4, epoch, 3, pace) for epoch in range(3)] == pytest.approx(expected)


def test_a_late_epoch_of_the_inverse_sigmoid_is_p() -> None:
    assert probability("inverse-sigmoid", 0.4, 9_999, 10_000) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("schedule", "p", "epoch", "epochs", "pace"),
    [
        ("constant", 1.1, 0, 1, None),
        ("constant", -0.1, 0, 1, None),
        ("constant", float("nan"), 0, 1, None),
        ("linear", 0.5, 2, 2, None),
        ("exponential", 0.5, 0, 2, 1.0),
        ("exponential", 0.5, 0, 2, 0.0),
        ("inverse-sigmoid", 0.5, 0, 2, 0.5),
        ("inverse-sigmoid", 0.5, 0, 2, float("inf")),
    ],
)
def test_what_is_out_of_range_is_refused(
    schedule: Schedule, p: float, epoch: int, epochs: int, pace: float | None
) -> None:
    with pytest.raises(UsageError):
        probability(schedule, p, epoch, epochs, pace)


def test_prompt_padding_and_the_final_end_are_never_replaced() -> None:
    assert replaceable(PADDED, END).tolist() == [False] * 3 + [True] * 4 + [False] * 3
    assert draw(PADDED, 1.0, stream_of(seed=0, key="a", epoch=0), END).tolist() == replaceable(PADDED, END).tolist()
    inner = [IGNORED, 5, END, 6, END]
    assert replaceable(inner, END).tolist() == [False, True, True, True, False]  # only the final one is kept
    assert replaceable([IGNORED, 5, 6], END).tolist() == [False, True, True]  # a row that was cut has no end
    assert not replaceable([IGNORED, IGNORED], END).any()


def test_at_p_0_a_row_is_that_of_fine_tuning() -> None:
    where = draw(ROW.labels, 0.0, stream_of(seed=0, key="a", epoch=0), END)
    assert mix(ROW.input_ids, ROW.labels, [0] * len(where), where) == ROW


def test_at_p_1_the_context_is_the_models_own_and_labels_are_not() -> None:
    own = [90 + at for at in range(len(ROW.labels))]
    where = draw(ROW.labels, 1.0, stream_of(seed=0, key="a", epoch=0), END)
    found = mix(ROW.input_ids, ROW.labels, own, where)
    assert found.input_ids == [*PROMPT, 93, 94, 95, 96, END]
    assert found.labels == [*([IGNORED] * 3), *ANSWER]
    assert found.own == [0, 0, 0, 1, 1, 1, 1, 0]


@given(
    labels=st.lists(st.integers(-100, 5).filter(lambda one: one == -100 or one >= 0), max_size=30),
    p=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_whatever_is_drawn_labels_stay_and_every_token_has_its_author(labels: list[int], p: float, seed: int) -> None:
    ids = [one if one != IGNORED else 50 for one in labels]
    where = draw(labels, p, stream_of(seed=seed, key="row", epoch=0), end=2)
    found = mix(ids, labels, [1000] * len(ids), where)
    assert found.labels == labels
    assert [one == 1000 for one in found.input_ids] == [one == 1 for one in found.own]
    assert all(one == 0 for one, label in zip(found.own, labels, strict=True) if label == IGNORED)


def test_the_rate_is_p_within_its_binomial_interval_at_each_place() -> None:
    rows, p = 4_000, 0.25
    labels = [5] * 12
    seen = np.array([draw(labels, p, stream_of(seed=3, key=str(row), epoch=0)) for row in range(rows)])
    spread = np.sqrt(p * (1 - p) / rows)
    assert np.abs(seen.mean(0) - p).max() < 4 * spread
    assert abs(np.corrcoef(seen[:-1, 0], seen[1:, 0])[0, 1]) < 4 / np.sqrt(rows)  # neighbouring rows
    assert abs(np.corrcoef(seen[:, 0], seen[:, 1])[0, 1]) < 4 / np.sqrt(rows)  # neighbouring places


def test_a_row_draws_the_same_again_and_otherwise_in_another_epoch_or_row() -> None:
    def drawn(**told: int | str) -> Places:
        given = {"seed": 0, "key": "a", "epoch": 0} | told
        return draw([5] * 64, 0.5, stream_of(seed=int(given["seed"]), key=str(given["key"]), epoch=int(given["epoch"])))

    assert list(drawn()) == list(drawn())
    assert all(list(drawn()) != list(drawn(**other)) for other in ({"epoch": 1}, {"key": "b"}, {"seed": 1}))


def test_a_higher_p_only_adds_places() -> None:
    low, high = (draw([5] * 200, p, stream_of(seed=0, key="a", epoch=0)) for p in (0.2, 0.6))
    assert (low <= high).all()
    assert low.sum() < high.sum()


def test_neighbouring_places_are_one_run() -> None:
    assert runs_of(np.array([True, True, False, True, False, False, True])) == [(0, 2), (3, 1), (6, 1)]
    assert runs_of(np.zeros(3, dtype=bool)) == []
    assert runs_of(np.ones(3, dtype=bool)) == [(0, 3)]


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(UsageError, match="2 tokens, 1 labels"):
        mix([1, 2], [1], [1, 2], np.array([True, False]))
    with pytest.raises(UsageError, match="without a label"):
        mix([1, 2], [IGNORED, 2], [1, 2], np.array([True, False]))


def test_a_correction_is_trained_on_the_reference_alone() -> None:
    found = correct(PROMPT, [20, 21], [3], ANSWER)
    assert found.input_ids == [*PROMPT, 20, 21, 3, *ANSWER]
    assert found.labels == [*([IGNORED] * 6), *ANSWER]
    assert found.own == [0, 0, 0, 1, 1, 0, *([0] * 5)]
