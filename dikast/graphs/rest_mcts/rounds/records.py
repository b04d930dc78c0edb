"""What the stages of a round tell: JSON, kept in their stamps and in the loop's row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired

from typing_extensions import TypedDict

from dikast.records import Outcome


class Collected(TypedDict):
    """Trees of a part's questions: a run folder of `rest_mcts`."""

    part: int
    """Which part of the questions, from 1."""
    critic: str
    """Digest of who valued; empty for the one that was given."""
    asked: int
    """Searches."""
    solved: int
    """Of these, with a right solution anywhere in the tree."""
    outcomes: dict[str, int]
    usage: dict[str, dict[str, float]]


class Gathered(TypedDict):
    """Training rows: `policy.jsonl`, `critic.jsonl`, and `held.jsonl`, by which critics are measured."""

    rows: int
    """Right solutions."""
    values: int
    """Partial solutions with values, to train on."""
    held: int
    """The same, to measure by."""
    left_out: dict[str, dict[str, int]]
    """`sft` and `value` -> why -> how many."""
    digest: str
    critic_error: float | None
    """Mean squared difference of the values that the search's critic gave from the inferred ones, on held rows."""
    critic_read: int
    """Held rows that it valued."""
    judged: NotRequired[Judged]
    """Of Self-Rewarding alone, whose rows are pairs, in `pairs.jsonl`."""


class Judged(TypedDict):
    """How a policy's marks of its own solutions turned out."""

    drawn: int
    """Solutions, those among them that failed or were cut."""
    whole: int
    """Of these, those that came to their end: they are marked."""
    valued: int
    """Of these, those with a value."""
    in_part: int
    """Of these, those of which some judgements could not be read."""
    unread: dict[str, int]
    """Outcome -> whole solutions without a value."""
    pairs: int
    tied: int
    """Of these, those with another solution as good as the best, or as bad as the worst."""
    agreement: dict[str, int]
    """What the check says of both solutions of a pair (`right over wrong`, ...) -> how many; used for nothing."""


class Taught(TypedDict):
    """The next critic."""

    model: str
    digest: str
    rows: int
    left_out: dict[str, int]
    steps: int
    tokens: int
    loss: float
    first_loss: float
    error: float | None
    """Mean squared difference from the inferred values, on held rows."""
    taken: bool
    """Whether the next round asks it."""


class Standing(TypedDict):
    """A policy that answers held-back questions greedily."""

    digest: str
    place: str
    """The run folder, relative to the loop's."""
    asked: int
    """The denominator: a call that failed is a wrong answer."""
    right: int
    answered: int
    failed: int
    unchecked: int
    """Answers of which the check could not say whether they are right; they count as wrong."""
    accuracy: float


class Measured(TypedDict):
    """The new policy beside the one before it."""

    before: Standing
    after: Standing
    gain: float
    """In accuracy."""
    low: float | None
    high: float | None
    usage: dict[str, dict[str, float]]


Told = dict[str, Any]


def standing_of(records: Iterable[Mapping[str, Any]], digest: str, place: str) -> Standing:
    """What a run over held-back questions amounts to.

    Args:
        records: Lines of its journal.
        digest: The policy's.
        place: The run folder.
    """
    found = Standing(digest=digest, place=place, asked=0, right=0, answered=0, failed=0, unchecked=0, accuracy=0.0)
    for one in records:
        output = one["output"]
        found["asked"] += 1
        found["failed"] += output is None or Outcome(one["outcome"]).failed
        if output is not None:
            found["right"] += output["correct"] is True
            found["answered"] += output["found"] is not None
            found["unchecked"] += output["taken"] is not None and output["correct"] is None
    found["accuracy"] = found["right"] / found["asked"] if found["asked"] else 0.0
    return found
