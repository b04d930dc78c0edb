"""A vendor's model through LangChain: `openai:gpt-x`, `anthropic:...`, `ollama:...`, `bedrock:...`, `google:...`.

    model = load_model("openai:gpt-x?timeout=60&omit=temperature")
    model = load_model("langchain:groq/llama-x?key_env=TEAM_KEY")      # any provider of LangChain's init_chat_model

Each is short for `langchain:PROVIDER/MODEL`. The vendor's package is an extra of that name, its key comes from the
environment: `OPENAI_API_KEY` and so on, AWS's own chain for Bedrock. Options after `?`:

| option | what | default |
| --- | --- | --- |
| `timeout` | seconds for one attempt | 600 |
| `retries` | attempts after the first, for what passes: 429, 5xx, lost connections | 5 |
| `base_url` | another address of the vendor's API | the vendor's |
| `omit` | parameters that are never sent, since the model refuses them: `omit=temperature,seed` | none |
| `key_env` | environment variable with the key | the vendor's own |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |
| any field of LangChain's class | `reasoning_effort=low`, `region_name=eu-west-1`; JSON for objects | the class's |

A key stands in no spec, record, message or fingerprint. Nothing is imported before `ready` or the first call.

Not here: parts of a reply that are no text; token ids, scores and values, which these services do not give.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import BaseModel, PrivateAttr, SecretStr

from dikast.agents.ledger import booking
from dikast.agents.models.boundary import as_model_error
from dikast.agents.models.chat_wire import OMITTED
from dikast.agents.models.engine import NEEDS, EngineModel
from dikast.agents.models.foreign_arguments import foreign_call, names_of
from dikast.agents.models.identity import ADDRESS, PLUMBING, SECRET
from dikast.agents.models.invoke import from_message, to_langchain
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.server import RETRIES, TIMEOUT_SECONDS, parse_omitted
from dikast.agents.models.vendors.own_loop import OWN_LOOP
from dikast.agents.models.vendors.providers import Provider, find_provider
from dikast.errors import DikastError, MissingExtraError, ModelError, ModelTimeout, ModelUnavailable, UsageError
from dikast.http.access import check_address
from dikast.http.pauses import pause_before
from dikast.http.server_errors import excerpt
from dikast.optional import needs

PASSING = frozenset({408, 409, 429})
"""Statuses, beside those from 500 on, that another attempt may mend; those of the OpenAI client."""
SHORTEST_SECRET = 8
"""Characters; what is shorter is blotted out of no message, since words would be too."""
BLOT = "***"
OPENAI = "api.openai.com"


class VendorModel(EngineModel):
    """A model behind a vendor's LangChain package. See the module's description for the fields."""

    provider: Provider
    model: str
    timeout: float = TIMEOUT_SECONDS
    retries: int = RETRIES
    base_url: str = ""
    omit: tuple[str, ...] = ()
    key_env: str = ""
    options: Mapping[str, Any] = {}
    _inner: BaseChatModel | None = PrivateAttr(default=None)

    def ready(self) -> None:
        """Import the vendor's package and make its client; nothing is sent.

        Raises:
            MissingExtraError: The package is not installed.
            UsageError: There is no key, or the vendor's class refuses an option.
        """
        OWN_LOOP.wait(self._opened())

    async def complete(self, request: Request) -> list[Reply]:
        """Ask the vendor, once for each reply.

        Raises:
            ModelUnavailable: It cannot be reached, refuses the key, or has no such model.
            ModelTimeout: No reply within `timeout`.
            ModelContextOverflow: Prompt and reply do not fit.
            ModelRefused: A content filter stopped the request.
            ModelError: The service failed, or answered what cannot be read.
            UsageError: The request needs what the service has not; or as for `ready`.
        """
        self.refuse(request, *NEEDS)
        with booking():  # whoever called this model books the call
            return await OWN_LOOP.run(self._replies(request))

    def fingerprint(self) -> dict[str, object]:
        """Provider, model, options and default sampling; not where it is reached, nor any key."""
        told: dict[str, object] = {"engine": "langchain", "provider": self.provider.name, "model": self.model}
        told |= {"options": dict(self.options)} if self.options else {}
        told |= {"omit": sorted(self.omit)} if self.omit else {}
        return {**told, "sampling": self.sampling.model_dump(mode="json")}

    async def _opened(self) -> BaseChatModel:
        if self._inner is None:  # all of this runs on one loop, so that nobody comes between
            self._inner = self._open()
        return self._inner

    def _open(self) -> BaseChatModel:
        self.provider.check(self.key_env)
        bare = self._look()
        names = parameters_of(bare)
        given: dict[str, Any] = {}
        for ours, theirs, value in (
            ("timeout", ("timeout",), self.timeout if "timeout" in names else None),
            ("retries", ("max_retries",), self.retries if "max_retries" in names else None),
            ("base_url", ("base_url", "endpoint_url"), self.base_url or None),
        ):
            if value is not None:
                given[self._one_of(theirs, names, ours)] = round_up(value) if bare._llm_type in WHOLE else value
        for name, value in self.options.items():
            given[self._one_of((name,), names, name)] = value
        return self._make(given)

    def _look(self) -> BaseChatModel:
        """A model of the provider's class, to see what the class takes."""
        try:
            return self._make({})
        except UsageError:
            if not self.options:
                raise
            return self._make(self.options)  # there are classes that need one: a region

    def _make(self, given: Mapping[str, Any]) -> BaseChatModel:
        init: Any = needs("langchain.chat_models").init_chat_model
        key = {"api_key": SecretStr(os.environ[self.key_env].strip())} if self.key_env else {}
        try:
            return cast(BaseChatModel, init(self.model, model_provider=self.provider.name, **key, **given))
        except ImportError as error:
            if self.provider.package:
                raise UsageError(f"{self.spec}: {self.provider.package} cannot be imported: {error}") from error
            raise MissingExtraError(f"{self.spec}: the provider's package", hint=excerpt(error)) from error
        except Exception as error:
            # A constructor's own words, which may repeat what it was given.
            told = self._blotted(excerpt(error), None)
            raise UsageError(f"{self.spec}: {self.provider.name} cannot be opened: {told}") from None

    def _one_of(self, wanted: tuple[str, ...], names: Collection[str], option: str) -> str:
        found = next((name for name in wanted if name in names), None)
        if found is None:
            close = get_close_matches(option, names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "options are the fields of LangChain's class"
            raise UsageError(f"{self.spec}: {self.provider.name} has no option {option!r}", hint=hint)
        return found

    async def _replies(self, request: Request) -> list[Reply]:
        inner = await self._opened()
        if request.logprobs is not None and "logprobs" not in names_of(inner):
            hint = "openai:, ollama: and server: do; or choose a form of the method that needs none"
            raise UsageError(f"{self.spec} gives no log-probabilities", hint=hint)
        return list(await asyncio.gather(*(self._reply(inner, one) for one in drawn(request))))

    async def _reply(self, inner: BaseChatModel, request: Request) -> Reply:
        own_retries = "max_retries" not in parameters_of(inner)
        for attempt in range(1, self.retries + 2):
            try:
                return await self._attempt(inner, request)
            except ModelError as error:
                if not (own_retries and passes(error)) or attempt > self.retries:
                    raise
            await asyncio.sleep(pause_before(attempt))
        raise AssertionError("the last attempt neither returned nor raised")

    async def _attempt(self, inner: BaseChatModel, request: Request) -> Reply:
        own_timeout = None if "timeout" in parameters_of(inner) else self.timeout
        messages = [to_langchain(message) for message in request.messages]
        try:
            async with asyncio.timeout(own_timeout):
                # Without callbacks: the caller's are told of the call to this model, and not of its inside.
                call = foreign_call(inner, request, self.omit, extra=not is_openais(inner))
                said = await call.send(messages, {"callbacks": []})
            reply = from_message(said)
        except DikastError:
            raise
        except Exception as error:
            known = as_model_error(error, self.spec)
            if known is None:
                raise
            raise self._explained(known, inner) from None
        if request.logprobs is not None and reply.logprobs is None and reply.text:
            raise ModelError(f"{self.spec}: the service gave no log-probabilities", hint="ask for none")
        return reply

    def _explained(self, error: ModelError, inner: BaseChatModel) -> ModelError:
        """The same error, without any key in its words, and with what to do about it."""
        told = self._blotted(error.message, inner)
        hint = error.hint
        if error.status in (401, 403):
            hint = f"is the key in {self.key_env or self.provider.key or 'the environment'} right?"
        elif error.status == 404:
            hint = f"does {self.provider.name} have a model {self.model!r}, and is the address right?"
        elif error.status == 400 and (name := next((one for one in OMITTED if f"'{one}'" in told), "")):
            hint = f"leave it out: ?omit={','.join((*self.omit, name))}"
        return type(error)(told, hint=hint, status=error.status)

    def _blotted(self, text: str, inner: BaseChatModel | None) -> str:
        names = {self.key_env, *self.provider.keys} | {name for name in os.environ if SECRET.search(name)}
        secrets = {os.environ.get(name, "").strip() for name in names} | set(secrets_in(inner))
        for secret in sorted((one for one in secrets if len(one) >= SHORTEST_SECRET), key=len, reverse=True):
            text = text.replace(secret, BLOT)
        return text


WHOLE = frozenset({"amazon_bedrock_converse_chat"})
"""Classes, by `_llm_type`, whose time limit is a whole number of seconds."""


def round_up(value: float | str) -> float | str:
    """A number as a whole one, not less than it; a text as it is."""
    return value if isinstance(value, str) else -int(-value // 1)


def is_openais(model: BaseChatModel) -> bool:
    """Whether this is OpenAI's own API, which refuses what it does not have, and no other server that speaks it."""
    address = getattr(getattr(model, "root_async_client", None), "base_url", None)
    return getattr(address, "host", "") == OPENAI


def drawn(request: Request) -> list[Request]:
    """A request for each of the replies, with seeds that differ."""
    if request.n == 1:
        return [request]
    seed = request.sampling.seed
    seeds = [None if seed is None else seed + sample for sample in range(request.n)]
    return [replace(request, n=1, sampling=request.sampling.model_copy(update={"seed": one})) for one in seeds]


def passes(error: ModelError) -> bool:
    """Whether another attempt may do better."""
    if error.status is None:
        return isinstance(error, ModelUnavailable | ModelTimeout)
    return error.status in PASSING or error.status >= 500


def parameters_of(model: BaseChatModel) -> frozenset[str]:
    """What a class's constructor takes, by field and by alias; not LangChain's plumbing, clients and keys."""
    fields = type(model).model_fields
    aliases = {info.alias for name, info in fields.items() if info.alias and name not in PLUMBING}
    own = {name for name in fields if name not in PLUMBING} | aliases
    return frozenset(name for name in own if not SECRET.search(name) and "client" not in name)


def secrets_in(model: BaseModel | None) -> list[str]:
    """The keys that a model holds."""
    found = (getattr(model, name) for name in type(model).model_fields) if model is not None else ()
    return [one.get_secret_value() for one in found if isinstance(one, SecretStr)]


def parse_value(text: str) -> Any:
    """An option's value: JSON where it looks like an object or a list, else the text, which the class reads."""
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def open_model(rest: str, options: dict[str, str], spec: str) -> VendorModel:
    """Make the model of `PROVIDER:MODEL[?options]` or `langchain:PROVIDER/MODEL[?options]`.

    Raises:
        UsageError: An option is wrong, or holds a key.
    """
    scheme = spec.partition(":")[0]
    provider, model = find_provider(scheme, rest)
    for name, value in options.items():
        if name != "key_env" and (SECRET.search(name) or ADDRESS.search(value)):
            usual = f", or put it into {provider.keys[0]}" if provider.keys else ""
            hint = f"a spec is written into records: name a variable, ?key_env=VARIABLE{usual}"
            raise UsageError(f"{scheme}: option {name!r} seems to hold a key", hint=hint)
    given = Options(scheme, options)
    fields: dict[str, Any] = {
        "timeout": given.number("timeout", TIMEOUT_SECONDS),
        "retries": given.count("retries", RETRIES),
        "omit": parse_omitted(given.text("omit")),
        "key_env": given.text("key_env"),
        "sampling": given.sampling(),
    }
    base_url = given.text("base_url")
    rest_of = {name: parse_value(value) for name, value in given.given.items()}
    return VendorModel(
        spec=spec,
        provider=provider,
        model=model,
        base_url=check_address(base_url) if base_url else "",
        options=cast("Mapping[str, Any]", rest_of),
        **fields,
    )
