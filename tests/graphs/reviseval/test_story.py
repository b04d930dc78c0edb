from __future__ import annotations

from typing import Any

from dikast.graphs.reviseval.story import story
from dikast.pages import Table, Text

DIAGNOSIS: dict[str, Any] = {
    "edit_distance": 0.25,
    "kept": 0.7,
    "unchanged": False,
    "copies_guide": True,
    "nearer_to_guide": True,
    "added_entities": ["Paris", "7"],
}
REFERENCE: dict[str, Any] = {
    "kind": "revision",
    "primary": "1",
    "text": "two",
    "diagnosis": DIAGNOSIS,
    "outcome": "ok",
    "reason": "",
}
JUDGEMENT: dict[str, Any] = {
    "judge": 0,
    "reference": 0,
    "order": "ba",
    "synthesis": True,
    "verdict": "1",
    "score": None,
    "preference": 0.25,
    "outcome": "ok",
    "reason": "",
}
PAIR: dict[str, Any] = {
    "input": {"response_1": "a", "response_2": "b"},
    "output": {
        "winner": "1",
        "score": None,
        "ab": "1",
        "ba": None,
        "references": [REFERENCE],
        "judgements": [JUDGEMENT],
    },
}


def test_a_verdict_is_told_with_both_orders() -> None:
    assert story(PAIR).title == "verdict: 1; in each order: 1, none"
    assert story({**PAIR, "output": {**PAIR["output"], "winner": None}}).title.startswith("verdict: none;")


def test_a_score_is_told_zero_as_well_and_no_score_is_not_zero() -> None:
    judged = {**JUDGEMENT, "verdict": None, "score": 0.0, "order": "one", "synthesis": False, "reference": None}
    output = {**PAIR["output"], "winner": None, "score": 0.0, "references": [], "judgements": [judged]}
    page = story({"input": {"response": "a"}, "output": output})
    [table] = page.parts
    assert isinstance(table, Table)
    assert (page.title, table.rows) == ("score: 0", ((1, None, "one", "0", "0.250", "ok"),))
    assert story({"input": {"response": "a"}, "output": {**output, "score": None}}).title == "score: none"


def test_references_are_told_with_what_the_reviser_did() -> None:
    texts = [(part.kind, part.text) for part in story(PAIR).parts if isinstance(part, Text)]
    assert texts == [
        ("heading", "reference 1: revision, ok of response 1"),
        (
            "paragraph",
            "0.25 of its words edited, 0.70 kept; copies guide; nearer to guide; names and numbers added: Paris, 7",
        ),
        ("quote", "two"),
    ]


def test_a_reference_that_was_not_made_says_why() -> None:
    missing = {**REFERENCE, "text": "", "diagnosis": None, "primary": None, "outcome": "timeout", "reason": "3 s"}
    page = story({**PAIR, "output": {**PAIR["output"], "references": [missing], "judgements": []}})
    assert [part.text for part in page.parts if isinstance(part, Text)] == ["reference 1: revision, timeout (3 s)"]


def test_judgements_are_told() -> None:
    [table] = [part for part in story(PAIR).parts if isinstance(part, Table)]
    assert table.rows == ((1, 1, "ba, after a conflict", "1", "0.250", "ok"),)
