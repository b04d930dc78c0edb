"""What the graph keeps of a row: all of it JSON."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class Read(TypedDict):
    """The reference as the model's tokens."""

    tokens: list[int]
    losses: list[float]
    """Negative log-likelihood of each token after the reference's own before it (teacher-forced), nats."""


class Bash(TypedDict):
    """A row of BASH: the reply's part of it, without prompt and end of turn."""

    input_ids: list[int]
    """What the model is to read: reference tokens, and own ones in their place."""
    labels: list[int]
    """What it is to say: the reference's tokens, and nothing else."""
    own: list[int]
    """1 where the token that is read is the model's own."""
    p: float
    """With which probability a token was drawn."""
    drawn: int
    """Places that were drawn to be replaced."""
    ended: int
    """Of these, places where the model ended its turn: the reference's token stays there."""
    calls: int
    """How often the model was asked."""


class Draft(TypedDict):
    """The model's own answer, free-running."""

    text: str
    tokens: list[int] | None
    """Its ids, the end of turn left out, where they were needed."""
    right: bool
    """Whether it says what the reference says."""
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Point(TypedDict):
    """The loss of one token of the reference, nats: after the reference's own tokens, and after the model's."""

    place: int
    """Counted from 0."""
    forced: float
    free: float
