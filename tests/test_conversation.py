"""Conversations out of rows: what is one, which reply is looked at, what is refused with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dikast.conversation import is_plain, last_asked, read_messages, reply_of, turn_after
from dikast.errors import DataError
from dikast.row import Row


def row(value: object) -> Row:
    return Row(Path("p.jsonl"), 1, 3, {"response_1": value})


def said(*texts: str) -> list[Any]:
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]


def test_the_reply_of_a_turn_and_what_comes_before_it() -> None:
    messages = read_messages(row(said("a?", "A", "b?", "B")), "response_1")
    before, reply = reply_of(row(None), "response_1", messages, None)
    assert (before, reply, last_asked(before), turn_after(before)) == (said("a?", "A", "b?"), "B", "b?", 2)
    first, reply = reply_of(row(None), "response_1", messages, 1)
    assert (first, reply, is_plain(first), is_plain(before)) == (said("a?"), "A", True, False)


def test_text_parts_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    [message] = read_messages(row([{"role": "user", "content": parts, "name": "x"}]), "response_1")
    assert message == {"role": "user", "content": "a\nb"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "not a list of messages"),
        ("text", "not a list of messages: 'text'"),
        (["text"], "message 1 has the role None"),
        ([*said("a?"), {"role": "tool", "content": "x"}], "message 2 has the role 'tool'"),
        ([{"role": "user", "content": None}], "message 1 has no text"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}], "message 1 has no text"),
    ],
)
def test_what_is_no_conversation_is_told(value: object, message: str) -> None:
    with pytest.raises(DataError, match=rf"p\.jsonl:3: field 'response_1': {message}"):
        read_messages(row(value), "response_1")


@pytest.mark.parametrize(
    ("messages", "turn", "message"),
    [
        (said("a?"), None, "no reply of turn 0: the assistant replies 0 times"),
        (said("a?", "A"), 2, "no reply of turn 2: the assistant replies 1 times"),
        (said("a?", "A")[1:], None, "no message of the user's before the reply"),
    ],
)
def test_a_reply_that_there_is_not_is_told(messages: list[Any], turn: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        reply_of(row(None), "response_1", messages, turn)
