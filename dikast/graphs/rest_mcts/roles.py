"""Who takes part: a policy that proposes steps, a critic that values partial solutions, an oracle that knows answers.

Light on purpose: the command line's flags are read off a context that names these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.agents.models.request import Sampling
    from dikast.graphs.rest_mcts.splitting import Unit


@dataclass(frozen=True, slots=True)
class Partial:
    """A question with the steps that have been written so far. The gold answer is not in it.

    Args:
        question: The row's.
        steps: In their order.
        ending: How a solution is to say its answer.
        unit: What a step is.
    """

    question: str
    steps: tuple[str, ...]
    ending: str
    unit: Unit


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a policy proposed.

    Args:
        text: One step, or a whole solution; empty where the policy ended its turn at once, or there is none.
        cut: Whether the reply broke off by its length.
        tokens: Generated.
        calls: Made, or answered from the request cache.
        outcome: `ok`, or what befell the call.
        reason: Why it is not `ok`.
        provenance: Of the call, as JSON; `None` without one.
    """

    text: str
    cut: bool = False
    tokens: int = 0
    calls: int = 1
    outcome: Outcome = Outcome.OK
    reason: str = ""
    provenance: Mapping[str, Any] | None = None


@runtime_checkable
class StepSolver(Protocol):
    """Proposes the next step of a solution, or a whole one."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    @property
    def most_calls(self) -> int:
        """Calls that one step takes at most."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes what it proposes."""
        ...

    async def propose(self, partial: Partial, *, whole: bool, sampling: Sampling, sample: int) -> Proposal:
        """The next step, or with `whole` all of the solution.

        Args:
            partial: What there is.
            whole: Whether to write to the end.
            sampling: Decoding parameters; `max_tokens` bounds what is generated.
            sample: Which of several proposals.

        Raises:
            ModelError: There is no reply.
        """
        ...


@dataclass(frozen=True, slots=True)
class Appraisal:
    """How promising a partial solution is.

    Args:
        value: In [0, 1], or whatever scale the critic was trained on; `None` where the outcome is not `ok`.
        tokens: Generated for it.
        calls: Made for it, or answered from the request cache.
        outcome: `ok`, `unparsed` (no number, or NaN), or what befell the call.
        reason: Why it is not `ok`.
    """

    value: float | None
    tokens: int = 0
    calls: int = 0
    outcome: Outcome = Outcome.OK
    reason: str = ""


@runtime_checkable
class StepCritic(Protocol):
    """Values partial solutions, by what anybody may see: never by a gold answer."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    @property
    def most_tokens(self) -> int:
        """What one appraisal generates at most."""
        ...

    @property
    def most_calls(self) -> int:
        """Calls that one appraisal takes at most."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its values."""
        ...

    async def appraise(self, question: str, solutions: Sequence[str], *, ending: str) -> list[Appraisal]:
        """The values of partial solutions to one question, in their order.

        Args:
            question: The row's.
            solutions: The steps of each, joined.
            ending: What the policy is told of how to say its answer: part of the prompt that a value head was trained
                behind.

        Raises:
            ModelUnavailable: A model cannot be reached; other failures are outcomes.
        """
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """The final answer of a solution.

    Args:
        answer: In the one way in which the check writes it, so that votes can be counted; `None` if there is none.
        ended: Whether the solution itself says that it is at its end.
        outcome: `ok`, `unparsed` without an answer, or how a program ended.
        reason: Why it is not `ok`.
    """

    answer: str | None
    ended: bool
    outcome: Outcome = Outcome.OK
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a solution is right; `None` where the check could not be made."""

    right: bool | None
    outcome: Outcome = Outcome.OK
    reason: str = ""


@runtime_checkable
class AnswerCheck(Protocol):
    """Reads final answers, and knows by the gold answer which are right."""

    @property
    def spec(self) -> str:
        """The string that stands for it in JSON."""
        ...

    @property
    def ending(self) -> str:
        """What a policy is told of how to say its answer."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its verdicts."""
        ...

    def is_end(self, solution: str) -> bool:
        """Whether the solution says its answer, so that no step follows."""
        ...

    async def read(self, solution: str) -> Answered:
        """The final answer; no gold answer is known here."""
        ...

    async def verify(self, question: str, solution: str, gold: str) -> Verdict:
        """Whether the solution is right: the one place to which a gold answer goes."""
        ...
