"""No text can end its own turn: the texts of control tokens in messages, such as `<|im_end|>`, are broken in two.

    history = marked(messages, ("<|im_start|>", "<|im_end|>"))
    prompt = template(history)
    tokens = [token for piece in prompt.split(BREAK) for token in encode(piece)]

The model gets the same characters, and none of them as the control token.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import lru_cache

from dikast.agents.models.request import Message

BREAK = f"\ue000{secrets.token_hex(8)}\ue001"
"""Marks, in a rendered prompt, where a control token in a message's text is to be broken; no text can know it."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What UTF-8 cannot hold; a JSON text can bring one."""


def marked(messages: Sequence[Message], controls: tuple[str, ...]) -> list[dict[str, str]]:
    """Messages in whose texts each control token has `BREAK` after its first character; lone surrogates are U+FFFD."""
    pattern = _pattern(controls)
    return [{"role": message["role"], "content": _marked(message["content"], pattern)} for message in messages]


def pieces_of(text: str, controls: tuple[str, ...]) -> list[str]:
    """A text in pieces that are to be tokenised one by one: no control token is whole in any of them."""
    return _marked(text, _pattern(controls)).split(BREAK)


@lru_cache
def _pattern(texts: tuple[str, ...]) -> re.Pattern[str] | None:
    # A lookahead finds overlapping ones too; each is broken after its first character.
    return re.compile(f"(?=({'|'.join(map(re.escape, texts))}))(.)", re.DOTALL) if texts else None


def _marked(text: str, controls: re.Pattern[str] | None) -> str:
    text = LONE_SURROGATE.sub("\ufffd", text)
    return controls.sub(lambda match: match[2] + BREAK, text) if controls else text
