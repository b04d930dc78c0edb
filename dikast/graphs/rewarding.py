"""What a reward is asked and says, for every method that has texts rewarded; `rewards.py` makes them from specs.

Light on purpose: the command line's flags are read off contexts that name `Reward`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.records import Outcome


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reward looks at.

    Args:
        prompt: The row's.
        text: What was written.
        reference: The row's, the first of several; empty without one.
        rubric: What makes a text good; for a judge.
        scale: Lowest and highest score of a judge.
        sampling: Of a judge.
        others: Further references.
        concepts: What the text is to speak of, where the row says it.
    """

    prompt: str
    text: str
    reference: str
    rubric: str
    scale: tuple[float, float]
    sampling: Sampling
    others: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """All of them; empty without any."""
        return tuple(one for one in (self.reference, *self.others) if one.strip())

    @classmethod
    def bare(cls, prompt: str, text: str, *, references: Sequence[str] = (), concepts: Sequence[str] = ()) -> Asked:
        """What a measure looks at, which needs no judge."""
        first, *others = references or ("",)
        return cls(prompt, text, first, "", (0.0, 1.0), Sampling(), tuple(others), tuple(concepts))


@dataclass(frozen=True, slots=True)
class Rewarded:
    """What a text is worth; `value` is `None` where the outcome is not `ok`. `said` is a judge's own words."""

    value: float | None
    outcome: Outcome
    reason: str = ""
    said: str = ""


@runtime_checkable
class Reward(Protocol):
    """Says what a text is worth."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its values."""
        ...

    async def reward(self, asked: Asked) -> Rewarded:
        """The value of one text.

        Raises:
            ModelError: A judge could not be asked.
            DataError: A metric has no reference.
        """
        ...
