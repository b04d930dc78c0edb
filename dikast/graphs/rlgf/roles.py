"""What RLGF asks of those who take part: a policy that is trained, a guide that is a black box, a reward.

A language model plays them (`voices.py`, `rewards.py`), or the user's own object. Light on purpose: the command line's
flags are read off a context that names these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.records import Outcome, Provenance

Ids: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said in a turn.

    Args:
        tokens: Of the policy's tokenizer.
        text: The same, as text.
        ended: Whether the text is to end here.
        outcome: `ok`; `refused` or `filtered` where the API says so.
        reason: Why, where it is not `ok`.
        provenance: Of the call.
    """

    tokens: Ids
    text: str
    ended: bool
    outcome: Outcome
    reason: str
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Weighed:
    """A text as a policy sees it: its words, its tokens, and how likely each is."""

    text: str
    tokens: Ids
    logprobs: tuple[float, ...]


@runtime_checkable
class Policy(Protocol):
    """Goes on from token ids, and says how likely tokens are."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes what it says."""
        ...

    async def go_on(
        self, prompt: str, tokens: Ids, count: int, *, sampling: Sampling, role: str, sample: int = 0
    ) -> Said:
        """The next tokens of a reply, `count` at most; `sample` counts texts to one prompt.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine cannot go on from token ids.
        """
        ...

    async def weigh(self, prompt: str, completion: Ids | str, tokens: Ids = (), *, role: str) -> Weighed:
        """A completion behind prompt and tokens, scored.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine cannot score.
        """
        ...


@runtime_checkable
class Guide(Protocol):
    """Goes on with a text, in its own way."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes what it says."""
        ...

    async def guide(
        self, prompt: str, tokens: Ids, count: int, *, policy: Policy, sampling: Sampling, sample: int = 0
    ) -> Said:
        """The next tokens, `count` at most, as tokens of the policy.

        Raises:
            ModelError: There is no reply.
            UsageError: The engine cannot do what its form needs.
        """
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reward looks at.

    Args:
        prompt: The row's.
        text: What was written, policy's and guide's parts together.
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
