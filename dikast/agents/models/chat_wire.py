"""The OpenAI chat completions wire format, with vLLM's extra request fields: from a `Request`, to `Reply`s.

    body = to_body(request, "ORG/MODEL")
    replies = from_body(answer_bytes, request, "http://host:8000/v1")

Two dialects. `vllm`, the default: every decoding parameter is sent, since a parameter left out takes the value of the
model's own generation_config.json and not the neutral one; `choice`, `regex` and `grammar` go as `structured_outputs`.
`openai`: only what OpenAI's own API accepts. A JSON schema goes as `response_format` in both.

Not here: streaming, tools, images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError

from dikast.agents.models.request import Reply, Request, Structured, TokenLogprob
from dikast.errors import ModelError, UsageError
from dikast.http.server_errors import excerpt

Dialect = Literal["vllm", "openai"]
WHOLE_VOCABULARY = -1
"""`top_k` as vLLM, SGLang and llama.cpp write "all"."""
BROKEN_OFF = frozenset({"abort", "error"})
"""vLLM's finish reasons for a reply that it gave up in the middle."""


def to_body(
    request: Request, model: str, dialect: Dialect = "vllm", template: Mapping[str, Any] | None = None
) -> bytes:
    """The JSON body of a request.

    Args:
        request: What is asked.
        model: The name under which the server serves it.
        dialect: See above.
        template: Variables for the chat template, vLLM's `chat_template_kwargs`.

    Raises:
        UsageError: The dialect cannot say what the request asks for.
    """
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    body |= {"seed": sampling.seed} if sampling.seed is not None else {}
    body |= {"stop": sampling.stop} if sampling.stop else {}
    body |= {"n": request.n} if request.n != 1 else {}
    body |= {"logprobs": True, "top_logprobs": request.logprobs} if request.logprobs is not None else {}
    body |= {"chat_template_kwargs": dict(template)} if template else {}
    body |= vllm_only(request) if dialect == "vllm" else openai_only(request)
    body |= form(request.structured, dialect) if request.structured else {}
    return json.dumps(body, separators=(",", ":")).encode()


def vllm_only(request: Request) -> dict[str, Any]:
    """The decoding parameters that OpenAI's API does not have."""
    sampling = request.sampling
    return {"top_k": sampling.top_k or WHOLE_VOCABULARY, "repetition_penalty": sampling.repetition_penalty}


def openai_only(request: Request) -> dict[str, Any]:
    """Nothing, once it is sure that nothing is lost.

    Raises:
        UsageError: A parameter is set that OpenAI's API does not have.
    """
    sampling = request.sampling
    if sampling.top_k or sampling.repetition_penalty != 1.0:
        raise UsageError("top_k and repetition_penalty are not part of OpenAI's own API", hint="use ?dialect=vllm")
    return {}


def form(structured: Structured, dialect: Dialect) -> dict[str, Any]:
    """The fields that force a form.

    Raises:
        UsageError: The dialect lacks this form.
    """
    if structured.json_schema is not None:
        schema = {"name": "reply", "strict": True, "schema": structured.json_schema}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    if dialect == "openai":
        raise UsageError(
            f"{structured.form} is not part of OpenAI's own API", hint="use a JSON schema, or ?dialect=vllm"
        )
    return {"structured_outputs": structured.model_dump(mode="json", exclude_none=True)}


class _Part(BaseModel):
    """A part of an answer: unknown fields are left alone, since every server adds its own."""

    model_config = ConfigDict(extra="ignore")


class _Alternative(_Part):
    token: str
    logprob: FiniteFloat


class _Token(_Alternative):
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(_Part):
    content: list[_Token] | None = None


class _Message(_Part):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    """The same under its older name."""
    refusal: str | None = None


class _Choice(_Part):
    index: int | None = None
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _InputDetails(_Part):
    cached_tokens: int | None = None


class _OutputDetails(_Part):
    reasoning_tokens: int | None = None


class _Usage(_Part):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Completion(_Part):
    choices: list[_Choice]
    usage: _Usage | None = None


_COMPLETION = TypeAdapter(_Completion)


def from_body(content: bytes, request: Request, where: str) -> list[Reply]:
    """The replies in a server's answer, `request.n` of them.

    The API counts output tokens over all samples together; each reply gets its even share, so that sums are exact.
    Where a server reports no usage the counts are 0.

    Args:
        content: The body of a 200 answer.
        request: What was asked.
        where: The server, for messages.

    Raises:
        ModelError: The body is no chat completion, lacks what was asked for, or was broken off by the server.
    """
    try:
        completion = _COMPLETION.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        told = f"{field}: {first['msg']}" if field else first["msg"]
        # Not chained: pydantic's own message repeats what came, at any length.
        raise ModelError(f"{where}: not a chat completion: {told}: {shown(content)}") from None
    choices = completion.choices
    if len(choices) != request.n:
        raise ModelError(f"{where}: asked for {request.n} replies, got {len(choices)}: {shown(content)}")
    choices.sort(key=lambda choice: choice.index or 0)
    usage = completion.usage or _Usage()
    return [_reply(choice, usage, place, request, where) for place, choice in enumerate(choices)]


def _reply(choice: _Choice, usage: _Usage, place: int, request: Request, where: str) -> Reply:
    message = choice.message
    text = message.content or ""
    if choice.finish_reason in BROKEN_OFF:
        raise ModelError(f"{where}: the server broke the reply off (finish reason {choice.finish_reason!r})")
    _check_choice(text, choice.finish_reason, request.structured, where)
    inputs, outputs = usage.prompt_tokens_details, usage.completion_tokens_details
    return Reply(
        text=text,
        finish_reason=choice.finish_reason or "unknown",
        input_tokens=usage.prompt_tokens,
        output_tokens=share(usage.completion_tokens, request.n, place),
        reasoning=message.reasoning or message.reasoning_content or "",
        refusal=message.refusal or "",
        logprobs=_logprobs(choice, request, where),
        reasoning_tokens=share(outputs.reasoning_tokens if outputs else 0, request.n, place),
        prefix_cached_tokens=(inputs.cached_tokens if inputs else 0) or 0,
    )


def share(total: int | None, n: int, place: int) -> int:
    """The even share of one of n replies; the first ones get what does not divide."""
    whole, rest = divmod(total or 0, n)
    return whole + (place < rest)


def _check_choice(text: str, finish_reason: str | None, structured: Structured | None, where: str) -> None:
    """Some servers ignore fields that they do not know; for a choice that is cheap to see."""
    choices = structured.choice if structured else None
    if choices and finish_reason == "stop" and text not in choices:
        hint = "does this server know vLLM's structured_outputs?"
        raise ModelError(f"{where}: the reply is none of the choices: {excerpt(text)!r}", hint=hint)


def _logprobs(choice: _Choice, request: Request, where: str) -> tuple[TokenLogprob, ...] | None:
    if request.logprobs is None:
        return None
    content = choice.logprobs.content if choice.logprobs else None
    if content is None and choice.message.content:
        raise ModelError(f"{where}: the server gave no log-probabilities", hint="ask for none, or use another server")
    return tuple(
        TokenLogprob(entry.token, entry.logprob, tuple((top.token, top.logprob) for top in entry.top_logprobs or ()))
        for entry in content or ()
    )


def shown(content: bytes) -> str:
    """The start of a body, on one line, for messages."""
    return excerpt(repr(content[:1000].decode("utf-8", "replace"))) or "nothing"
