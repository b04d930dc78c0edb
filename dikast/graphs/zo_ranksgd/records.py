"""What a tuning writes down: settings that were tried, and how they were ranked. All are TypedDicts of JSON types."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

TrialOutcome = Literal["ok", "refused", "failed"]
"""`refused`: the method's context takes no such settings. `failed`: no row of the run came to anything."""


class Trial(TypedDict):
    """Settings that were run."""

    trial: int
    """From 1, the settings that the tuning began with."""
    settings: dict[str, Any]
    """Knob -> value."""
    folder: str
    """Of its run, relative to the tuning's; empty if none was made."""
    outcome: TrialOutcome
    reason: str
    asked: int
    """Rows."""
    scored: int
    """Rows that have a value; 0 where those who rank give none."""
    value: float | None
    """Their mean; `None` without any."""
    usage: dict[str, dict[str, float]]
    """Role -> spent."""


class Round(TypedDict):
    """A question of the algorithm, and how it was answered."""

    round: int
    about: str
    """`probe`, `step`, `batch`, `generation`."""
    room: int | None
    """Trials that were left when it was asked."""
    points: list[list[float]]
    """Places of the knobs, 0 to 1."""
    trials: list[int]
    """The trial of each point; points that fall on the same settings share one."""
    ranking: list[list[int]]
    """Indices of points in groups, the best first."""
    said: dict[str, int]
    """What whoever ranked was asked, and what of it could not be read."""


class Answered(TypedDict):
    """What a person said about one row of a question."""

    round: int
    row: str
    """Its key."""
    shown: list[int]
    """Trials in the order in which they were shown; of equal outputs one."""
    order: list[int]
    """Trials, the best first."""


class Held(TypedDict):
    """What came of it beside what it began with, on rows that were never tuned on."""

    rows: int
    compared: int
    """Rows with a value, or a verdict, for both."""
    before: float | None
    after: float | None
    """Mean values; for judges of pairs 1 less and the share of rows that is better after."""
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    """Of a paired randomisation test."""
    reason: str
    """Why nothing is compared; empty otherwise."""
