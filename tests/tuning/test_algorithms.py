"""ZO-RankSGD and its rivals: that they find what there is to find, keep their bounds, and go on exactly."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, cast

import numpy as np
import pytest

from dikast.errors import ResumeMismatchError, UsageError
from dikast.tuning.asking import Algorithm, Box, Question
from dikast.tuning.directions import Subspace, draw, orthonormal
from dikast.tuning.estimator import Floats
from dikast.tuning.oracles import Noisy, ValueOracle
from dikast.tuning.replaying import Answer, minimise, replay
from dikast.tuning.rivals import CmaEs, drawn, grid, levels_for
from dikast.tuning.zo import PROBE, STEP, ZoRankSGD, ZoSettings

START = np.full(4, 0.9)
UNIT = Box(0.0, 1.0)


def bowl(point: Floats) -> float:
    return float(((point - 0.3) ** 2).sum())


NEEDS_CMA = pytest.mark.skipif(find_spec("cma") is None, reason="the package cma is absent: pip install 'dikast[tune]'")
ALGORITHMS: dict[str, Callable[[], Algorithm]] = {
    "zo": lambda: ZoRankSGD(START, ZoSettings(candidates=6, mu=0.1, steps=2), seed=3, box=UNIT),
    "zo-all": lambda: ZoRankSGD(
        START,
        ZoSettings(candidates=5, best=2, mu=0.1, antithetic=True, subspace=2, averaged=True, adaptive=True, elite=True),
        seed=3,
        box=UNIT,
    ),
    "random": lambda: drawn(START, 40, seed=3, box=UNIT),
    "grid": lambda: grid(START, [(0.1, 0.3, 0.6)] * 4, seed=3),
    "cma": lambda: CmaEs(START, 0.3, seed=3, box=UNIT),
}
NAMES = [pytest.param(name, marks=NEEDS_CMA if name == "cma" else ()) for name in ALGORITHMS]


def test_a_quadratic_of_20_dimensions_falls_to_a_ten_thousandth() -> None:
    """The paper's setting, m = k = 15: 7e-6 was seen after 400 rounds."""
    start = np.random.default_rng(0).standard_normal(20) * 1.6
    algorithm = ZoRankSGD(start, ZoSettings(candidates=15), seed=0)
    oracle = ValueOracle(lambda point: float(point @ point))
    while algorithm.rounds < 400:
        question = cast(Question, algorithm.ask())
        algorithm.tell(oracle.rank(question.points, question.best))
    assert algorithm.best @ algorithm.best <= 1e-4 * (start @ start)
    assert oracle.asked == 400 * (15 + 6)


@pytest.mark.parametrize("swaps", [0.2, 0.4])
def test_it_still_descends_where_neighbours_change_places(swaps: float) -> None:
    start = np.full(10, 2.0)
    oracle = Noisy(ValueOracle(lambda point: float(point @ point)), swaps=swaps, seed=1)
    found = minimise(ZoRankSGD(start, ZoSettings(candidates=10, eta=0.5), seed=1), oracle, points=3000).best
    assert found @ found < 0.05 * (start @ start)


@pytest.mark.parametrize("name", NAMES)
def test_each_finds_a_better_point_within_its_box(name: str) -> None:
    algorithm, outside = ALGORITHMS[name](), 0
    oracle = ValueOracle(bowl)
    while oracle.asked < 200 and (question := algorithm.ask()) is not None:
        outside += int(((question.points < 0) | (question.points > 1)).sum())
        algorithm.tell(oracle.rank(question.points, question.best))
    assert outside == 0
    assert bowl(algorithm.best) < 0.4 * bowl(START)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_told_once_more_brings_it_to_where_it_stood(name: str) -> None:
    """A journal is JSON; nothing else is kept, nor does anybody else's draw disturb it."""
    oracle, whole, answers = ValueOracle(bowl), ALGORITHMS[name](), list[Answer]()
    for room in (None, 9, 8, 12):
        question = whole.ask(room)
        if question is None:
            continue
        ranking = [list(group) for group in oracle.rank(question.points, question.best)]
        answers.append(Answer(room=room, points=question.points.tolist(), ranking=ranking))
        whole.tell(ranking)
    assert len(answers) > 1
    np.random.standard_normal(7)
    again = replay(ALGORITHMS[name](), json.loads(json.dumps(answers)))
    assert again.best.tolist() == whole.best.tolist()
    then, now = whole.ask(), again.ask()
    assert (then is None) == (now is None)
    if then is not None and now is not None:
        assert now.points.tolist() == then.points.tolist()


