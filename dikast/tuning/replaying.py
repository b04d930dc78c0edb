"""An algorithm brought to where it stood, by asking it again and telling it what it was told.

    answers = [Answer(room=None, points=[[...]], ranking=[[2], [0], [1]]), ...]       # from a journal
    algorithm = replay(ZoRankSGD(start, settings, seed=0), answers)

Nothing else of an algorithm is kept: a journal of questions and answers is the whole of its state. The questions have
to be the same ones, to the last bit; another seed, other settings or another version that draws otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from typing_extensions import TypedDict

from dikast.errors import ResumeMismatchError
from dikast.tuning.asking import Algorithm
from dikast.tuning.oracles import Oracle

A = TypeVar("A", bound=Algorithm)


class Answer(TypedDict):
    """A question and its answer, as a journal has them."""

    room: int | None
    """What `ask` was given."""
    points: list[list[float]]
    ranking: list[list[int]]


def replay(algorithm: A, answers: Iterable[Answer]) -> A:
    """The algorithm behind these answers.

    Raises:
        ResumeMismatchError: It asks something else than was answered.
    """
    for number, answer in enumerate(answers, start=1):
        question = algorithm.ask(answer["room"])
        if question is None or question.points.tolist() != answer["points"]:
            hint = "the answers are another algorithm's, seed's or version's: start over in another folder"
            raise ResumeMismatchError(f"question {number} is not the one that was answered", hint=hint)
        algorithm.tell(answer["ranking"])
    return algorithm


def minimise(algorithm: A, oracle: Oracle, *, points: int) -> A:
    """Ask an oracle until an algorithm has nothing more to ask, or this many points were ranked.

    Args:
        algorithm: What asks.
        oracle: Who ranks.
        points: How many points may be ranked in all; the last question is not cut.
    """
    ranked = 0
    while ranked < points and (question := algorithm.ask()) is not None:
        algorithm.tell(oracle.rank(question.points, question.best))
        ranked += len(question.points)
    return algorithm
