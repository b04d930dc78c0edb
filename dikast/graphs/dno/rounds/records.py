"""What the stages of a round tell: JSON, kept in their stamps and in the loop's row."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict


class Collected(TypedDict):
    """Answers and scores of a part's prompts: a run folder of `dno`."""

    part: int
    """Which part of the prompts, from 1."""
    asked: int
    speakers: list[str]
    """Digests of the policies whose answers they are: the current one; all of them for the policy `average`."""
    outcomes: dict[str, int]
    usage: dict[str, dict[str, float]]


class Mixed(TypedDict):
    """Training rows: `rows.jsonl`, and `own.jsonl` without what was replayed."""

    rows: int
    own: int
    kinds: dict[str, int]
    replayed: list[int]
    """Rows of the iteration before, of the one before it, ..."""
    left_out: dict[str, int]
    digest: str
    slope: float
    """Points a character that the judge gives for length alone; 0 where scores are taken as they are."""
    chosen_to_rejected: float | None
    """Characters of the better answers over those of the worse ones, of this round's own rows."""


class TrainedRecord(TypedDict):
    """The next policy."""

    model: str
    digest: str
    reference: str
    """Digest of the policy that the training began with and was measured against."""
    rows: int
    left_out: dict[str, int]
    steps: int
    tokens: int
    loss: float
    first_loss: float


class Measured(TypedDict):
    """The new policy beside the one before it, on held prompts."""

    prompts: int
    read: int
    """Of these, those on which the judge said something in both orders, or the answers were the same."""
    win_rate: float | None
    """Ties half; by scores without their length slope, where pairs are."""
    low: float | None
    high: float | None
    length_ratio: float | None
    """Characters of the new policy's answers over those of the one before."""
    loops: int
    outcomes: dict[str, int]
    usage: dict[str, dict[str, float]]


Told = dict[str, Any]
