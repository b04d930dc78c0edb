"""The OpenAI chat completions wire format, with vLLM's extra request fields: from a `Request`, to `Reply`s.

    body = to_body(request, "ORG/MODEL")
    replies = from_body(answer_bytes, request, "http://host:8000/v1")

Three dialects. `any`, the default: `max_tokens`, `temperature`, and those of the other decoding parameters that change
something, since servers refuse fields that they do not know, some fields together, some neutral values. `vllm`: every
parameter, since for one left out vLLM takes the value of the model's own generation_config.json. `openai`: as `any`,
and what OpenAI's own API does not have is refused here. `choice`, `regex` and `grammar` go as vLLM's
`structured_outputs`; a JSON schema goes as `response_format` in all three.

Not here: streaming, tools, images.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast

from yarl import URL

from dikast.agents.models.chat_reply import (
    BrokenReply,
    count_of,
    ids_in,
    mapping,
    mend_text,
    said_in,
    text_or_none,
    token_of,
)
from dikast.agents.models.finish_reasons import finish_reason
from dikast.agents.models.request import Reply, Request, Sampling, Structured, TokenLogprob
from dikast.errors import ModelError, UsageError
from dikast.http.answers import Answer
from dikast.http.server_errors import excerpt, words_of

Dialect = Literal["any", "vllm", "openai"]
Bound = Literal["max_tokens", "max_completion_tokens"]
"""The two names of the reply's bound: OpenAI's reasoning models refuse the first, older servers the second."""
OMITTED = ("max_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed")
"""What can be left out of every request, for servers that refuse it."""
WHOLE_VOCABULARY = -1
"""`top_k` as vLLM, SGLang and llama.cpp write "all"."""
BROKEN_OFF = frozenset({"abort", "error"})
"""vLLM's finish reasons for a reply that it gave up in the middle."""


def to_body(
    request: Request,
    model: str,
    dialect: Dialect = "any",
    template: Mapping[str, Any] | None = None,
    omitted: Collection[str] = (),
    bound: Bound = "max_tokens",
) -> bytes:
    """The JSON body of a request.

    Args:
        request: What is asked.
        model: The name under which the server serves it.
        dialect: See above.
        template: Variables for the chat template, vLLM's `chat_template_kwargs`.
        omitted: Which of `OMITTED` to leave out, whatever was asked.
        bound: What the server calls the reply's bound.

    Raises:
        UsageError: The dialect cannot say what the request asks for.
    """
    if request.prefix or request.completion is not None:
        raise UsageError("a chat completion has no place for token ids", hint="see token_wire.py")
    if request.tokens and dialect == "openai":
        raise UsageError("token ids are not part of OpenAI's own API", hint="leave out ?dialect=openai")
    body: dict[str, Any] = {"model": model, "messages": request.messages}
    decoding = decoding_fields(request.sampling, every=dialect == "vllm")
    decoding = {name: value for name, value in decoding.items() if name not in omitted}
    check_dialect(decoding, dialect)
    body |= {bound if name == "max_tokens" else name: value for name, value in decoding.items()}
    body |= {"stop": request.sampling.stop} if request.sampling.stop else {}
    body |= {"n": request.n} if request.n != 1 else {}
    body |= {"logprobs": True, "top_logprobs": request.logprobs} if request.logprobs is not None else {}
    body |= {"return_token_ids": True} if request.tokens else {}
    body |= {"chat_template_kwargs": dict(template)} if template else {}
    body |= form(request.structured, dialect) if request.structured else {}
    return json.dumps(body, separators=(",", ":")).encode()


def decoding_fields(sampling: Sampling, *, every: bool) -> dict[str, Any]:
    """The decoding parameters to send: the reply's bound, the temperature, and what changes something, or every one.

    The temperature is always sent: 0, our default, is greedy, and servers' own defaults are not.
    """
    fields: dict[str, Any] = {"max_tokens": sampling.max_tokens, "temperature": sampling.temperature}
    fields |= {"top_p": sampling.top_p} if every or sampling.top_p != 1.0 else {}
    fields |= {"top_k": sampling.top_k or WHOLE_VOCABULARY} if every or sampling.top_k else {}
    if every or sampling.repetition_penalty != 1.0:
        fields["repetition_penalty"] = sampling.repetition_penalty
    return fields | ({"seed": sampling.seed} if sampling.seed is not None else {})


def check_dialect(decoding: Mapping[str, Any], dialect: Dialect) -> None:
    """Make sure that the dialect has these fields.

    Raises:
        UsageError: OpenAI's own API does not have one of them.
    """
    foreign = [name for name in ("top_k", "repetition_penalty") if name in decoding]
    if dialect == "openai" and foreign:
        hint = f"?omit={','.join(foreign)} leaves them out of every request"
        raise UsageError("top_k and repetition_penalty are not part of OpenAI's own API", hint=hint)


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
            f"{structured.form} is not part of OpenAI's own API", hint="use a JSON schema, or leave out ?dialect=openai"
        )
    return {"structured_outputs": structured.model_dump(mode="json", exclude_none=True)}


