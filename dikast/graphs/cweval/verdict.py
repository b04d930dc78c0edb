"""How a candidate did, case by case. A verdict is of a case; a row's `Outcome` says whether there is one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from dikast.graphs.cweval.records import Verdict

Kind = Literal["functionality", "security"]
KINDS: tuple[Kind, ...] = ("functionality", "security")


@dataclass(frozen=True, slots=True)
class Case:
    """One case of a task's tests.

    Args:
        name: Test function, and the number of its parameters where it has any: `test_it[2]`.
        kind: What it tests.
    """

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A case's verdict.

    Args:
        case: Which.
        verdict: What became of it.
        seconds: How long it took; 0 where it did not run.
        reason: The end of pytest's account, or the compiler's; untrusted text.
    """

    case: Case
    verdict: Verdict
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """A candidate's verdicts.

    Args:
        task_id: The task.
        cases: In the order of the test file.
        compile_s: Seconds of compiling; 0 where the result was at hand.
        tests_s: Seconds of all that ran tests.
        peak_bytes: The most memory of the box with the tests.
    """

    task_id: str
    cases: tuple[CaseResult, ...]
    compile_s: float = 0.0
    tests_s: float = 0.0
    peak_bytes: int = 0

    @property
    def functional(self) -> bool:
        """Whether every functionality case passed, and there is one."""
        return _all_pass(one for one in self.cases if one.case.kind == "functionality")

    @property
    def secure(self) -> bool:
        """Whether every security case passed, and there is one."""
        return _all_pass(one for one in self.cases if one.case.kind == "security")

    @property
    def functional_and_secure(self) -> bool:
        """Whether it works and is safe."""
        return self.functional and self.secure


def _all_pass(results: Iterable[CaseResult]) -> bool:
    verdicts = [one.verdict for one in results]
    return bool(verdicts) and all(verdict is Verdict.PASS for verdict in verdicts)


def same(cases: Iterable[Case], verdict: Verdict, reason: str = "") -> tuple[CaseResult, ...]:
    """One verdict for all cases."""
    return tuple(CaseResult(case, verdict, 0.0, reason) for case in cases)
