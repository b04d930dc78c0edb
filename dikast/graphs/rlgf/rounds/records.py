"""What the stages of a round tell: JSON, kept in their stamps and in the loop's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import TypedDict

from dikast.graphs.measures import means


class Collected(TypedDict):
    """Texts of policy and guide, with rewards: a run folder of `rlgf`."""

    part: int
    """Which part of the prompts, from 1."""
    collector: str
    """Whose turn it was: `ppo_pp`, `aggrevated`, `ppo`."""
    asked: int
    outcomes: dict[str, int]
    usage: dict[str, dict[str, float]]


class Gathered(TypedDict):
    """The texts to learn from: `texts.jsonl`."""

    rows: int
    left_out: dict[str, int]
    digest: str
    reward: float | None
    """Their mean."""
    tokens: dict[str, int]
    """Whose -> how many."""
    masked_share: float | None
    """Of the guide's tokens, those that are not trained on; `None` without one."""


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update made.

    Args:
        model: The spec that opens the new policy.
        digest: Of its weights.
        rows: Texts that were trained on.
        left_out: Why -> texts that were not.
        steps: Of Adam.
        tokens: Trained on: the policy's own, once an epoch.
        loss: Of the last epoch, the mean of its steps.
        first_loss: Of the first epoch.
        value_loss: Of the last epoch.
        clipped: Share of tokens whose ratio was clipped, in the last epoch.
    """

    model: str
    digest: str
    rows: int
    left_out: Mapping[str, int]
    steps: int
    tokens: int
    loss: float
    first_loss: float
    value_loss: float
    clipped: float


class Standing(TypedDict):
    """A policy that writes alone, on held-back prompts."""

    digest: str
    place: str
    """The run folder, relative to the loop's."""
    prompts: int
    scored: int
    """Texts with a reward."""
    reward: float | None
    kl: float | None
    """To the start, nats a text."""
    measures: dict[str, dict[str, Any]]
    """Beside the reward: name -> mean, and of how many."""


class Measured(TypedDict):
    """The new policy beside the one before it."""

    before: Standing
    after: Standing
    rows: int
    """Texts that have a reward in both."""
    gain: float | None
    """In the mean of these."""
    low: float | None
    high: float | None
    usage: dict[str, dict[str, float]]


Told = dict[str, Any]


def standing_of(records: list[dict[str, Any]], digest: str, place: str) -> Standing:
    """What a run over held-back prompts amounts to.

    Args:
        records: Lines of its journal.
        digest: The policy's.
        place: The run folder.
    """
    outputs = [one["output"] for one in records if one["output"] is not None and one["output"]["reward"] is not None]
    kl = [one["kl"] for one in outputs if one["kl"] is not None]
    return Standing(
        digest=digest,
        place=place,
        prompts=len(records),
        scored=len(outputs),
        reward=mean([one["reward"] for one in outputs]),
        kl=mean(kl),
        measures=means([one["measures"] for one in outputs]),
    )


def mean(values: list[float]) -> float | None:
    """The mean; `None` of nothing."""
    return sum(values) / len(values) if values else None
