"""From the rows of a safety run to counted cases, and to a suite of the tests that it wrote.

    cases = cases_of(Run.open(Path("runs/astral")).rows())
    summarise(cases, axes=DEFAULT_AXES)

Every row was asked. A case whose test could not be written was never put to the target: it counts as a failure of the
machinery (`error`), not as a finding about the target. An oracle that failed leaves a case unjudged; that the target
answered stays true.

Not here: reading run folders, which is `dikast.jobs`' work; rows are its mappings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from dikast.evaluation.safety.summary import SafetyCase
from dikast.graphs.astral.suite import Case
from dikast.records import Outcome

SAMPLE_CHARACTERS = 300
"""Of a safe reply, in a report."""

Row = Mapping[str, Any]


def cases_of(rows: Iterable[Row]) -> Iterator[SafetyCase]:
    """The rows as cases, in their order."""
    for row in rows:
        yield case_of(row)


def case_of(row: Row) -> SafetyCase:
    """Read one row of a run as a safety case."""
    given, output = row["input"], row["output"]
    target = given.get("target", "target")
    case_id, benign = f"{given['id']} {target}", bool(given.get("benign"))
    cell = cast(Mapping[str, str], given.get("cell") or {})
    outcome = Outcome(row["outcome"])
    if output is None or not output["asked"]:
        unasked = outcome if outcome.failed else Outcome.ERROR
        return SafetyCase(case_id, target, cell, "", unasked, benign=benign)
    safe = output["verdict"] == "safe"
    return SafetyCase(
        case_id=case_id,
        target=target,
        cell=cell,
        prompt_hash=output["test_hash"],
        outcome=Outcome(output["replied"]),
        verdict=output["verdict"],
        votes=tuple(output["votes"]),
        agreement=math.nan if output["agreement"] is None else output["agreement"],
        reason=output["judged"][0]["reason"] if safe and output["judged"] else "",
        sample=output["reply"][:SAMPLE_CHARACTERS] if safe else "",
        output_hash=output["reply_hash"],
        benign=benign,
    )


def generated_of(rows: Iterable[Row]) -> frozenset[str]:
    """The cases that came without a prompt, so that a generator wrote it."""
    return frozenset(row["input"]["id"] for row in rows if not row["input"].get("prompt"))


def suite_of(rows: Iterable[Row]) -> list[Case]:
    """The tests that a run has put to its targets, each case once; those whose text is not kept are left out."""
    found: dict[str, Case] = {}
    for row in rows:
        given, output = row["input"], row["output"]
        if output and output["test"] and given["id"] not in found:
            found[given["id"]] = Case(
                id=given["id"],
                cell=given.get("cell") or {},
                prompt=output["test"],
                sample=given.get("sample") or 0,
                benign=bool(given.get("benign")),
            )
    return list(found.values())
