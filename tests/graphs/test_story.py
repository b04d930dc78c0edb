from __future__ import annotations

from typing import Any

from dikast.graphs.story import tell
from dikast.pages import Page, Text, markdown

CALL: dict[str, Any] = {
    "role": "solver",
    "messages": [{"role": "user", "content": "two\nlines"}],
    "reply": "done",
    "reasoning": "",
    "outcome": "ok",
    "reason": "",
    "usage": {"calls": 1, "input_tokens": 12},
    "provenance": {"model": "m", "prompt": "p@1", "seed": 0, "sample": 2, "finish_reason": "stop", "cached": True},
}
ROW: dict[str, Any] = {
    "row": 3,
    "key": "abc",
    "input": {"id": "é"},
    "output": {"answer": 1},
    "outcome": "ok",
    "reason": "",
    "seconds": 1.234,
    "calls": [CALL],
    "usage": {"solver": {"calls": 1, "input_tokens": 12}},
}


def told(page: Page) -> list[tuple[str, str, str]]:
    return [(part.kind, part.label, part.text) for part in page.parts if isinstance(part, Text)]


def test_a_row_is_told_around_its_methods_own_page() -> None:
    page = tell(ROW, lambda row: Page("verdict", (Text(str(row["output"]["answer"])),)))
    assert page.title == "row 3, key abc, outcome ok"
    assert told(page) == [
        ("paragraph", "input", '{"id": "é"}'),
        ("heading", "", "verdict"),
        ("paragraph", "", "1"),
        ("heading", "", "conversation"),
        ("heading", "", "[1] solver, m, p@1, sample 2, from the cache"),
        ("quote", "user", "two\nlines"),
        ("quote", "reply", "done"),
        ("note", "", "finish reason stop, seed 0; 1 calls, 12 input tokens"),
        ("heading", "", "spent: 1.23 s"),
        ("paragraph", "solver", "1 calls, 12 input tokens"),
    ]


def test_a_row_of_a_cluster_tells_which_worker_did_it() -> None:
    assert ("heading", "", "spent: 1.23 s, by worker node2/77") in told(tell({**ROW, "worker": "node2/77"}, None))


def test_a_failed_row_tells_why_and_where() -> None:
    call = {**CALL, "reply": "", "reasoning": "hm", "outcome": "timeout", "reason": "after 3 s"}
    row = {**ROW, "output": None, "outcome": "error", "reason": "a bug", "calls": [call], "trace": "Traceback ..."}

    def refuse(row: object) -> Page:
        raise AssertionError(f"asked about a row without an output: {row}")

    page = tell(row, refuse)
    assert page.title == "row 3, key abc, outcome error (a bug)"
    assert {
        ("quote", "", "null"),
        ("quote", "reasoning", "hm"),
        ("quote", "reply", "none: timeout (after 3 s)"),
        ("quote", "trace", "Traceback ..."),
    } <= set(told(page))


def test_a_graph_without_a_story_has_its_output_as_json() -> None:
    assert ("quote", "", '{\n  "answer": 1\n}') in told(tell(ROW, None))


def test_what_a_model_said_is_drawn_as_said_and_inert() -> None:
    page = tell({**ROW, "calls": [{**CALL, "reply": "# no heading\n\x1b[2J"}]}, None)
    assert "**reply**\n\n```\n# no heading\n⟨U+001B⟩[2J\n```" in markdown(page)


def test_a_long_message_is_told_once() -> None:
    prompt = {"role": "system", "content": "Answer by writing Python. " * 10}
    calls = [{**CALL, "messages": [prompt, {"role": "user", "content": turn}]} for turn in ("one", "two", "one")]
    page = tell({**ROW, "calls": calls}, None)
    said = [
        (text.label, text.text) for text in page.parts if isinstance(text, Text) and text.label in ("system", "user")
    ]
    assert [text for label, text in said if label == "system"] == [prompt["content"], "as in [1]", "as in [1]"]
    assert [text for label, text in said if label == "user"] == ["one", "two", "one"]
