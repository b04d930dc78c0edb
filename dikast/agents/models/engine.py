"""The base of dikast's own chat models: LangChain on the outside, one `complete(request)` on the inside.

Each engine (`openvino`, `server`, `vllm`, `transformers`, ...) subclasses `EngineModel` and implements `complete`;
everything else (LangChain's message types, keyword arguments, the synchronous call) is here once.

Keyword arguments of `ainvoke`: the fields of `Sampling` (`max_tokens`, `temperature`, ...), `structured`
(a `Structured` or its dict), `n`, `logprobs`, `prefix`, `tokens`, `completion`, `value`, `stop`, and `by_default` (the
parameters are a method's own, which nobody asked for). An unknown one is a `UsageError`, not a silent no-op.

Not here: retries (the `server` engine's client owns them), caching and limits (`dikast.agents.ask`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, ValidationError

from dikast.agents.models.request import (
    Message,
    MethodSampling,
    Reply,
    Request,
    Sampling,
    Structured,
    TokenLogprob,
    Tokens,
)
from dikast.errors import ModelError, UsageError

ROLES: Mapping[str, str] = {"human": "user", "ai": "assistant", "system": "system"}


SHOWN_CHARACTERS = 60
"""How much of a text a message shows."""
NEEDS: Mapping[str, str] = {
    "continue": "go on from the beginning of a reply",
    "score": "score a completion that it did not draw",
    "tokens": "tell the token ids of a reply",
    "value": "give a text a value",
}
"""What a request may need beyond sampling, in words."""
NEEDS_HINT = "transformers:, vllm: and a 'vllm serve' behind server: can"
VALUE_HINT = f"over a folder with a value head or reward model ('dikast train value', 'train reward') {NEEDS_HINT}"
SPEECH_HINT = "a value head or reward model does not speak: name it where values are asked for"


def unable(spec: str, need: str) -> UsageError:
    """The error of a model that cannot do what a request needs."""
    return UsageError(f"{spec} cannot {NEEDS[need]}", hint=VALUE_HINT if need == "value" else NEEDS_HINT)


def check_kind(spec: str, request: Request, *, headed: bool) -> None:
    """Refuse to ask a model that speaks for a value, and a value head for anything else.

    Raises:
        UsageError: That is what was asked.
    """
    if request.value and not headed:
        raise unable(spec, "value")
    if headed and not request.value:
        raise UsageError(f"{spec} gives values, and nothing else", hint=SPEECH_HINT)


def check_value(request: Request, value: float, name: str) -> None:
    """Refuse a value that is no number: nothing can be chosen by it.

    Raises:
        ModelError: It is NaN or infinite.
    """
    if not math.isfinite(value):
        said = str(request.completion)[:SHOWN_CHARACTERS]
        raise ModelError(f"{name} gave no finite value but {value}, of {said!r}", hint="was its training cut short?")


class EngineModel(BaseChatModel):
    """A LangChain chat model over one of dikast's engines.

    Thread and loop safety: one object serves any number of concurrent `ainvoke`s, from any event loop.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    spec: str
    """The string that `load_model` turns into this model again; holds no secret."""
    sampling: Sampling = Sampling()
    """What a call that names no sampling of its own gets."""

    async def complete(self, request: Request) -> list[Reply]:
        """Ask the engine; `request.n` replies, in order.

        Cancelling the awaiting task frees what the request holds in the engine.

        Raises:
            ModelError: One of its subclasses, for a request that got no reply.
            UsageError: The engine lacks something that the request needs.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement complete")

    def fingerprint(self) -> dict[str, object]:
        """What changes this model's replies beyond the request: engine, weights, default sampling. No paths or URLs."""
        return {"spec": self.spec, "sampling": self.sampling.model_dump(mode="json")}

    def ready(self) -> None:
        """Look for what every call would fail without, such as a vendor's package or key; nothing is sent.

        A job asks it of each of its models before the first row.

        Raises:
            UsageError: Something is missing; the message says what to install or to set.
        """

    async def count_tokens(self, text: str) -> int | None:
        """How many tokens a text has by the model's own tokenizer; `None` from an engine that has none at hand.

        Of a text that is longer than the model's context, at least as many as the context holds.

        Raises:
            ModelUnavailable: The engine cannot be opened.
        """
        del text
        return None

    async def end_tokens(self) -> tuple[int, ...] | None:
        """The ids of the tokens that end a turn; `None` from an engine that does not tell.

        Raises:
            ModelUnavailable: The engine cannot be opened.
        """
        return None

    async def aclose(self) -> None:
        """Free what the engine holds. The next call opens it again."""

    @property
    def _llm_type(self) -> str:
        return f"dikast-{self.spec.partition(':')[0]}"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.spec}

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        request = self.request(messages, stop, **kwargs)
        replies = await self.complete(request)
        return ChatResult(generations=[ChatGeneration(message=to_message(reply, self.spec)) for reply in replies])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        async def once() -> ChatResult:
            return await self._agenerate(messages, stop, **kwargs)

        # A thread of its own, since the caller's may be running an event loop already.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, once()).result()

    def request(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None = None, **kwargs: Any) -> Request:
        """Build the engine's request from LangChain's arguments.

        Raises:
            UsageError: An argument is unknown or out of range, or a message is not plain chat text.
        """
        structured = kwargs.pop("structured", None)
        n, logprobs = kwargs.pop("n", 1), kwargs.pop("logprobs", None)
        prefix, completion = (self._tokens(name, kwargs.pop(name, None)) for name in ("prefix", "completion"))
        tokens, value, default = (bool(kwargs.pop(name, False)) for name in ("tokens", "value", "by_default"))
        if stop is not None:
            kwargs["stop"] = tuple(stop)
        try:
            kind = MethodSampling if default else Sampling
            sampling = kind.model_validate({**self.sampling.model_dump(), **kwargs}) if kwargs else self.sampling
            form = None if structured is None else Structured.model_validate(structured)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UsageError(f"{self.spec}: argument {where!r}: {first['msg']}") from error
        wire = tuple(to_wire(message) for message in messages)
        return Request(wire, sampling, form, int(n), logprobs, prefix or (), tokens, completion, value)

    def _tokens(self, name: str, value: object) -> Tokens | None:
        if value is None or isinstance(value, str):
            return value
        ids = cast(Sequence[object], value) if isinstance(value, Sequence) else (None,)
        if not all(type(one) is int and one >= 0 for one in ids):
            raise UsageError(f"{self.spec}: argument {name!r} must be a text, or token ids of this model")
        return tuple(cast(Sequence[int], ids))

    def refuse(self, request: Request, *lacking: str) -> None:
        """Refuse a request that needs what this engine cannot do: some of `NEEDS`.

        Raises:
            UsageError: It does.
        """
        for need in request.needs:
            if need in lacking:
                raise unable(self.spec, need)