def from_body(content: bytes, request: Request, where: str) -> list[Reply]:
    """The replies in the body of a 200 answer; see `from_answer`."""
    return from_answer(Answer(URL(), 200, content), request, where)


def from_answer(answer: Answer, request: Request, where: str) -> list[Reply]:
    """The replies in a server's answer, `request.n` of them.

    The API counts output tokens over all samples together; each reply gets its even share, so that sums are exact.
    Where a server reports no usage the counts are 0.

    Args:
        answer: A 200 answer.
        request: What was asked.
        where: The server, for messages.

    Raises:
        BrokenReply: The body is no chat completion, or was broken off by the server.
        ModelError: It lacks what was asked for.
    """
    choices = choices_in(answer, where)
    if len(choices) != request.n:
        raise ModelError(f"{where}: asked for {request.n} replies, got {len(choices)}: {shown(answer.content)}")
    choices.sort(key=lambda choice: count_of(choice.get("index")))
    usage = mapping(answer.value.get("usage"))
    return [_reply(choice, usage, place, request, where) for place, choice in enumerate(choices)]


def choices_in(answer: Answer, where: str) -> list[Mapping[str, Any]]:
    """The choices of a chat completion, each with a message that the server brought to its end.

    Raises:
        BrokenReply: There are none.
    """
    given = mapping(answer.value).get("choices")
    if not isinstance(given, list) or not given:
        raise _not_completion(where, "choices: none" if mapping(answer.value) else "no JSON object", answer)
    choices = [mapping(choice) for choice in cast(list[object], given)]
    for place, choice in enumerate(choices):
        if choice.get("finish_reason") in BROKEN_OFF:
            words = words_of(json.dumps(choice).encode())[0] if "error" in choice else ""
            told = f"{where}: the server broke the reply off (finish reason {choice['finish_reason']!r})"
            raise BrokenReply(f"{told}: {words}" if words else told)
        if not isinstance(choice.get("message"), dict):
            raise _not_completion(where, f"choices.{place}.message: none", answer)
        try:
            said_in(choice["message"].get("content"))
        except TypeError as error:
            raise _not_completion(where, f"choices.{place}.message.content: {error}", answer) from None
    return choices


def _not_completion(where: str, told: str, answer: Answer) -> BrokenReply:
    page = answer.content.lstrip()[:1] == b"<"
    hint = "a web page: does the address end in /v1, and is the API there?" if page else ""
    return BrokenReply(f"{where}: not a chat completion: {told}: {shown(answer.content)}", hint=hint)


def _reply(choice: Mapping[str, Any], usage: Mapping[str, Any], place: int, request: Request, where: str) -> Reply:
    message = mapping(choice["message"])
    said = said_in(message.get("content"))
    text = mend_text("".join(said.text))
    thought = "".join(said.reasoning) or text_or_none(message.get("reasoning"))
    ended = finish_reason(choice.get("finish_reason"))
    _check_choice(text, ended, request.structured, where)
    inputs, outputs = mapping(usage.get("prompt_tokens_details")), mapping(usage.get("completion_tokens_details"))
    return Reply(
        text=text,
        finish_reason=mend_text(ended),
        input_tokens=count_of(usage.get("prompt_tokens")),
        output_tokens=split_evenly(count_of(usage.get("completion_tokens")), request.n, place),
        reasoning=mend_text(thought or text_or_none(message.get("reasoning_content"))),
        refusal=mend_text("".join(said.refusal) or text_or_none(message.get("refusal"))),
        logprobs=_logprobs(choice, text, request, where),
        reasoning_tokens=split_evenly(count_of(outputs.get("reasoning_tokens")), request.n, place),
        prefix_cached_tokens=count_of(inputs.get("cached_tokens")),
        tokens=ids_in(choice, where) if request.tokens else None,
    )


def split_evenly(total: int, n: int, place: int) -> int:
    """The even share of one of n replies; the first ones get what does not divide."""
    each, rest = divmod(total, n)
    return each + (place < rest)


def _check_choice(text: str, ended: str, structured: Structured | None, where: str) -> None:
    """Some servers ignore fields that they do not know; for a choice that is cheap to see."""
    choices = structured.choice if structured else None
    if choices and ended == "stop" and text not in choices:
        hint = "does this server know vLLM's structured_outputs?"
        raise ModelError(f"{where}: the reply is none of the choices: {excerpt(text)!r}", hint=hint)


def _logprobs(choice: Mapping[str, Any], text: str, request: Request, where: str) -> tuple[TokenLogprob, ...] | None:
    if request.logprobs is None:
        return None
    content = mapping(choice.get("logprobs")).get("content")
    if content is None and text:
        raise ModelError(f"{where}: the server gave no log-probabilities", hint="ask for none, or use another server")
    try:
        return tuple(token_of(entry) for entry in content or ())
    except TypeError as error:
        raise ModelError(f"{where}: log-probabilities that cannot be read: {error}") from None


def shown(content: bytes) -> str:
    """The start of a body, on one line, for messages."""
    return excerpt(repr(content[:1000].decode("utf-8", "replace"))) or "nothing"
