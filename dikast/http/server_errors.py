"""What a server's error answer means, in our words: which exception, and what to do about it.

    raise explain(answer.status, answer.content, where="http://host:8000/v1", key="DIKAST_API_KEY")

Read: OpenAI's form (`{"error": {"message", "type", "code"}}`), vLLM's older and SGLang's flat one, FastAPI's `detail`,
and anything else as plain text. The texts recognised are those of vLLM, OpenAI, SGLang and llama.cpp.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelUnavailable

OVERFLOW = re.compile(
    r"context[_ ]length|maximum context|context window|too many (input )?tokens|prompt is too long", re.I
)
FILTER = re.compile(r"content[_ ](filter|policy)|content management policy|safety system", re.I)
SERVER_OVERFLOW = re.compile(
    # llama.cpp; then vLLM for a prompt that is too long by itself, and for a prompt that leaves no room to reply.
    r"available context size|exceed_context_size|maximum model length|max_model_len|max_tokens must be at least 1",
    re.I,
)
ADVICE = (
    (re.compile(r"tool[-_ ]call[-_ ]parser|enable-auto-tool-choice", re.I),
     "start the server with --enable-auto-tool-choice --tool-call-parser NAME"),
    (re.compile(r"chat[-_ ]template", re.I),
     "the model has no chat template: start the server with --chat-template FILE, or serve an instruction-tuned model"),
    (re.compile(r"insufficient_quota", re.I), "the account has no credit left"),
    (re.compile(r"unrecognized|unsupported|unknown|extra inputs|not permitted", re.I),
     "if this is not a vLLM server, add ?dialect=openai to the spec"),
)  # fmt: skip
"""What a server's words mean for who runs it: pattern, remedy; the first that matches counts."""
EXCERPT_CHARACTERS = 300


def explain(status: int, content: bytes, *, where: str, key: str) -> ModelError:
    """The error for an answer that is not 200.

    Args:
        status: The HTTP status.
        content: The body.
        where: The server, for messages.
        key: Name of the environment variable that the API key is, or would be, read from.
    """
    words, codes = words_of(content)
    told = f"{where}: HTTP {status}: {words}"
    everything = f"{words} {codes}"
    if status in (400, 413, 422) and (OVERFLOW.search(everything) or SERVER_OVERFLOW.search(everything)):
        hint = "shorten the prompt, lower max_tokens, or serve the model with a longer context"
        return ModelContextOverflow(told, hint=hint, status=status)
    if status in (400, 403, 422) and FILTER.search(everything):
        return ModelRefused(told, status=status)
    if status in (401, 403):
        return ModelUnavailable(told, hint=f"put the server's API key into {key}", status=status)
    if 300 <= status < 400:
        return ModelUnavailable(f"{where}: redirects (HTTP {status})", hint="write the final address", status=status)
    hint = next((remedy for pattern, remedy in ADVICE if pattern.search(everything)), "")
    return ModelError(told, hint=hint, status=status)


def words_of(content: bytes) -> tuple[str, str]:
    """What the server says, on one bounded line, and its codes and types."""
    text = content.decode("utf-8", "replace")
    try:
        said: Any = json.loads(text)
    except (ValueError, RecursionError):
        return excerpt(text) or "no words", ""
    if not isinstance(said, dict):
        return excerpt(text), ""
    fields = cast(dict[str, Any], said)
    error = fields.get("error", fields)
    if not isinstance(error, dict):
        return excerpt(error), ""
    inner = cast(dict[str, Any], error)
    message = inner.get("message") or inner.get("detail") or text
    return excerpt(message), f"{inner.get('code')} {inner.get('type')}"


def excerpt(error: object) -> str:
    """An exception's text on one line, bounded."""
    return " ".join(str(error).split())[:EXCERPT_CHARACTERS]
