"""AlpacaEval's regression: against the chances that made the data, its own equations, and cases known by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from dikast.errors import DataError
from dikast.evaluation.length_control import Faced, control_length, fit


def drawn(count: int, by_length: float, hard: float, system: float, *, seed: int = 0) -> tuple[list[Faced], float]:
    """Comparisons with the chances of the regression's own kind, and the mean chance at equal lengths."""
    random = np.random.default_rng(seed)
    longer, hardness = random.normal(300, 200, count).round(), random.normal(0, 1, count)
    terms = np.tanh(longer / longer.std(ddof=1))
    chances = 1 / (1 + np.exp(-(by_length * terms + hard * hardness + system)))
    won = random.random(count) < chances
    level = 1 / (1 + np.exp(-(hard * hardness + system)))
    found = [Faced(f"q{n}", float(won[n]), 1000 + int(longer[n]), 1000, float(hardness[n])) for n in range(count)]
    return found, float(level.mean())


def test_the_rate_at_equal_lengths_is_found_again() -> None:
    """A judge that likes length gives a mediocre, verbose system many wins; the regression takes them back."""
    faced, truth = drawn(4000, by_length=2.0, hard=0.7, system=-1.0)
    found = control_length(faced, resamples=60)
    assert truth < 0.35 < 0.5 < found.win_rate.value
    assert found.controlled.value == pytest.approx(truth, abs=0.03)
    assert found.controlled.low < truth < found.controlled.high
    assert (found.by_length, found.with_difficulty, found.without_fit) == (pytest.approx(2.0, abs=0.25), True, 0)
    plain = control_length([replace(one, difficulty=None) for one in faced], resamples=0)
    assert (plain.with_difficulty, plain.controlled.value) == (False, pytest.approx(truth, abs=0.04))
    assert math.isnan(plain.controlled.low)


def test_the_fit_solves_its_equations_for_chances_as_well() -> None:
    random = np.random.default_rng(1)
    features = np.stack([np.tanh(random.normal(0, 1, 200)), random.normal(0, 1, 200), np.ones(200)], axis=1)
    scores, weights = random.random(200), random.integers(0, 3, 200).astype(np.float64)
    found = fit(features, scores, weights)
    assert found is not None
    chances = 1 / (1 + np.exp(-(features @ found)))
    assert features.T @ (weights * (scores - chances)) == pytest.approx(np.zeros(3), abs=1e-6)


def test_two_lengths_by_hand() -> None:
    """Half of the responses longer, half shorter by as much: the level is the mean of both log odds."""
    faced = [
        Faced(f"{length}{n}", float(n < wins), length, 100) for length, wins in ((150, 16), (50, 6)) for n in range(20)
    ]
    level = (math.log(16 / 4) + math.log(6 / 14)) / 2
    found = control_length(faced, resamples=0)
    assert found.controlled.value == pytest.approx(1 / (1 + math.exp(-level)))
    assert (found.win_rate.value, found.length, found.baseline_length) == (22 / 40, 100, 100)


def test_without_a_difference_in_length_nothing_changes() -> None:
    faced = [Faced(str(n), score, 100, 100) for n, score in enumerate((1.0, 1.0, 0.5, 0.0, 0.0, 1.0))]
    found = control_length(faced, resamples=50)
    assert found.controlled.value == pytest.approx(found.win_rate.value)
    assert found.by_length == 0
    always = [Faced(str(n), 0.75, 100 + 50 * n, 100) for n in range(6)]
    assert control_length(always, resamples=0).controlled.value == pytest.approx(0.75)


def test_all_won_is_one_and_lengths_that_tell_wins_from_losses_have_no_fit() -> None:
    won = control_length([Faced(str(n), 1.0, 100 + n, 90) for n in range(5)], resamples=20)
    assert (won.controlled.value, won.reason, math.isnan(won.controlled.low)) == (1.0, "", True)
    lost = control_length([Faced(str(n), 0.0, 100 + n, 90) for n in range(5)], resamples=0)
    assert lost.controlled.value == 0.0
    told_apart = [Faced(str(n), float(n > 4), 50 + 10 * n, 95) for n in range(10)]
    found = control_length(told_apart, resamples=20)
    assert math.isnan(found.controlled.value)
    assert "length alone tells wins from losses" in found.reason
    # One exception is enough for a fit; in resamples without it there is none, which is counted.
    mixed = control_length([*told_apart, Faced("x", 0.0, 140, 95)], resamples=100)
    assert mixed.reason == ""
    assert 10 < mixed.without_fit < 80


def test_the_same_seed_gives_the_same_interval_and_prompts_are_drawn_whole() -> None:
    faced, _ = drawn(60, 1.0, 0.0, 0.3)
    first = control_length(faced, resamples=80)
    assert control_length(faced, resamples=80) == first
    assert control_length(faced, resamples=80, seed=1) != first
    again = control_length(faced * 3, resamples=80)
    assert again.win_rate == first.win_rate


def test_comparisons_of_the_baseline_with_itself_hold_the_length_term() -> None:
    """All responses of the system are shorter, so that it takes others to say what length does; by hand."""
    short = [Faced(f"q{n}", float(n < 30), 500 - n % 7, 1000) for n in range(300)]
    brief = [Faced(f"q{n}", float(n < 90), 600, 1000 + n % 9) for n in range(300)]
    verbose = [Faced(f"q{n}", float(n < 180), 1400, 1000 + n % 9) for n in range(300)]
    found = control_length(short, [brief, verbose], resamples=0)
    # Much longer wins .6 of the time, and much shorter loses .7: .65 of the time length wins.
    gained = math.log(0.65 / 0.35)
    assert found.by_length == pytest.approx(gained)
    assert found.controlled.value == pytest.approx(1 / (1 + math.exp(-(math.log(0.1 / 0.9) + gained))))
    assert (found.n, found.win_rate.value) == (300, 0.1)
    assert control_length(short, [[], []], resamples=0) == control_length(short, resamples=0)
    all_won = [replace(one, score=1.0) for one in short]
    assert control_length(all_won, [brief, verbose], resamples=0).controlled.value == 1.0


def test_a_rate_that_is_far_from_the_raw_one_is_told() -> None:
    found = control_length([Faced(str(n), float(n % 2), 100, 100) for n in range(8)], resamples=0)
    assert not found.extreme
    assert replace(found, controlled=replace(found.controlled, value=0.7)).extreme
    assert replace(found, controlled=replace(found.controlled, value=0.3)).extreme
    assert not replace(found, controlled=replace(found.controlled, value=0.61)).extreme


@pytest.mark.parametrize("faced", [[], [Faced("q", 1.2, 1, 1)]])
def test_what_cannot_be_fitted_is_refused(faced: list[Faced]) -> None:
    with pytest.raises(DataError):
        control_length(faced)
