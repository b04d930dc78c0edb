"""What each role promises, and nothing else.

A role is played by a language model (`dikast.agents.solver`, ...), by data (an oracle over judgments), by a script in
a test, or by the user's own object: graphs are written against these Protocols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling, Structured
from dikast.agents.prompt import Prompt
from dikast.records import Document, Outcome, Provenance, Usage

if TYPE_CHECKING:
    from dikast.conversation import Message
    from dikast.verdicts import Side


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


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge is shown: one response to score, or two to compare, in the order in which they are shown.

    Args:
        instruction: What the responses answer.
        responses: One or two.
        rubric: What makes a response good.
        reference: A text to measure them by; empty for none.
        own: The reference is this judge's own answer, given before it saw any response.
        said: The judge's two earlier comparisons, which contradict each other: in this order, then in the other one.
        ties: Whether "equally good" may be the verdict on two responses.
        scale: Lowest and highest score of a single response.
        before: Of each response, the conversation that it ends, up to the user's message that it replies to; nothing
            where there is no conversation but the instruction.
    """

    instruction: str
    responses: tuple[str, ...]
    rubric: str
    reference: str = ""
    own: bool = False
    said: tuple[str, ...] = ()
    ties: bool = False
    scale: tuple[float, float] = (1, 5)
    before: tuple[tuple[Message, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """One verdict of a judge on one case.

    Args:
        text: What the judge said.
        side: The better one of two, by its place; `None` where the outcome is not `ok`.
        score: Of a single response, within the scale; `None` where the outcome is not `ok`.
        preference: Probability that the one shown first is better, from a judge that gives one.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from.
    """

    text: str
    side: Side | None
    score: float | None
    preference: float | None
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Provenance


@runtime_checkable
class Judge(Protocol):
    """Compares or scores responses under a rubric, and says when it cannot."""

    @property
    def spec(self) -> str:
        """The string that stands for this judge in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its judgements, beyond the arguments of `judge`."""
        ...

    async def judge(self, case: Case, *, sampling: Sampling) -> Judgement:
        """Judge one case, in the one order in which it shows the responses.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...

    async def answer(self, instruction: str, *, sampling: Sampling) -> Solution:
        """Answer the instruction itself, before any response is seen.

        Raises:
            ModelError: There is no reply; its subclass says how.
            UsageError: This judge cannot answer.
        """
        ...