def test_answers_to_other_questions_are_refused() -> None:
    question = cast(Question, ALGORITHMS["zo"]().ask())
    answer = Answer(room=None, points=question.points.tolist(), ranking=[[0]])
    other = ZoRankSGD(START, ZoSettings(candidates=6, mu=0.1, steps=2), seed=4, box=UNIT)
    with pytest.raises(ResumeMismatchError, match="question 1 is not the one"):
        replay(other, [answer])


def test_a_round_is_a_probe_and_steps_and_never_ends_worse() -> None:
    algorithm, abouts, values = ALGORITHMS["zo"](), list[str](), [bowl(START)]
    oracle = ValueOracle(bowl)
    for _ in range(12):
        question = cast(Question, algorithm.ask())
        assert algorithm.ask() is question
        abouts.append(question.about)
        algorithm.tell(oracle.rank(question.points, question.best))
        values.append(bowl(algorithm.best))
    assert abouts == [PROBE, STEP] * 6
    assert values == sorted(values, reverse=True)


def test_without_steps_it_goes_along_the_estimate() -> None:
    algorithm = ZoRankSGD(np.zeros(1), ZoSettings(candidates=2, mu=1.0, eta=0.5, steps=0), seed=0)
    question = cast(Question, algorithm.ask())
    algorithm.tell([[1], [0]])
    gradient = (question.points[0] - question.points[1]) / 1.0
    assert algorithm.best.tolist() == (-0.5 * gradient).tolist()
    assert cast(Question, algorithm.ask()).about == PROBE


def step_of(**settings: Any) -> tuple[ZoRankSGD, Question]:
    """Before a line search."""
    algorithm = ZoRankSGD(np.zeros(2), ZoSettings(candidates=4, mu=1.0, eta=1.0, steps=2, **settings), seed=0)
    algorithm.ask()
    algorithm.tell([[2], [0], [1], [3]])
    return algorithm, cast(Question, algorithm.ask())


def test_steps_shrink_after_none_was_better_and_grow_after_the_longest() -> None:
    algorithm, _ = step_of(adaptive=True)
    algorithm.tell([[0]])
    assert (algorithm.mu, algorithm.eta) == (0.5, 0.5)
    grown, _ = step_of(adaptive=True)
    grown.tell([[1]])
    assert (grown.mu, grown.eta) == (2.0, 2.0)
    kept, _ = step_of()
    kept.tell([[0]])
    assert (kept.mu, kept.eta) == (1.0, 1.0)


def test_where_all_points_are_equally_good_it_looks_further_and_steps_nowhere() -> None:
    algorithm = ZoRankSGD(np.zeros(2), ZoSettings(candidates=3, mu=1.0, adaptive=True), seed=0)
    algorithm.ask()
    algorithm.tell([[0, 1, 2]])
    assert (cast(Question, algorithm.ask()).about, algorithm.mu, algorithm.best.tolist()) == (PROBE, 2.0, [0, 0])


def test_they_shrink_to_the_floor() -> None:
    algorithm, _ = step_of(adaptive=True, floor=0.75)
    algorithm.tell([[0]])
    assert algorithm.mu == 0.75


def test_a_tie_between_staying_and_a_step_stays() -> None:
    algorithm, _ = step_of()
    algorithm.tell([[2, 0]])
    assert algorithm.best.tolist() == [0, 0]


def test_an_elite_is_the_probes_best_among_the_steps() -> None:
    algorithm, question = step_of(elite=True)
    assert (question.known, len(question.points)) == (2, 4)
    algorithm.tell([[1]])
    assert algorithm.best.tolist() == question.points[1].tolist()