def to_wire(message: BaseMessage) -> Message:
    """A LangChain message as it goes over the wire.

    Raises:
        UsageError: It is a tool or function message, or holds parts that are not text.
    """
    role = ROLES.get(message.type)
    if role is None:
        raise UsageError(f"messages of type {message.type!r} cannot be sent to this engine")
    content = message.content
    if not isinstance(content, str):
        parts = [part if isinstance(part, str) else part.get("text") for part in content]
        if not all(isinstance(part, str) for part in parts):
            raise UsageError("only text messages can be sent to this engine; an image or other part was given")
        content = "".join(cast(list[str], parts))
    return cast(Message, {"role": role, "content": content})


def to_message(reply: Reply, spec: str) -> AIMessage:
    """A reply as LangChain's message: usage, finish reason, log-probabilities, reasoning and refusal kept."""
    kept = {"reasoning_content": reply.reasoning, "refusal": reply.refusal}
    logprobs = None
    if reply.logprobs is not None:
        content = [
            {
                "token": token.token,
                "logprob": token.logprob,
                "top_logprobs": alternatives_of(token),
            }
            for token in reply.logprobs
        ]
        logprobs = {"content": content}
    return AIMessage(
        content=reply.text,
        additional_kwargs={name: text for name, text in kept.items() if text},
        response_metadata={"finish_reason": reply.finish_reason, "model_name": spec, "logprobs": logprobs}
        | ({} if reply.tokens is None else {"token_ids": list(reply.tokens)})
        | ({} if reply.value is None else {"value": reply.value}),
        usage_metadata=UsageMetadata(
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            total_tokens=reply.input_tokens + reply.output_tokens,
            input_token_details=InputTokenDetails(cache_read=reply.prefix_cached_tokens),
            output_token_details=OutputTokenDetails(reasoning=reply.reasoning_tokens),
        ),
    )


def alternatives_of(token: TokenLogprob) -> list[dict[str, Any]]:
    """The alternatives at a token's place, as the API writes them; with their ids, where they are known."""
    told: list[dict[str, Any]] = [{"token": text, "logprob": value} for text, value in token.top]
    return [{**one, "id": id_} for one, id_ in zip(told, token.ids, strict=True)] if token.ids else told
