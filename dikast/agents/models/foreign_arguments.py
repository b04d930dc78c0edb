"""How a request is put to somebody else's LangChain chat model: which of its fields go where, and which stay out.

    answer = await foreign_call(model, request).send(messages)

Integrations share OpenAI's names for keyword arguments, and a class that knows a parameter by another name declares a
field of it (`num_predict`, `repeat_penalty`): such a class reads its fields and takes no arguments, so that the values
are set on a copy. A decoding parameter that a class has no place for is left out, and said so once in the log, where it
is a method's own default or OpenAI's; one that was asked for is refused by name, as is a form, or log-probabilities.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from dikast.agents.models.chat_wire import decoding_fields
from dikast.agents.models.engine import unable
from dikast.agents.models.request import MethodSampling, Request, Structured
from dikast.errors import UsageError
from dikast.wire import spec_of

LOG = logging.getLogger("dikast")
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("num_predict", "max_output_tokens", "max_new_tokens"),
    "repetition_penalty": ("repeat_penalty",),
    "seed": ("random_seed",),
}
"""What Ollama, Gemini, Hugging Face, llama.cpp and Mistral call a parameter."""
EXTRA = frozenset({"top_k", "repetition_penalty"})
"""What OpenAI's own API does not have: no class is given it unless it declares it, or an `extra_body`."""
UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
NEEDED = frozenset({"response_format", "logprobs", "top_logprobs", "stop"})
"""What a request cannot do without."""

_unknown: dict[type, set[str]] = {}
"""What a class turned out to take no argument of."""


@dataclass(slots=True)
class ForeignCall:
    """One call: whom to ask, with what.

    Args:
        model: The model, or a copy with its fields set.
        arguments: Keyword arguments of `ainvoke`.
    """

    model: BaseChatModel
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])

    async def send(self, messages: Sequence[BaseMessage], config: RunnableConfig | None = None) -> AIMessage:
        """Ask the model, once more without what its class turns out to take no argument of.

        Raises:
            UsageError: The request cannot do without.
        """
        while True:
            try:
                return await self.model.ainvoke(list(messages), config, **self.arguments)
            except TypeError as error:
                if not self.without(error):
                    raise

    def without(self, error: TypeError) -> bool:
        """Leave out the argument that the class took no notice of but to refuse it; whether there was one.

        Raises:
            UsageError: The request cannot do without.
        """
        found = UNEXPECTED.search(str(error))
        name = found[1] if found else ""
        if name not in self.arguments:
            return False
        if name in NEEDED:
            raise UsageError(f"{spec_of(self.model)} cannot be given {name}", hint="use a 'server:' model") from error
        del self.arguments[name]
        leave_out(self.model, name)
        return True


def foreign_call(
    model: BaseChatModel, request: Request, omitted: Collection[str] = (), *, extra: bool = True
) -> ForeignCall:
    """Put a request into a chat model's own terms.

    Args:
        model: The model.
        request: What is asked.
        omitted: Decoding parameters that are never sent, whatever was asked.
        extra: Whether the service may have what OpenAI's own API has not, so that an `extra_body` is a place for it.

    Raises:
        UsageError: It cannot be held to the form, or given a parameter or tokens, that is asked for.
    """
    if request.needs:
        raise unable(spec_of(model), request.needs[0])
    wanted = {
        name: value for name, value in decoding_fields(request.sampling, every=False).items() if name not in omitted
    }
    declared = names_of(model) if extra else names_of(model) - {"extra_body"}
    names = {name: own_name(name, declared) for name in wanted}
    values = {names[name]: value for name, value in wanted.items() if name in declared or names[name] != name}
    if any(names[name] in OTHER_NAMES["max_tokens"] for name in wanted):
        if request.sampling.stop and "stop" in declared:
            values["stop"] = list(request.sampling.stop)
        call = ForeignCall(model.model_copy(update=values))
    else:
        call = ForeignCall(model, values)
    rest = {name: value for name, value in wanted.items() if names[name] not in values}
    add_rest(call, rest, declared, asked=not isinstance(request.sampling, MethodSampling))
    if request.sampling.stop and "stop" not in values:
        call.arguments["stop"] = list(request.sampling.stop)
    if request.logprobs is not None:
        call.arguments |= {"logprobs": True, "top_logprobs": request.logprobs}
    if request.structured is not None:
        call.arguments |= form(model, request.structured)
    return call


def add_rest(call: ForeignCall, rest: Mapping[str, Any], declared: frozenset[str], *, asked: bool) -> None:
    """The parameters that a class does not declare: into its `extra_body`, as arguments, or left out.

    Raises:
        UsageError: One was asked for, and has no place.
    """
    extra = {name: value for name, value in rest.items() if name in EXTRA}
    if extra and "extra_body" in declared:
        own = cast("dict[str, Any] | None", getattr(call.model, "extra_body", None))
        call.arguments["extra_body"] = {**(own or {}), **extra}
        extra = {}
    unknown = _unknown.get(type(call.model), set())
    call.arguments |= {name: value for name, value in rest.items() if name not in EXTRA and name not in unknown}
    if extra and asked:
        raise UsageError(f"{spec_of(call.model)} cannot be given {' and '.join(extra)}", hint="leave them at 0 and 1")
    for name in extra:
        leave_out(call.model, name)


def names_of(model: BaseChatModel) -> frozenset[str]:
    """The names of a model's fields, by which they are set."""
    return frozenset(type(model).model_fields)


def own_name(name: str, declared: frozenset[str]) -> str:
    """What a class calls a parameter; our name where it declares none."""
    if name in declared:
        return name
    return next((other for other in OTHER_NAMES.get(name, ()) if other in declared), name)


def leave_out(model: BaseChatModel, name: str) -> None:
    """Remember, and say once, that a class has no place for a parameter."""
    unknown = _unknown.setdefault(type(model), set())
    if name not in unknown:
        unknown.add(name)
        LOG.warning("%s has no place for %s, which is left out", spec_of(model), name)


def form(model: BaseChatModel, structured: Structured) -> dict[str, Any]:
    """The argument that holds a reply to a form.

    Raises:
        UsageError: LangChain has no common name for it.
    """
    if structured.json_schema is None:
        raise UsageError(f"{spec_of(model)} cannot be held to a {structured.form}", hint="use a 'server:' model")
    schema = {"name": "reply", "strict": True, "schema": structured.json_schema}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}
