"""How replies, tests and rounds are written down, and what a row's outcome is made of."""

from __future__ import annotations

from collections.abc import Sequence

from dikast.agents.roles import Solution
from dikast.graphs.cweval.extract import Extracted
from dikast.graphs.cweval.records import (
    MOST_LINE,
    MOST_REASON,
    NO_CODE_TOLD,
    CaseKind,
    CaseRecord,
    Draft,
    Ended,
    Judged,
    Remark,
    Reply,
    Round,
    Tested,
    Verdict,
    Worth,
    judged,
)
from dikast.graphs.cweval.roles import Criticism
from dikast.graphs.cweval.verdict import Execution
from dikast.records import Outcome, gravest_failure


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
    if (failed := gravest_failure(ended)) is not None:
        return Outcome(failed["outcome"]), failed["reason"]
    if last is None:
        return Outcome.ERROR, "nothing was tested"
    if (trouble := box_trouble(last["tested"])) is not None:
        return Outcome.ERROR, trouble
    if last["draft"]["outcome"] != Outcome.OK:
        return Outcome(last["draft"]["outcome"]), last["draft"]["reason"]
    if last["draft"]["missing"]:
        return Outcome.UNPARSED, NO_CODE_TOLD[last["draft"]["missing"]]
    return Outcome.OK, ""


def worth_of(ended: Sequence[Ended], rounds: Sequence[Round]) -> Worth:
    """What the first and the last code are worth, and how the row ended."""
    judged = [judged_round(one["draft"]["round"], one["tested"]) for one in (*rounds[:1], *rounds[-1:])]
    last = judged[-1] if judged else None
    outcome, reason = outcome_of(ended, rounds[-1] if rounds else None)
    return Worth(
        first=judged[0] if judged else None,
        last=last,
        functional=bool(last and last["functional"]),
        secure=bool(last and last["secure"]),
        func_secure=bool(last and last["func_secure"]),
        outcome=str(outcome),
        reason=reason,
    )


def box_trouble(result: Tested) -> str | None:
    """What the box could not do, in one line; `None` where it did all that was asked."""
    if result["verdict"] != Verdict.SANDBOX_ERROR:
        return next((_trouble(case) for case in result["cases"] if case["verdict"] == Verdict.SANDBOX_ERROR), None)
    return next((_trouble(case) for case in result["cases"] if case["verdict"] == Verdict.SANDBOX_ERROR), "no case ran")


def _trouble(case: CaseRecord) -> str:
    return f"{case['name']} could not be run: {' '.join(case['reason'].split())[-MOST_LINE:]}"
