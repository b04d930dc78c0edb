from __future__ import annotations

from typing import Any

from dikast.graphs.hidden_tables.story import story
from dikast.pages import Text


def draft(sample: int, program: str, reason: str = "") -> dict[str, Any]:
    outcome = "unparsed" if reason else "ok"
    return {"turn": 0, "round": 0, "sample": sample, "program": program, "outcome": outcome, "reason": reason}


def review(sample: int, approved: bool | None, remark: str, outcome: str = "ok") -> dict[str, Any]:
    return {
        "turn": 0,
        "round": 0,
        "sample": sample,
        "approved": approved,
        "remark": remark,
        "outcome": outcome,
        "reason": "",
    }


ROUND: dict[str, Any] = {
    "turn": 0,
    "round": 0,
    "executions": [{"sample": 0, "status": "ok", "code": "", "group": 1}],
    "chosen": 0,
    "feedback": "",
    "bits": 0.0,
}
TURN: dict[str, Any] = {
    "question": "how many?",
    "schema": "a table",
    "status": "ok",
    "correct": True,
    "answer": None,
    "reason": "",
}
OUTPUT: dict[str, Any] = {
    "tier": "landlock",
    "bits": 1.5,
    "turns": [TURN],
    "rounds": [ROUND],
    "drafts": [draft(0, "answer = 1")],
    "reviews": [],
}


def texts(**changed: Any) -> list[tuple[str, str]]:
    parts = story({"output": {**OUTPUT, **changed}}).parts
    return [(part.label, part.text) for part in parts if isinstance(part, Text)]


def test_a_game_is_told_turn_by_turn() -> None:
    assert story({"output": OUTPUT}).title == "sandbox: landlock; the Solver learnt at most 1.5 bits by feedback"
    assert texts() == [
        ("", "question 1: how many?"),
        ("schema", "a table"),
        ("round 1, program 1 (ran: ok, answer group 1, chosen)", "answer = 1"),
        ("end", "ok, answer right"),
    ]


def test_a_program_that_was_not_run_says_why() -> None:
    round_: dict[str, Any] = {**ROUND, "executions": [], "chosen": None, "feedback": "no_code", "bits": 2.0}
    found = texts(rounds=[round_], drafts=[draft(1, "", "no code in it")])
    assert found[2:5] == [
        ("round 1, program 2 (not run)", "(none)"),
        ("unparsed", "no code in it"),
        ("told", "no_code, 2 bits"),
    ]


def test_a_critics_word_is_told_of_its_own_program() -> None:
    drafts = [draft(0, "p0"), draft(1, "p1"), draft(2, "p2")]
    reviews = [review(0, True, ""), review(1, False, "too slow"), review(2, None, "", "timeout")]
    labels = texts(drafts=drafts, reviews=reviews)
    assert [(label, text) for label, text in labels if label.startswith("critic")] == [
        ("critic approves", "-"),
        ("critic objects", "too slow"),
        ("critic said nothing (timeout)", "-"),
    ]
    assert [label.split(" (")[0] for label, _ in labels[2:4]] == ["round 1, program 1", "critic approves"]


def test_the_end_tells_an_answer_only_where_the_record_has_one() -> None:
    assert texts(turns=[{**TURN, "correct": False, "answer": ["7", "8"]}])[-1] == ("end", "ok, answer wrong: 7, 8")
    assert texts(turns=[{**TURN, "status": "timeout", "correct": None, "reason": "2 s"}])[-1] == (
        "end",
        "timeout (2 s), answer not judged",
    )
