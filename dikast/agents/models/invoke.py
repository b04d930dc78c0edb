"""A `Request` through any LangChain chat model: dikast's own engines, or one that the user brings.

Somebody else's model is spoken to with OpenAI's names, which LangChain's integrations share; what it cannot be told is
a `UsageError`, not left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import langsmith
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from dikast.agents.models.boundary import as_model_error
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.identity import identity as identity
from dikast.agents.models.request import Message, Reply, Request, Structured, TokenLogprob
from dikast.errors import UsageError
from dikast.wire import spec_of


async def invoke(model: BaseChatModel, request: Request, *, unseen: bool = False) -> Reply:
    """Send one request (`n` is 1) and read the reply.

    Args:
        model: Whom to ask.
        request: What.
        unseen: Hide the call from LangChain's callbacks, LangGraph's streams and LangSmith, whoever has turned them on.

    Raises:
        ModelError: The call gave no reply; its subclass says how.
        UsageError: The model cannot be given something that the request holds.
    """
    messages = [_to_langchain(message) for message in request.messages]
    try:
        if unseen:
            # An empty list, unlike none, keeps the caller's handlers from being inherited.
            with langsmith.tracing_context(enabled=False):
                answer = await model.ainvoke(messages, {"callbacks": []}, **_arguments(model, request))
        else:
            answer = await model.ainvoke(messages, **_arguments(model, request))
    except Exception as error:
        known = as_model_error(error, spec_of(model))
        if known is None:
            raise
        raise known from error
    return from_message(answer)


def _to_langchain(message: Message) -> BaseMessage:
    kinds: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    kind = kinds[message["role"]]
    return kind(content=message["content"])


def _arguments(model: BaseChatModel, request: Request) -> dict[str, Any]:
    """The keyword arguments that carry a request: ours, or OpenAI's for somebody else's chat model."""
    sampling = request.sampling
    if isinstance(model, EngineModel):
        arguments = sampling.model_dump()
        return {**arguments, "structured": request.structured, "logprobs": request.logprobs}
    arguments: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    arguments |= {"seed": sampling.seed} if sampling.seed is not None else {}
    arguments |= {"stop": list(sampling.stop)} if sampling.stop else {}
    if request.logprobs is not None:
        arguments |= {"logprobs": True, "top_logprobs": request.logprobs}
    extra = {"top_k": sampling.top_k or None, "repetition_penalty": sampling.repetition_penalty}
    extra = {name: value for name, value in extra.items() if value not in (None, 1.0)}
    if extra:
        if not hasattr(model, "extra_body"):
            raise UsageError(f"{spec_of(model)} cannot be given {' and '.join(extra)}", hint="leave them at 0 and 1")
        arguments["extra_body"] = extra
    if request.structured is not None:
        arguments |= _foreign_form(model, request.structured)
    return arguments


def _foreign_form(model: BaseChatModel, structured: Structured) -> dict[str, Any]:
    if structured.json_schema is None:
        raise UsageError(f"{spec_of(model)} cannot be held to a {structured.form}", hint="use a 'server:' model")
    schema = {"name": "reply", "strict": True, "schema": structured.json_schema}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def from_message(message: AIMessage) -> Reply:
    """A LangChain reply as ours: text, finish reason, usage, reasoning, refusal, log-probabilities."""
    told = cast(dict[str, Any], message.response_metadata)
    kept = cast(dict[str, Any], message.additional_kwargs)
    usage = message.usage_metadata
    details = (usage or {}).get("output_token_details") or {}
    cached = ((usage or {}).get("input_token_details") or {}).get("cache_read", 0)
    logprobs = cast(dict[str, list[dict[str, Any]]], told.get("logprobs") or {})
    content = logprobs.get("content")
    return Reply(
        text=message.text,
        finish_reason=str(told.get("finish_reason") or told.get("stop_reason") or "stop"),
        input_tokens=usage["input_tokens"] if usage else 0,
        output_tokens=usage["output_tokens"] if usage else 0,
        reasoning=str(kept.get("reasoning_content") or ""),
        refusal=str(kept.get("refusal") or ""),
        logprobs=None if content is None else tuple(_token(entry) for entry in content),
        reasoning_tokens=details.get("reasoning", 0),
        prefix_cached_tokens=cached,
    )


def _token(entry: dict[str, Any]) -> TokenLogprob:
    top: Sequence[dict[str, Any]] = entry.get("top_logprobs") or ()
    return TokenLogprob(entry["token"], entry["logprob"], tuple((item["token"], item["logprob"]) for item in top))
