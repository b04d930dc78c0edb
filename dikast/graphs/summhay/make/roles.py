"""The roles of the synthesizer beside its solver: who writes documents, who rejects insights, who settles doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solution
from dikast.graphs.summhay.make.records import Domain
from dikast.records import Outcome


@dataclass(frozen=True, slots=True)
class Task:
    """A document to be written.

    Args:
        topic: What the haystack is about.
        domain: `news`: an article; `conversation`: turns of the participants.
        participants: Who takes part in a conversation; empty for news.
        themes: Names of the subtopics that the insights belong to.
        insights: What the document has to say, each in its own words; the writer sees no other.
        words: About how long it is.
        seed: Of whatever is drawn: another for each document.
    """

    topic: str
    domain: Domain
    participants: tuple[str, ...]
    themes: tuple[str, ...]
    insights: tuple[str, ...]
    words: int
    seed: int


@runtime_checkable
class Writer(Protocol):
    """Writes documents."""

    @property
    def spec(self) -> str:
        """The string that stands for this writer in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its texts, beyond the arguments of its methods."""
        ...

    async def write(self, task: Task, *, sampling: Sampling, sample: int = 0) -> Solution:
        """Write a document.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...

    async def revise(
        self, task: Task, text: str, missing: Sequence[str], leaked: Sequence[str], *, sampling: Sampling, sample: int
    ) -> Solution:
        """Write a document again, so that it says what is missing, and no more what leaked.

        Args:
            task: The document's.
            text: The text as it is.
            missing: Insights of the task that it does not say.
            leaked: Insights that are not the task's, and that it says.
            sampling: Decoding parameters.
            sample: Number of the try.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@dataclass(frozen=True, slots=True)
class Review:
    """What a critic says of some insights.

    Args:
        rejected: Place of an insight in the list, from 0 -> why it is rejected.
        outcome: How the reply ended: where it is not `ok`, nothing is rejected.
        reason: Why, where the outcome is not `ok`.
    """

    rejected: Mapping[int, str]
    outcome: Outcome
    reason: str = ""


@runtime_checkable
class InsightCritic(Protocol):
    """Rejects insights that overlap with others or are vague."""

    @property
    def spec(self) -> str:
        """The string that stands for this critic in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its reviews."""
        ...

    async def review(self, topic: str, insights: Sequence[str], *, sampling: Sampling, sample: int = 0) -> Review:
        """Review a list of insights.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What a verifier says of a document.

    Args:
        stated: Of each insight, whether the document says it; `None` where the verifier does not say.
        outcome: How the reply ended: where it is not `ok`, all are `None`.
        reason: Why, where the outcome is not `ok`.
    """

    stated: tuple[bool | None, ...]
    outcome: Outcome
    reason: str = ""


@runtime_checkable
class Verifier(Protocol):
    """Says which of some insights a document states."""

    @property
    def spec(self) -> str:
        """The string that stands for this verifier in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers."""
        ...

    async def settle(self, document: str, insights: Sequence[str], *, sampling: Sampling) -> Settled:
        """Read a document for some insights, in one call.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...
