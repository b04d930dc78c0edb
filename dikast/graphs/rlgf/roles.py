"""What RLGF asks of those who take part: a policy that is trained, a guide that is a black box.

A language model plays them (`voices.py`), or the user's own object. Light on purpose: the command line's
flags are read off a context that names these.
"""

from __future__ import annotations

from collections.abc import Mapping
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
