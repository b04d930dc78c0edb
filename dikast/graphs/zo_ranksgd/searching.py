"""The algorithm of a tuning: made of its context, asked about the places of the knobs, told how trials were ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dikast.graphs.zo_ranksgd.context import Context, Question, State
from dikast.graphs.zo_ranksgd.records import Round
from dikast.graphs.zo_ranksgd.roles import Ranker
from dikast.graphs.zo_ranksgd.tuned import Tuned
from dikast.jobs.fingerprint import fingerprint, part
from dikast.jobs.keys import digest
from dikast.tuning.asking import Algorithm, Box
from dikast.tuning.replaying import Answer, replay
from dikast.tuning.rivals import CmaEs, drawn, grid, levels_for
from dikast.tuning.zo import ZoRankSGD, ZoSettings

UNIT = Box(0.0, 1.0)
SIGMA = 0.3
"""CMA-ES's first standard deviation, in shares of a knob's range: what its manual advises."""
FLOOR = 0.25
"""What is left of mu and eta at least: below, a knob is hardly moved."""
ROUNDS_WITHOUT_NEW = 5
"""Questions about known settings alone, after which nothing new is near."""
STALLED = f"{ROUNDS_WITHOUT_NEW} questions in a row were about known settings alone"


def algorithm_of(tuned: Tuned, start: Mapping[str, Any], budget: int) -> Algorithm:
    """The algorithm, before it was told anything.

    Raises:
        MissingExtraError: It is CMA-ES, and the package is absent.
        UsageError: A knob stands where it cannot begin.
    """
    context, knobs = tuned.context, tuned.knobs
    at = np.array([knob.place(start[knob.name]) for knob in knobs]) * tuned.lengths
    if context.algorithm == "cma":
        return CmaEs(at, SIGMA, seed=context.seed, box=UNIT)
    if context.algorithm == "random":
        return drawn(at, budget, seed=context.seed, box=UNIT)
    if context.algorithm == "grid":
        counts = levels_for(budget - 1, [knob.most for knob in knobs])
        levels = [knob.levels(count) for knob, count in zip(knobs, counts, strict=True)]
        return grid(at, levels, seed=context.seed)
    settings = ZoSettings(
        candidates=context.candidates,
        best=context.best,
        mu=context.mu,
        eta=context.eta,
        gamma=context.gamma,
        steps=context.steps,
        antithetic=context.antithetic,
        adaptive=True,
        floor=FLOOR,
        elite=True,
    )
    return ZoRankSGD(at, settings, seed=context.seed, box=Box(0.0, np.array(tuned.lengths)))


def stand(tuned: Tuned, state: State) -> Algorithm:
    """The algorithm, told all rounds.

    Raises:
        ResumeMismatchError: The rounds are another algorithm's.
    """
    answers = (Answer(room=one["room"], points=one["points"], ranking=one["ranking"]) for one in state["rounds"])
    return replay(algorithm_of(tuned, state["start"], state["budget"]), answers)


def ask_next(tuned: Tuned, state: State, room: int) -> Question | None:
    """The algorithm's next question; `None` for none."""
    asked = stand(tuned, state).ask(room)
    if asked is None:
        return None
    return Question(room=room, about=asked.about, best=asked.best, points=asked.points.tolist())


def room_left(state: State) -> int:
    """Trials that are left for the next question.

    Those of a question that was broken off do not count, so that it is asked again as it was.
    """
    return state["budget"] - max([1, *(trial for one in state["rounds"] for trial in one["trials"])])


def is_stalled(rounds: Sequence[Round]) -> bool:
    """Whether the last questions were about known settings alone."""
    late, early = rounds[-ROUNDS_WITHOUT_NEW:], rounds[:-ROUNDS_WITHOUT_NEW]
    if len(late) < ROUNDS_WITHOUT_NEW:
        return False
    return max(max(one["trials"]) for one in late) <= max([1, *(max(one["trials"]) for one in early)])


def ranking_of(groups: Sequence[Sequence[int]], trials: Sequence[int]) -> list[list[int]]:
    """Points by the ranking of their trials; those whose trial came to nothing are behind all, equally bad.

    Args:
        groups: Trials, the best first.
        trials: Of each point.
    """
    found = [[point for point, trial in enumerate(trials) if trial in group] for group in groups]
    placed = {point for group in found for point in group}
    rest = [point for point in range(len(trials)) if point not in placed]
    return [group for group in [*found, rest] if group]


def ground_of(context: Context, ranker: Ranker, state: State) -> dict[str, Any]:
    """What a tuning's journal stands on: with anything else its rounds could not go on."""
    rows = {"rows": digest(state["rows"]).hex(), "ranked by": part(ranker, "ranker")}
    # The levels of a grid are as many as its trials allow.
    fixed = {"trials of the grid": state["budget"]} if context.algorithm == "grid" else {}
    return {**fingerprint("zo_ranksgd", context, 1), **rows, **fixed}
