"""Conversations in users' rows: lists of messages, and which reply of one is looked at.

    messages = read_messages(row, "response_1")         # [{"role": "user", "content": "..."}, ...]
    before, reply = reply_of(row, "response_1", messages, turn=2)

Turns are counted from 1 by the assistant's replies. A message's text is a string, or the text parts of the OpenAI
format.

Not covered: images, audio, and calls of tools within messages; a row that has them is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

from typing_extensions import TypedDict

from dikast.row import Row

Role = Literal["system", "user", "assistant"]
NOTHING: Mapping[str, object] = {}


class Message(TypedDict):
    """One message of a conversation."""

    role: Role
    content: str


def read_messages(row: Row, field: str) -> list[Message]:
    """A list of messages.

    Raises:
        DataError: It is none, is empty, or one of them has another role or no text; says file, line and field.
    """
    value = row.value(field)
    if not isinstance(value, list) or not value:
        raise row.error(
            field, f"not a list of messages: {value!r:.60}", 'write [{"role": "user", "content": "..."}, ...]'
        )
    return [_message(row, field, place, one) for place, one in enumerate(cast(list[object], value), start=1)]


def _message(row: Row, field: str, place: int, value: object) -> Message:
    message: Mapping[str, object] = cast(dict[str, object], value) if isinstance(value, dict) else NOTHING
    role, content = message.get("role"), message.get("content")
    if role not in get_args(Role):
        raise row.error(field, f"message {place} has the role {role!r:.40}", f"roles are {', '.join(get_args(Role))}")
    if isinstance(content, list):
        content = _text_of(cast(list[object], content))
    if not isinstance(content, str):
        raise row.error(field, f"message {place} has no text", "give its content as text")
    return Message(role=cast(Role, role), content=content)


def _text_of(parts: Sequence[object]) -> str | None:
    """The text of parts that are all text."""
    found = [cast(Mapping[str, object], part) for part in parts if isinstance(part, dict)]
    texts = [part.get("text") for part in found if part.get("type") == "text"]
    if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
        return None
    return "\n".join(cast(list[str], texts))


def reply_of(row: Row, field: str, messages: Sequence[Message], turn: int | None) -> tuple[list[Message], str]:
    """What comes before a reply of the assistant's, and the reply.

    Args:
        row: The row, for errors.
        field: Where the messages stand.
        messages: The conversation.
        turn: Which reply, counted from 1; the last one without.

    Raises:
        DataError: There is no such reply, or no message of the user's before it.
    """
    replies = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    number = len(replies) if turn is None else turn
    if not 1 <= number <= len(replies):
        raise row.error(field, f"no reply of turn {number}: the assistant replies {len(replies)} times")
    before = list(messages[: replies[number - 1]])
    if not any(message["role"] == "user" for message in before):
        raise row.error(field, "no message of the user's before the reply", "give the whole conversation")
    return before, messages[replies[number - 1]]["content"]


def last_asked(before: Sequence[Message]) -> str:
    """The user's last message."""
    return next(message["content"] for message in reversed(before) if message["role"] == "user")


def is_plain(before: Sequence[Message]) -> bool:
    """Whether there is nothing but one message of the user's, so that it is no conversation but an instruction."""
    return len(before) < 2


def turn_after(before: Sequence[Message]) -> int:
    """The number of the reply that comes next."""
    return 1 + sum(message["role"] == "assistant" for message in before)
