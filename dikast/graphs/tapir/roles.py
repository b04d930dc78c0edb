"""TAPIR's roles beside its student: who scores two answers, who names an instruction's task, who teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.agents.roles import Solution
from dikast.records import Outcome, Usage

Style = Literal["steps", "code", "prose"]
"""How a teacher answers: step by step, with commented code, in structured prose."""


@dataclass(frozen=True, slots=True)
class PairScore:
    """What a judge gives two answers that it saw side by side.

    Args:
        first: Points of the one shown first, 1 to 10; `None` where the outcome is not `ok`.
        second: The same of the other one.
        text: What the judge said.
        outcome: How the reply ended; `unparsed` where it does not give both, and nothing else.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from, as JSON.
    """

    first: int | None
    second: int | None
    text: str
    outcome: Outcome
    reason: str = ""
    usage: Usage = field(default_factory=Usage)
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class PairScorer(Protocol):
    """Gives each of two answers points, in one call that sees both; it is not told whose they are."""

    @property
    def spec(self) -> str:
        """The string that stands for this judge in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its points."""
        ...

    async def score(self, instruction: str, first: str, second: str, rubric: str, *, sampling: Sampling) -> PairScore:
        """Score two answers in the one order in which they are shown.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@dataclass(frozen=True, slots=True)
class TaskName:
    """What a classifier calls an instruction.

    Args:
        task: One of those that there are; `None` where the outcome is not `ok`.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
    """

    task: str | None
    outcome: Outcome
    reason: str = ""


@runtime_checkable
class TaskClassifier(Protocol):
    """Names the task of an instruction, out of a closed list."""

    @property
    def spec(self) -> str:
        """The string that stands for this classifier in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers."""
        ...

    async def classify(self, instruction: str, tasks: Sequence[str], *, sampling: Sampling) -> TaskName:
        """Name the task.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@dataclass(frozen=True, slots=True)
class Proposals:
    """New instructions that a teacher wrote.

    Args:
        instructions: In its order; empty where the outcome is not `ok`.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
        provenance: Where they came from, as JSON.
    """

    instructions: tuple[str, ...]
    outcome: Outcome
    reason: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class Teacher(Protocol):
    """Answers instructions in the style of their task, and writes new ones like a given one."""

    @property
    def spec(self) -> str:
        """The string that stands for this teacher in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its answers."""
        ...

    async def answer(self, instruction: str, style: Style, *, sampling: Sampling) -> Solution:
        """Answer an instruction as a student should learn to.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...

    async def propose(
        self, instruction: str, task: str, count: int, *, sampling: Sampling, sample: int = 0
    ) -> Proposals:
        """Write new instructions of the same task, as hard as the given one.

        Args:
            instruction: The one that the student finds hard.
            task: Its task.
            count: How many are wanted; there may be fewer, and never more.
            sampling: Decoding parameters.
            sample: Index among askings for the same instruction.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...
