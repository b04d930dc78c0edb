"""Runs with revisions beside runs with given references, against counts by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.errors import DataError, UsageError
from dikast.evaluation.nearness import token_f1
from dikast.graphs.reviseval.references import FARTHER, JUDGED, NEARER, as_json, figures_of, gather, page_of
from dikast.graphs.reviseval.results import JudgedRun
from dikast.pages import markdown


def row(n: int, kind: str, text: str, winner: str | None, **given: Any) -> dict[str, Any]:
    reference = {"kind": kind, "text": text, "outcome": "ok" if text else "empty", "diagnosis": None}
    asked = {"id": f"p{n}", "instruction": f"q{n}", "response_1": "a b", "response_2": "c d", "gold": "1"}
    output = {"winner": winner, "ab": winner, "ba": winner, "votes": [], "references": [reference]}
    return {"row": n, "input": {**asked, **given}, "output": output, "outcome": "ok"}


def runs(*more: dict[str, Any]) -> tuple[JudgedRun, JudgedRun]:
    """Revised from response 1; the given reference is as near to either. The judge is right with the revisions."""
    adapted = [row(n, "revision", "a b" if n % 2 else "a c", "1") for n in range(4)]
    human = [row(n, "given", "a c", "1" if n == 0 else "2", reference="a c") for n in range(4)]
    return JudgedRun("mine", [*adapted, *more], {}), JudgedRun("theirs", human, {})


def test_the_judge_is_compared_on_the_same_pairs_and_by_nearness() -> None:
    both = gather(*runs())
    found = {(one.measure, one.what): one for one in figures_of(both, {"token-f1": token_f1}, "strict")}
    judged = found["judge", JUDGED]
    assert (judged.n, judged.adapted, judged.given, judged.difference.value) == (4, 1.0, 0.25, 0.75)
    # The mean nearness is the same everywhere: nobody gains more than the middle.
    assert ("judge, by token-f1", f"{JUDGED}, {NEARER}") not in found
    assert found["judge, by token-f1", f"{JUDGED}, {FARTHER}"].n == 4


def test_the_halves_by_gained_nearness() -> None:
    adapted, human = runs()
    for place in (0, 2):
        adapted.rows[place]["output"]["references"][0]["text"] = "x"
    both = gather(adapted, human)
    found = {one.what: one for one in figures_of(both, {"token-f1": token_f1}, "strict") if one.measure != "token-f1"}
    # p1 and p3 have a revision as near as the given text, p0 and p2 one that is nowhere near.
    assert [(one.n, one.given) for one in (found[f"{JUDGED}, {NEARER}"], found[f"{JUDGED}, {FARTHER}"])] == [
        *((2, 0.0), (2, 0.5))
    ]


def test_one_run_with_both_references_is_enough_for_nearness() -> None:
    adapted = [row(n, "revision", "a b", None, reference="c d") for n in range(3)]
    both = gather(JudgedRun("mine", adapted, {}))
    assert (len(both.trios), both.verdicts, both.trios[0].given) == (3, {}, "c d")
    figures = figures_of(both, {"token-f1": token_f1}, "strict")
    assert [one.measure for one in figures] == ["token-f1"] * 6
    assert (figures[-1].adapted, figures[-1].given) == (1.0, 0.0)
    assert as_json(both, figures)["pairs"] == 3
    assert "3 of 3 pairs have an adapted and a given reference" in markdown(page_of(both, figures))


def test_what_is_left_out_is_counted_by_reason() -> None:
    failed, extra = row(7, "revision", "", None), row(8, "revision", "a b", "1")
    adapted, human = runs(failed, extra)
    both = gather(adapted, human)
    assert (len(both.trios), both.asked) == (4, 6)
    assert both.left_out == {"not in the run with given references": 2}
    alone = [row(1, "revision", "a b", "1", reference="x"), row(2, "revision", "a b", "1"), failed]
    assert gather(JudgedRun("mine", alone, {})).left_out == {"no given reference": 1, "no revision could be made": 1}
    assert "Left out: no given reference: 1" in markdown(page_of(gather(JudgedRun("mine", alone, {})), []))


def test_runs_that_cannot_be_compared_are_refused() -> None:
    adapted, human = runs()
    with pytest.raises(UsageError, match="theirs has no response-adapted reference"):
        gather(human)
    with pytest.raises(UsageError, match="mine judged by no given reference"):
        gather(adapted, adapted)
    human.rows[2]["input"]["response_2"] = "other"
    with pytest.raises(DataError, match="row 2: field 'response_2': not what the other run has"):
        gather(adapted, human)
    with pytest.raises(DataError, match=r"no pair has both references \(no given reference: 4\)"):
        gather(adapted)