def test_estimates_of_rounds_that_stayed_are_averaged() -> None:
    """Algorithm 3: the second step goes along the mean of both."""
    algorithm, first = step_of(averaged=True)
    algorithm.tell([[0]])
    probe = cast(Question, algorithm.ask())
    algorithm.tell([[2], [0], [1], [3]])
    offsets = probe.points
    alone = np.array([-1.0, 1.0, -3.0, 3.0]) @ offsets / 6
    second = cast(Question, algorithm.ask())
    np.testing.assert_allclose(second.points[1], (first.points[1] - alone) / 2)


def test_an_answer_without_a_question_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing was asked"):
        ALGORITHMS["zo"]().tell([[0]])
    algorithm = ALGORITHMS["zo"]()
    algorithm.ask()
    with pytest.raises(UsageError, match="name the best"):
        algorithm.tell([])


def test_little_room_makes_small_questions_and_none_ends() -> None:
    algorithm = ALGORITHMS["zo"]()
    assert algorithm.ask(1) is None
    assert len(cast(Question, algorithm.ask(3)).points) == 3
    points = drawn(START, 4, seed=0, box=UNIT)
    assert len(cast(Question, points.ask(3)).points) == 4
    points.tell([[0]])
    assert len(cast(Question, points.ask(3)).points) == 2
    points.tell([[0]])
    assert points.ask() is None


@pytest.mark.parametrize(
    "settings", [{"candidates": 1}, {"best": 0}, {"best": 16}, {"mu": 0}, {"eta": -1}, {"gamma": 1}, {"steps": -1}]
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ZoSettings(**settings)


def test_pairs_are_opposites_and_a_subspace_has_its_rank() -> None:
    random = np.random.default_rng(0)
    pairs = draw(random, 5, 3, antithetic=True)
    assert pairs.shape == (5, 3)
    assert (pairs[0] + pairs[1]).tolist() == (pairs[2] + pairs[3]).tolist() == [0, 0, 0]
    flat = draw(random, 40, 10, subspace=3)
    assert np.linalg.matrix_rank(flat) == 3
    spread = np.mean([draw(random, 20, 10, subspace=3).var() for _ in range(200)])
    assert spread == pytest.approx(1, abs=0.05)


def test_a_fixed_subspace_is_searched_through_a_few_numbers() -> None:
    """A thousand parameters, of which four directions matter and are known."""
    origin = np.zeros(1000)
    space = Subspace.drawn(origin, 4, seed=1)
    target = space.lift(np.array([1.0, -1.0, 0.5, 2.0]))
    oracle = ValueOracle(lambda inner: float(((space.lift(inner) - target) ** 2).sum()))
    found = minimise(ZoRankSGD(np.zeros(4), ZoSettings(candidates=8), seed=0), oracle, points=2000).best
    assert np.linalg.norm(space.lift(found) - target) < 0.05
    assert space.lift(np.zeros((3, 4))).shape == (3, 1000)
    with pytest.raises(UsageError, match="no subspace of 5"):
        orthonormal(np.random.default_rng(0), 4, 5)


@pytest.mark.parametrize(
    ("count", "most", "wanted"),
    [(25, [None, None], [5, 5]), (24, [None, None], [5, 4]), (24, [None, 3], [8, 3]), (1, [None], [1]), (9, [2], [2])],
)
def test_a_grid_is_as_even_as_can_be(count: int, most: list[int | None], wanted: list[int]) -> None:
    assert levels_for(count, most) == wanted


def test_mistakes_are_chances() -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        Noisy(ValueOracle(bowl), swaps=1.5)
    points = np.random.default_rng(0).standard_normal((6, 4))
    exact = ValueOracle(bowl).rank(points, 6)
    assert [*Noisy(ValueOracle(bowl)).rank(points, 6)] == exact
    assert Noisy(ValueOracle(bowl), flips=1.0).rank(points, 6) != exact
    assert len(Noisy(ValueOracle(bowl), swaps=0.5).rank(points, 2)) == 2


@NEEDS_CMA
def test_cma_needs_two_numbers() -> None:
    with pytest.raises(UsageError, match="two numbers at least"):
        CmaEs(np.zeros(1), 0.3, seed=0)
