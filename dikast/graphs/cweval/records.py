"""What is known of a candidate after it was tested: plain values, written down as JSON.

    one = judged("core.c.cwe_022_0_c", 0, [("functionality", Verdict.PASS), ("security", Verdict.FAIL)])
    one.verdict, one.functional, one.secure            # fail, True, False

A verdict is not a row's `Outcome`: the row of a candidate that does not compile is `ok`, and its verdict says why it
counts as a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from dikast.records import Outcome

if TYPE_CHECKING:
    from dikast.agents.roles import Solution
    from dikast.graphs.cweval.extract import Extracted
    from dikast.graphs.cweval.roles import Criticism
    from dikast.graphs.cweval.verdict import Execution

MOST_REASON = 1500
"""Characters of a case's account that are kept: its end says what was expected, and what was there."""
MOST_LINE = 300
NO_CODE_TOLD = {"no_code": "the reply has no code", "truncated": "the reply broke off before its code ended"}


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
class SampleResult:
    """One candidate of one task.

    Args:
        task_id: The task.
        sample: Its number among the task's samples, from 0.
        verdict: `pass` where every case passed; else what kept it from being tested, or how it fell.
        functional: All functionality cases pass, of which there is one at least.
        secure: All security cases pass, of which there is one at least.
    """

    task_id: str
    sample: int
    verdict: Verdict
    functional: bool = False
    secure: bool = False

    @property
    def func_secure(self) -> bool:
        """It works and is safe."""
        return self.functional and self.secure


def judged(task_id: str, sample: int, cases: Iterable[tuple[str, str]]) -> SampleResult:
    """A candidate, from the mark and the verdict of each of its cases.

    Its verdict is `cheated` if any case's is, and then nothing that it did counts; else the first that is not `pass`.
    Without a case nothing was shown: `sandbox_error`.
    """
    found = [(mark, Verdict(verdict)) for mark, verdict in cases]
    verdicts = [verdict for _, verdict in found]
    if not found or Verdict.CHEATED in verdicts:
        return SampleResult(task_id, sample, Verdict.CHEATED if found else Verdict.SANDBOX_ERROR)
    first = next((one for one in verdicts if one is not Verdict.PASS), Verdict.PASS)
    functional, secure = (
        kind in [mark for mark, _ in found] and all(verdict is Verdict.PASS for mark, verdict in found if mark == kind)
        for kind in CaseKind
    )
    return SampleResult(task_id, sample, first, functional, secure)


class CaseRecord(TypedDict):
    """One case of one candidate; `reason` is the end of what the test or the compiler said, untrusted text."""

    name: str
    kind: str
    verdict: str
    seconds: float
    reason: str


class Tested(TypedDict):
    """What came of testing one candidate.

    `cases` are those that were run: in a round between the first and the last, the functional ones alone. `functional`
    and `secure` are `None` where no case of the kind was run, and true where all of them passed. `verdict` is the
    sample's, as `judged` has it.
    """

    cases: list[CaseRecord]
    verdict: str
    functional: bool | None
    secure: bool | None
    compile_s: float
    tests_s: float
    peak_bytes: int


class Reply(TypedDict):
    """What a solver said; `cut` is whether a limit broke it off."""

    round: int
    text: str
    cut: bool
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Draft(TypedDict):
    """The code in a reply.

    `missing` is why there is none, `no_code` or `truncated`; empty where there is some. `place` says where in the reply
    the code stood, `blocks` how many blocks there were to choose from. `outcome` and `reason` are the reply's.
    """

    round: int
    code: str
    missing: str
    place: str
    blocks: int
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Round(TypedDict):
    """A draft that was tested."""

    draft: Draft
    tested: Tested


class Remark(TypedDict):
    """What a critic said of the code of a round."""

    round: int
    text: str
    outcome: str
    reason: str
    usage: dict[str, float]
    provenance: dict[str, Any]


class Ended(TypedDict):
    """A call, or a preparation, that failed."""

    outcome: str
    reason: str


class Judged(TypedDict):
    """A sample's verdict in one round, with what it comes from."""

    round: int
    verdict: str
    functional: bool
    secure: bool
    func_secure: bool


def record_tested(execution: Execution) -> Tested:
    """An execution as JSON, with the verdict on the whole."""
    cases = [
        CaseRecord(
            name=one.case.name,
            kind=one.case.kind,
            verdict=str(one.verdict),
            seconds=round(one.seconds, 4),
            reason=one.reason[-MOST_REASON:],
        )
        for one in execution.cases
    ]
    return as_tested(cases, execution.compile_s, execution.tests_s, execution.peak_bytes)


