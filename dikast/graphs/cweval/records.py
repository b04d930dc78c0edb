"""What is known of a candidate after it was tested: plain values, written down as JSON.

    case = CaseResult("test_reads[a.txt]", CaseKind.FUNCTIONALITY, Verdict.PASS, seconds=0.02)
    sample = SampleResult("core.c.cwe_022_0_c", 0, Verdict.PASS, (case,))
    sample.functional, sample.secure

A verdict is not a row's `Outcome`: the row of a candidate that does not compile is `ok`, and its verdict says why it
counts as a failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a case ended, and why a sample as a whole counts as a failure: one closed set for both."""

    PASS = "pass"
    FAIL = "fail"  # a test said no
    TIMEOUT = "timeout"  # no answer within the calibrated limit, also not when asked again alone
    COMPILE_ERROR = "compile_error"
    IMPORT_ERROR = "import_error"  # the tests could not load the candidate; upstream drops such a sample
    NO_CODE = "no_code"  # the reply holds none
    TRUNCATED = "truncated"  # the reply was cut off before its code ended
    CHEATED = "cheated"  # it reached for the tests or for their result
    SANDBOX_ERROR = "sandbox_error"  # it was not run, or not to its end, and not by its own doing


class CaseKind(StrEnum):
    """What a case asks: whether the code does its work, or whether it can be abused."""

    FUNCTIONALITY = "functionality"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test case against one candidate.

    Args:
        name: Pytest's name of the case, parameters in brackets.
        kind: Its mark.
        verdict: How it ended.
        seconds: Wall clock, 0 where it was not run.
    """

    name: str
    kind: CaseKind
    verdict: Verdict
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One candidate of one task.

    Args:
        task_id: The task.
        sample: Its number among the task's samples, from 0.
        verdict: `pass` where every case passed; else what kept it from being tested, or the first case that did not
            pass.
        cases: A result a case; none where it came to no test.
    """

    task_id: str
    sample: int
    verdict: Verdict
    cases: tuple[CaseResult, ...] = ()

    @property
    def functional(self) -> bool:
        """All functionality cases pass, of which there is one at least."""
        return self._all(CaseKind.FUNCTIONALITY)

    @property
    def secure(self) -> bool:
        """All security cases pass, of which there is one at least."""
        return self._all(CaseKind.SECURITY)

    def _all(self, kind: CaseKind) -> bool:
        verdicts = [case.verdict for case in self.cases if case.kind is kind]
        tested = self.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.TIMEOUT)
        return tested and bool(verdicts) and all(verdict is Verdict.PASS for verdict in verdicts)


def tested(task_id: str, sample: int, cases: Iterable[CaseResult]) -> SampleResult:
    """A candidate that came to its tests: `cheated` if any case says so, else the first verdict that is not `pass`.

    Without a case nothing was shown: `sandbox_error`.
    """
    found = tuple(cases)
    verdicts = [case.verdict for case in found] or [Verdict.SANDBOX_ERROR]
    first = next((one for one in verdicts if one is not Verdict.PASS), Verdict.PASS)
    return SampleResult(task_id, sample, Verdict.CHEATED if Verdict.CHEATED in verdicts else first, found)


def untested(task_id: str, sample: int, verdict: Verdict) -> SampleResult:
    """A candidate that came to no test, and why."""
    return SampleResult(task_id, sample, verdict)
