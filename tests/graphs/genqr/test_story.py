from __future__ import annotations

from typing import Any

from dikast.graphs.genqr.story import story
from dikast.pages import Table, Text


def reformulation(index: int, keywords: list[str], reason: str = "") -> dict[str, Any]:
    outcome = "unparsed" if reason else "ok"
    return {"index": index, "instruction": f"i{index}", "keywords": keywords, "outcome": outcome, "reason": reason}


OUTPUT: dict[str, Any] = {
    "feedback": [],
    "reformulations": [reformulation(0, ["a", "b"]), reformulation(1, [], "no keyword")],
    "queries": [{"terms": {"a": 1.0, "b": 2.5}, "text": "b a"}],
    "baseline": [],
    "hits": [],
}


def tables(**changed: Any) -> dict[str, Table]:
    parts = story({"output": {**OUTPUT, **changed}}).parts
    return {part.title: part for part in parts if isinstance(part, Table)}


def texts(**changed: Any) -> list[tuple[str, str]]:
    parts = story({"output": {**OUTPUT, **changed}}).parts
    return [(part.label, part.text) for part in parts if isinstance(part, Text)]


def test_keywords_are_told_by_instruction_and_why_there_are_none() -> None:
    assert tables()["keywords by instruction"].rows == ((1, "i0", "ok", "a, b"), (2, "i1", "unparsed", "no keyword"))
    assert list(tables()) == ["keywords by instruction"]


def test_weighted_queries_are_told_by_weight_and_cut() -> None:
    assert texts() == [("weighted query 1 of 1", "b^2.5 a^1")]
    [(_, listed)] = texts(queries=[{"terms": {f"t{i}": 1.0 for i in range(33)}, "text": ""}])
    assert listed.endswith("t29^1 ... and 3 more terms")


def test_feedback_documents_are_told() -> None:
    looked_at = [
        {"docid": "d1", "used": True, "grade": 3, "reason": "on topic"},
        {"docid": "d2", "used": False, "grade": None, "reason": ""},
    ]
    found = tables(feedback=looked_at)["feedback documents"]
    assert found.rows == (("d1", True, 3, "on topic"), ("d2", False, None, ""))


def test_a_selection_is_told() -> None:
    candidates = [
        {"index": -1, "kept": True, "value": 0.123456, "outcome": "ok", "reason": ""},
        {"index": 1, "kept": False, "value": None, "outcome": "empty", "reason": "nothing"},
    ]
    assert tables(selection={"by": "judge", "candidates": candidates})["chosen by judge"].rows == (
        ("original query", True, "0.1235", "ok", ""),
        (2, False, None, "empty", "nothing"),
    )
    assert "chosen by resemblance" in tables(selection={"by": "", "candidates": []})


def test_single_replies_are_told_or_why_there_is_none() -> None:
    said = texts(
        plan={"text": "first\nthen", "reason": ""},
        refined={"text": "", "reason": "too long"},
        fluent={"text": "cars", "reason": ""},
    )
    assert said[0] == ("plan", "first\nthen")
    assert said[1:3] == [("refined to", "too long"), ("fluent query for people", "cars")]


def test_what_moved_is_told() -> None:
    before = [["same", 9.0], ["down", 8.0], ["up", 7.0], *([f"x{i}", 1.0] for i in range(8))]
    after = [["same", 9.0], ["up", 8.0], ["down", 7.0], ["new", 6.0]]
    found = tables(baseline=before, hits=after)["what moved among the top 10, before and after"]
    assert found.rows[:5] == (
        ("same", 1, 1, "="),
        ("up", 3, 2, "+1"),
        ("down", 2, 3, "-1"),
        ("new", None, 4, "in"),
        ("x0", 4, None, "out"),
    )
    assert len(found.rows) == 4 + 7  # x7 stands on place 11
