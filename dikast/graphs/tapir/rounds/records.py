"""What TAPIR's stages tell, beside what the loop knows: all of it JSON."""

from __future__ import annotations

from typing_extensions import TypedDict


class Skill(TypedDict):
    """Instructions of one task, or all: how many could be measured, and their mean difficulty."""

    rows: int
    difficulty: float | None


class Standing(TypedDict):
    """One policy on the held-out instructions."""

    digest: str
    place: str
    """Of its run, relative to the loop's folder."""
    all: Skill
    tasks: dict[str, Skill]


class Measured(TypedDict):
    """What a round's evaluation tells: `fall` is by how much the difficulty fell, on the rows that both have."""

    before: Standing
    after: Standing
    rows: int
    fall: float | None
    low: float | None
    """Of the 95 % interval of `fall`; `None` for fewer than two rows."""
    high: float | None
    usage: dict[str, dict[str, float]]
