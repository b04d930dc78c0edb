"""What each role promises, and nothing else.

A role is played by a language model (`dikast.agents.solver`, ...), by data (an oracle over judgments), by a script in
a test, or by the user's own object: graphs are written against these Protocols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.records import Document, Outcome, Provenance, Usage


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver produced.

    Args:
        text: The reply; parsing it is the caller's, who knows what was asked for.
        outcome: How the reply ended; `text` may be empty where it is not `ok`.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from.
    """

    text: str
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance


@runtime_checkable
class Solver(Protocol):
    """Produces text: keywords, code, a test, a revision."""

    @property
    def spec(self) -> str:
        """The string that stands for this solver in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its solutions, beyond the arguments of `solve`."""
        ...

    async def solve(
        self,
        prompt: Prompt,
        fields: Mapping[str, str],
        *,
        sampling: Sampling,
        structured: Structured | None = None,
        sample: int = 0,
    ) -> Solution:
        """Answer a prompt.

        A solver that is no language model may ignore the prompt's wording and work from `fields`.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


MAX_GRADE = 3
"""Relevance grades go from 0 to this: TREC's scale since the deep learning tracks."""


@dataclass(frozen=True, slots=True)
class Grade:
    """How relevant a critic finds a document.

    Args:
        grade: 0 (not at all) to 3 (perfectly); `None` where the outcome is not `ok`.
        reason: The critic's, or why there is no grade.
        outcome: How the reply ended.
    """

    grade: int | None
    reason: str
    outcome: Outcome


@runtime_checkable
class Critic(Protocol):
    """Says how good something is and why, from what anybody may see: never from judgments or other secrets."""

    @property
    def spec(self) -> str:
        """The string that stands for this critic in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its grades."""
        ...

    async def grade(self, query: str, documents: Sequence[Document]) -> list[Grade]:
        """The relevance of each document to the query, in their order.

        Raises:
            ModelUnavailable: The model behind the critic cannot be reached; other failures are outcomes.
        """
        ...


@runtime_checkable
class RelevanceOracle(Protocol):
    """Knows which documents are relevant."""

    @property
    def spec(self) -> str:
        """The string that stands for this oracle in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers: the judgments, by their hash."""
        ...

    def relevant(self, qid: str, k: int) -> list[str]:
        """Ids of the `k` most relevant documents, best first; fewer where fewer are known."""
        ...
