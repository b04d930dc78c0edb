"""What a critic and a solver are told of code that failed: functional cases alone.

Security cases reach no prompt: neither their names, nor what they said, nor whether they passed. A middle round does
not even run them.
"""

from __future__ import annotations

from dikast.graphs.cweval.records import NO_CODE_TOLD, CaseKind, CaseRecord, Round, Verdict

MOST_CASES = 6
"""Failed cases that are told with what they said; the others by their names."""
MOST_CHARACTERS = 800
"""The end of what a case said."""
PYTESTS_OWN = ("E", ">")
"""How lines begin in which pytest says what failed, and where. Others quote the test file, whose lists of parameters
may hold security cases; they are left out."""


def failures_of(one: Round) -> str:
    """The functional cases that a round's code failed, as text."""
    if one["draft"]["missing"]:
        return f"nothing could be tested: {NO_CODE_TOLD[one['draft']['missing']]}"
    failed = [
        case
        for case in one["tested"]["cases"]
        if case["kind"] == CaseKind.FUNCTIONALITY and case["verdict"] != Verdict.PASS
    ]
    told: dict[str, list[CaseRecord]] = {}
    for case in failed:
        told.setdefault(said_by(case), []).append(case)
    parts = [
        f"{', '.join(case['name'] for case in cases)}: {cases[0]['verdict']}" + (f"\n{said}" if said else "")
        for said, cases in list(told.items())[:MOST_CASES]
    ]
    rest = [case["name"] for cases in list(told.values())[MOST_CASES:] for case in cases]
    return "\n\n".join([*parts, *([f"failed, too: {', '.join(rest)}"] if rest else [])])


def said_by(case: CaseRecord) -> str:
    """The end of what a case said, or the compiler, which has seen no test."""
    lines = case["reason"].strip().splitlines()
    if case["verdict"] != Verdict.COMPILE_ERROR:
        lines = [line for line in lines if line.startswith(PYTESTS_OWN)] or lines[-1:]
    return "\n".join(lines)[-MOST_CHARACTERS:]
