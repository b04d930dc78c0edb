"""A `Request` through any LangChain chat model: dikast's own engines, or one that the user brings.

Somebody else's model is spoken to in its own terms (`foreign_arguments.py`).
"""

from __future__ import annotations

from typing import Any, cast

import langsmith
from langchain_core.callbacks.manager import AsyncCallbackManager
from langchain_core.globals import get_llm_cache
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import BaseModel

from dikast.agents.models.boundary import as_model_error
from dikast.agents.models.chat_reply import count_of, mapping, mend_text, said_in, text_or_none, token_of
from dikast.agents.models.engine import EngineModel, to_message
from dikast.agents.models.finish_reasons import finish_reason
from dikast.agents.models.foreign_arguments import foreign_call
from dikast.agents.models.identity import identity as identity
from dikast.agents.models.request import Message, MethodSampling, Reply, Request
from dikast.wire import spec_of

BESIDE_SAMPLING = ("structured", "logprobs", "prefix", "tokens", "completion", "value")
"""Arguments of `EngineModel.ainvoke` that are fields of a request."""
DEAF = "ignores_what_is_asked"
"""The attribute of a callback handler that takes no notice of what goes through `ask`, and so through here."""

ENDED = ("finish_reason", "stop_reason", "done_reason", "stopReason")
"""Where integrations tell how a reply ended: OpenAI's and most, Anthropic's, Ollama's, Bedrock's."""


async def invoke(model: BaseChatModel, request: Request, *, unseen: bool = False) -> Reply:
    """Send one request (`n` is 1) and read the reply.

    Args:
        model: Whom to ask.
        request: What to ask.
        unseen: Hide the call from LangChain's callbacks, LangGraph's streams and LangSmith, whoever has turned them on.

    Raises:
        ModelError: The call gave no reply; its subclass says how.
        UsageError: The model cannot be given something that the request holds.
    """
    messages = [to_langchain(message) for message in request.messages]
    try:
        if not unseen:
            return from_message(await _call(model, messages, request))
        # An empty list, unlike none, keeps the caller's handlers from being inherited.
        with langsmith.tracing_context(enabled=False):
            return from_message(await _call(model, messages, request, {"callbacks": []}))
    except Exception as error:
        known = as_model_error(error, spec_of(model))
        if known is None:
            raise
        raise known from error


async def _call(
    model: BaseChatModel, messages: list[BaseMessage], request: Request, config: RunnableConfig | None = None
) -> AIMessage:
    if isinstance(model, EngineModel):
        if not is_heard(model, config):
            (reply,) = await model.complete(request)
            return to_message(reply, model.spec)
        given = request.sampling.model_dump() | {name: getattr(request, name) for name in BESIDE_SAMPLING}
        given |= {"by_default": True} if isinstance(request.sampling, MethodSampling) else {}
        return await model.ainvoke(messages, config, **given)
    return await foreign_call(model, request).send(messages, config)


def is_heard(model: EngineModel, config: RunnableConfig | None = None) -> bool:
    """Whether anything of LangChain's has a part in a call: callbacks, streams, tracing, a cache, a limit of rate.

    Where nothing has, its rounds of a call, a fifth of what a row of a fast server costs, change nothing.

    Args:
        model: Who is asked.
        config: Of the call, in place of what LangChain's context holds.
    """
    kind = type(model)
    own = (kind.ainvoke, kind.agenerate, kind._agenerate)
    if own != (EngineModel.ainvoke, EngineModel.agenerate, EngineModel._agenerate):
        return True
    if model.cache or (model.cache is None and get_llm_cache() is not None) or model.rate_limiter is not None:
        return True
    given = ensure_config(config).get("callbacks")
    handlers = AsyncCallbackManager.configure(given, model.callbacks, model.verbose).handlers
    return not all(getattr(handler, DEAF, False) for handler in handlers)


def to_langchain(message: Message) -> BaseMessage:
    """A message as LangChain's class of its role."""
    kinds: dict[str, type[BaseMessage]] = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    kind = kinds[message["role"]]
    return kind(content=message["content"])


def plain(entry: object) -> object:
    """A value as JSON: Ollama's client gives its log-probabilities as objects of its own."""
    return entry.model_dump() if isinstance(entry, BaseModel) else entry


def from_message(message: AIMessage) -> Reply:
    """A LangChain reply as ours: text, finish reason, usage, reasoning, refusal, log-probabilities."""
    told = cast(dict[str, Any], message.response_metadata)
    kept = cast(dict[str, Any], message.additional_kwargs)
    usage = mapping(message.usage_metadata)
    outputs, inputs = mapping(usage.get("output_token_details")), mapping(usage.get("input_token_details"))
    said = said_in(cast(object, message.content))
    logprobs = cast(object, told.get("logprobs"))
    # Ollama's is the list alone.
    content = cast("list[object] | None", logprobs if isinstance(logprobs, list) else mapping(logprobs).get("content"))
    ended = next((told[name] for name in ENDED if told.get(name)), None)
    return Reply(
        text=mend_text("".join(said.text)),
        finish_reason=finish_reason(ended or "stop"),
        input_tokens=count_of(usage.get("input_tokens")),
        output_tokens=count_of(usage.get("output_tokens")),
        reasoning=mend_text(text_or_none(kept.get("reasoning_content")) or "".join(said.reasoning)),
        refusal=mend_text(text_or_none(kept.get("refusal")) or "".join(said.refusal)),
        logprobs=None if content is None else tuple(token_of(plain(entry)) for entry in content),
        reasoning_tokens=count_of(outputs.get("reasoning")),
        prefix_cached_tokens=count_of(inputs.get("cache_read")),
        tokens=None if told.get("token_ids") is None else tuple(told["token_ids"]),
        value=told.get("value"),
    )
