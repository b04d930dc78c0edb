"""Who takes part in DNO beside the solver: a judge of several answers at once, and a teacher that writes gold answers.

Light on purpose: the context names the Protocols, so it loads no engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.agents.models.request import Message, Sampling
from dikast.agents.prompt import Prompt
from dikast.agents.roles import Solution
from dikast.records import Outcome, Provenance, Usage


@dataclass(frozen=True, slots=True)
class Listing:
    """What a judge is shown.

    Args:
        messages: The conversation that the answers continue.
        answers: In the order in which they are shown.
        rubric: The prompt file that says what gives points; its fields are `prompt`, `answers`, `form`.
    """

    messages: tuple[Message, ...]
    answers: tuple[str, ...]
    rubric: Prompt


@dataclass(frozen=True, slots=True)
class Scores:
    """What a judge says of a listing.

    Args:
        points: Of each answer, 0 to 6, in the order in which they were shown; empty where the outcome is not `ok`.
        text: What the judge said.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from.
    """

    points: tuple[float, ...]
    text: str
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance


@runtime_checkable
class ListJudge(Protocol):
    """Scores several answers side by side under a rubric, and says when it cannot."""

    @property
    def spec(self) -> str:
        """The string that stands for this judge in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its scores, beyond the arguments of `score`."""
        ...

    async def score(self, listing: Listing, *, sampling: Sampling) -> Scores:
        """Points of each answer, in the order in which they are shown.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@runtime_checkable
class Teacher(Protocol):
    """An oracle that writes the gold answer where a row brings none."""

    @property
    def spec(self) -> str:
        """The string that stands for this teacher in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers, beyond the arguments of `answer`."""
        ...

    async def answer(self, messages: Sequence[Message], *, sampling: Sampling) -> Solution:
        """Answer a conversation.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...