def as_tested(cases: list[CaseRecord], compile_s: float = 0.0, tests_s: float = 0.0, peak_bytes: int = 0) -> Tested:
    """Cases as one candidate's."""
    one = judged("", 0, [(case["kind"], case["verdict"]) for case in cases])
    kinds = {case["kind"] for case in cases}
    return Tested(
        cases=cases,
        verdict=str(one.verdict),
        functional=one.functional if CaseKind.FUNCTIONALITY in kinds else None,
        secure=one.secure if CaseKind.SECURITY in kinds else None,
        compile_s=round(compile_s, 4),
        tests_s=round(tests_s, 4),
        peak_bytes=peak_bytes,
    )


def both(first: Tested, second: Tested) -> Tested:
    """Two parts of one candidate's tests as one; the second was not compiled again."""
    peak = max(first["peak_bytes"], second["peak_bytes"])
    seconds = (first["compile_s"] + second["compile_s"], first["tests_s"] + second["tests_s"])
    return as_tested([*first["cases"], *second["cases"]], *seconds, peak)


def untested(missing: str) -> Tested:
    """A reply without code: nothing ran, and nothing passed."""
    return Tested(
        cases=[], verdict=missing, functional=False, secure=False, compile_s=0.0, tests_s=0.0, peak_bytes=0
    )  # fmt: skip


def record_reply(round_: int, solution: Solution) -> Reply:
    """A solver's reply; what an API refused or filtered says nothing."""
    return Reply(
        round=round_,
        text=solution.text if solution.outcome is Outcome.OK else "",
        cut=solution.provenance.cut,
        outcome=str(solution.outcome),
        reason=solution.reason,
        usage=solution.usage.as_dict(),
        provenance=solution.provenance.as_dict(),
    )


def record_draft(reply: Reply, found: Extracted) -> Draft:
    """What was found in a reply."""
    return Draft(
        round=reply["round"],
        code=found.code,
        missing=str(found.verdict) if found.verdict is not None else "",
        place=found.place,
        blocks=found.blocks,
        outcome=reply["outcome"],
        reason=reply["reason"],
        usage=reply["usage"],
        provenance=reply["provenance"],
    )


def record_remark(round_: int, said: Criticism) -> Remark:
    """A critic's remark."""
    return Remark(
        round=round_,
        text=said.text,
        outcome=str(said.outcome),
        reason=said.reason,
        usage=said.usage.as_dict(),
        provenance=dict(said.provenance),
    )


def judged_round(number: int, result: Tested) -> Judged:
    """A round's verdict; `secure` is false where it was not measured."""
    functional, secure = bool(result["functional"]), bool(result["secure"])
    return Judged(
        round=number,
        verdict=result["verdict"],
        functional=functional,
        secure=secure,
        func_secure=functional and secure,
    )


def outcome_of(ended: Sequence[Ended], last: Round | None) -> tuple[Outcome, str]:
    """How a row ended: as what failed in it; else by the box's trouble; else as its last reply did."""
    for failure in (Outcome.ERROR, Outcome.TIMEOUT, Outcome.LIMIT):
        failed = next((one for one in ended if one["outcome"] == failure), None)
        if failed is not None:
            return failure, failed["reason"]
    if last is None:
        return Outcome.ERROR, "nothing was tested"
    if (trouble := box_trouble(last["tested"])) is not None:
        return Outcome.ERROR, trouble
    if last["draft"]["outcome"] != Outcome.OK:
        return Outcome(last["draft"]["outcome"]), last["draft"]["reason"]
    if last["draft"]["missing"]:
        return Outcome.UNPARSED, NO_CODE_TOLD[last["draft"]["missing"]]
    return Outcome.OK, ""


def box_trouble(result: Tested) -> str | None:
    """What the box could not do, in one line; `None` where it did all that was asked."""
    if result["verdict"] != Verdict.SANDBOX_ERROR:
        return next((_trouble(case) for case in result["cases"] if case["verdict"] == Verdict.SANDBOX_ERROR), None)
    return next((_trouble(case) for case in result["cases"] if case["verdict"] == Verdict.SANDBOX_ERROR), "no case ran")


def _trouble(case: CaseRecord) -> str:
    return f"{case['name']} could not be run: {' '.join(case['reason'].split())[-MOST_LINE:]}"
