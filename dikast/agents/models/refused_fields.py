"""Which field of a request a server refused, and which option leaves it out.

advice(b'{"error": "`top_p` must be > 0.0 and < 1.0"}', body)    # "...: ?omit=top_p leaves it out"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dikast.agents.models.chat_wire import OMITTED
from dikast.http.answers import Answer
from dikast.http.server_errors import is_overflow, words_of

OTHER_BOUND = "max_completion_tokens"
REFUSING = frozenset({400, 422})
UNSUPPORTED = re.compile(r"unsupported|not supported|instead|deprecated|in favor of", re.I)
REMEDIES: Mapping[str, str] = {
    "response_format": "it cannot be held to a JSON schema: serve the model with vLLM, or ask without one",
    "structured_outputs": "it cannot be held to this form: serve the model with vLLM, or use a JSON schema",
    "chat_template_kwargs": "leave out ?template=",
    "top_logprobs": "it gives no alternatives: ask for fewer",
    "logprobs": "it gives no log-probabilities: ask for none",
    "stop": "ask without stop strings",
    "n": "ask for one sample at a time",
}
"""What to do about a refused field that no `omit` leaves out."""


def wants_other_bound(answer: Answer, body: bytes) -> bool:
    """Whether the server refuses `max_tokens` and asks for `max_completion_tokens` in its place."""
    if answer.status not in REFUSING or OTHER_BOUND.encode() not in answer.content or b'"max_tokens":' not in body:
        return False
    said = " ".join(words_of(answer.content))
    # vLLM names both where neither fits into the context.
    return UNSUPPORTED.search(said) is not None and not is_overflow(said)


def advise(content: bytes, body: bytes) -> str:
    """What to do about the fields that a refusal names; empty if it names none that was sent.

    Args:
        content: The refusal.
        body: The request, as JSON.
    """
    named = find_refused(content, json.loads(body))
    spared = [name for name in named if name in OMITTED]
    if spared:
        which = "one of them" if len(spared) > 1 else "it"
        return f"the server does not take {' and '.join(spared)}: ?omit={spared[-1]} leaves {which} out"
    return "; ".join(f"the server does not take {name}: {REMEDIES[name]}" for name in named)


def find_refused(content: bytes, sent: Mapping[str, Any]) -> list[str]:
    """The fields, among those sent, whose names stand in a refusal."""
    said = " ".join(words_of(content))
    fields = [name for name in (*OMITTED, *REMEDIES) if name in sent]
    # A lone "n" would be found in prose: only a quoted one is a name.
    patterns = {name: rf"\b{name}\b" if len(name) > 1 else rf"['\"`]{name}['\"`]" for name in fields}
    return [name for name in fields if re.search(patterns[name], said)]
