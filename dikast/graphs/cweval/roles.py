"""The roles of CWEval beside its Solver: who holds the tasks and tests code, and who reads what failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dikast.agents.models.request import Sampling
from dikast.records import Outcome, Usage

if TYPE_CHECKING:
    from dikast.graphs.cweval.extract import Shared
    from dikast.graphs.cweval.task import Task
    from dikast.graphs.cweval.verdict import Execution, Kind


@dataclass(frozen=True, slots=True)
class Criticism:
    """What a critic makes of failed tests.

    Args:
        text: For whoever mends the code; empty where the outcome is not `ok`.
        outcome: How the reply ended.
        reason: Why, where the outcome is not `ok`.
        usage: What it cost.
        provenance: Where it came from, as JSON.
    """

    text: str
    outcome: Outcome
    reason: str
    usage: Usage
    provenance: Mapping[str, Any]


@runtime_checkable
class FailureCritic(Protocol):
    """Reads code and the functional tests that it failed; it is shown no security test, and no verdict of one."""

    @property
    def spec(self) -> str:
        """The string that stands for this critic in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes its remarks."""
        ...

    async def criticise(
        self, asked: str, language: str, code: str, failures: str, *, sampling: Sampling, sample: int = 0
    ) -> Criticism:
        """Say what is wrong with code that failed.

        Args:
            asked: What the code's writer was shown: signature and docstring.
            language: The language's name.
            code: The code; empty where a reply had none.
            failures: The failed functional tests, with the end of what each said.
            sampling: Decoding parameters.
            sample: Index among samples of the task.

        Raises:
            ModelError: There is no reply; its subclass says how.
        """
        ...


@runtime_checkable
class CodeExecutor(Protocol):
    """Holds the tasks and tests code, which is not trusted."""

    @property
    def spec(self) -> str:
        """The string that stands for this executor in JSON."""
        ...

    def fingerprint(self) -> Mapping[str, object]:
        """What changes verdicts: the tasks, the tests, what compiles and runs code."""
        ...

    def task(self, task_id: str) -> Task:
        """A task by its id.

        Raises:
            DataError: There is none, or it cannot be used.
        """
        ...

    @property
    def shared(self) -> Shared:
        """What candidates may take for granted: headers, packages."""
        ...

    async def ready(self, task_id: str) -> None:
        """Make sure that code for this task can be tested, before a model is asked for some.

        Raises:
            DataError: There is no such task, or its tests cannot be read.
            MissingExtraError: The language's toolchain is missing; says what to install.
            SandboxError: Nothing can be run safely.
        """
        ...

    async def test(self, task_id: str, program: str, kinds: Collection[Kind]) -> Execution:
        """Compile a program and run cases against it.

        Args:
            task_id: The task.
            program: The whole of it; what is empty has no code.
            kinds: Which cases.

        Raises:
            DikastError: As `ready`.
        """
        ...
