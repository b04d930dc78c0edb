"""What a server's error answer means, in our words: which exception, and what to do about it.

    raise explain(answer.status, answer.content, where="http://host:8000/v1", key="DIKAST_API_KEY")

Read: OpenAI's form (`{"error": {"message", "type", "code"}}`), vLLM's older and SGLang's flat one, FastAPI's `detail`,
and anything else as plain text. The texts recognised are those of vLLM, OpenAI, Azure, SGLang, llama.cpp, Ollama, LM
Studio, TGI, LiteLLM, Anthropic, Groq, Mistral, Cohere, Bedrock and Gemini.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

from dikast.errors import ModelContextOverflow, ModelError, ModelRefused, ModelTimeout, ModelUnavailable

OVERFLOW = re.compile(
    r"context[_ ](length|size|window)|contextwindow|maximum context|prompt is too long|input is too long"
    r"|too many (input |total )?tokens|token count .{0,40}exceeds|exceeds? the (available )?context"
    # vLLM, for a prompt that is too long by itself, and for one that leaves no room to reply.
    r"|maximum model length|max_model_len|max_tokens must be at least 1"
    # TGI, for the prompt alone, and with the reply.
    r"|`inputs` must have less than|`inputs` tokens \+ `max_new_tokens` must be",
    re.I,
)
FILTER = re.compile(r"content[_ ](filter|policy)|content management policy|safety system|ResponsibleAIPolicy", re.I)
SPENT = re.compile(rb"insufficient_quota|billing_hard_limit|credit balance is too low", re.I)
"""An account with no money left: no further attempt mends it."""
TIMED_OUT = frozenset({408, 504, 524})
"""The server, or a proxy before it, waited no longer (524 is Cloudflare's)."""
ADVICE = (
    (re.compile(r"tool[-_ ]call[-_ ]parser|enable-auto-tool-choice", re.I),
     "start the server with --enable-auto-tool-choice --tool-call-parser NAME"),
    (re.compile(r"chat[-_ ]template", re.I),
     "the model has no chat template: start the server with --chat-template FILE, or serve an instruction-tuned model"),
    (re.compile(r"unexpected endpoint", re.I), "no chat completions at this address: does it end in /v1?"),
    (re.compile(r"roles must alternate|system role|system message", re.I),
     "the model's chat template takes no system message, or no two of one role: serve it with another --chat-template"),
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
    if (status in (200, 400, 413, 422) or status >= 500) and is_overflow(everything):
        hint = "shorten the prompt, lower max_tokens, or serve the model with a longer context"
        return ModelContextOverflow(told, hint=hint, status=status)
    if status in (400, 403, 422) and FILTER.search(everything):
        return ModelRefused(told, status=status)
    if status in TIMED_OUT:
        return ModelTimeout(told, status=status)
    if status in (401, 403):
        return ModelUnavailable(told, hint=f"put the server's API key into {key}", status=status)
    if 300 <= status < 400:
        return ModelUnavailable(f"{where}: redirects (HTTP {status})", hint="write the final address", status=status)
    if is_spent(content):
        return ModelError(told, hint="the account has no credit left", status=status)
    hint = next((remedy for pattern, remedy in ADVICE if pattern.search(everything)), "")
    return ModelError(told, hint=hint, status=status)


def is_overflow(words: str) -> bool:
    """Whether a server says that prompt and reply do not fit into the model's context."""
    return OVERFLOW.search(words) is not None


def is_spent(content: bytes) -> bool:
    """Whether a server says that the account has no money left."""
    return SPENT.search(content) is not None


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
        return excerpt(error), f"{fields.get('error_type')}"
    inner = cast(dict[str, Any], error)
    message = inner.get("message") or inner.get("detail") or text
    return excerpt(message), f"{inner.get('code')} {inner.get('type')} {inner.get('param')}"


def excerpt(error: object) -> str:
    """An exception's text on one line, bounded."""
    return " ".join(str(error).split())[:EXCERPT_CHARACTERS]
