"""A row's prompt: a text, or a conversation that ends with the user's turn; how it is asked, quoted and trained on.

    talk = messages_of({"prompt": "Name a prime."})      # ({"role": "user", "content": "Name a prime."},)
    prompt, fields = asked(talk)                          # what a solver is given

A prompt is what the model is to answer, and later what it is trained on: it is sent as it is, turn by turn, and not
between marks. To the judge it is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from dikast.agents.models.request import Message
from dikast.agents.prompt import Prompt, load_prompt
from dikast.errors import DataError
from dikast.training.rows import alternates, as_conversation, is_conversation

ANSWER = "dno/answer"


def messages_of(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages of a row's `prompt`.

    Raises:
        DataError: It is neither a text nor a conversation in which user and assistant take turns, the user last; or it
            says nothing.
    """
    prompt = row["prompt"]
    talk = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if problem := problem_of_talk(talk):
        raise DataError(f"row {row.get('id', '')!r}: {problem}", field="prompt", hint=HINT)
    return cast(tuple[Message, ...], tuple(as_conversation(talk)))


HINT = "give a text, or a list of messages {role, content} that ends with the user's turn"


def problem_of_talk(talk: object) -> str:
    """What is wrong with a conversation that is to be answered; empty for nothing."""
    if not is_conversation(talk) or not talk:
        return "the prompt is neither a text nor a list of messages"
    messages = cast(Sequence[Mapping[str, str]], talk)
    if not all(message["content"].strip() for message in messages):
        return "the prompt is empty, or one of its messages is"
    return "" if alternates(messages, "user", "user") else "messages do not alternate, or the last is not the user's"


def asked(messages: Sequence[Message]) -> tuple[Prompt, dict[str, str]]:
    """The prompt file and its fields that say just these messages."""
    prompt = load_prompt(ANSWER)
    if [message["role"] for message in messages] == ["user"]:
        return prompt, {"prompt": messages[0]["content"]}
    fields = {f"turn_{number}": message["content"] for number, message in enumerate(messages)}
    turns = tuple((message["role"], f"{{{name}}}") for name, message in zip(fields, messages, strict=True))
    return replace(prompt, fields=frozenset(fields), sections=turns), fields


def as_text(messages: Sequence[Message]) -> str:
    """The conversation as one text, to be quoted."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"{message['role']}: {message['content']}" for message in messages)
