"""Any OpenAI-compatible server, `vllm serve` above all: `server:http://host:8000/v1#MODEL`.

    model = load_model("server:http://a:8000/v1,http://b:8000/v1#ORG/MODEL?timeout=120")
    answer = await model.ainvoke("...", max_tokens=64)

Several addresses, comma-separated, share the load. Options after `?`:

| option | what | default |
| --- | --- | --- |
| `timeout` | seconds for one attempt | 600 |
| `retries` | attempts after the first, for what passes: 429, 5xx, lost connections | 5 |
| `connections` | requests in flight per address; more wait | 256 |
| `dialect` | `vllm`, or `openai` for servers that refuse vLLM's extra fields | `vllm` |
| `template` | JSON object of chat template variables, such as `{"enable_thinking": false}` | none |
| `key_env` | environment variable with the API key | `DIKAST_API_KEY`, else `OPENAI_API_KEY` |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |

The API key comes from the environment only, is sent to these addresses only, and is blotted out of what a server says.

Not here: streaming and tool calls; starting a server; those of OpenAI's models that refuse `max_tokens` or a
temperature of 0; proxies (`HTTPS_PROXY` is not read).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, cast

from pydantic import PrivateAttr
from yarl import URL

from dikast.agents.models.chat_wire import Dialect, from_body, shown, to_body
from dikast.agents.models.engine import EngineModel
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.errors import DikastError, ModelError, ModelUnavailable, UsageError
from dikast.http.access import authorization, blotted, checked, key_variable
from dikast.http.server_errors import excerpt, explain
from dikast.http.transport import Answer, Transport

TIMEOUT_SECONDS = 600.0
"""The OpenAI client's value."""
RETRIES = 5
"""About 15 s of pauses in all, enough for a load balancer to notice; a server's restart takes longer."""
CONNECTIONS = 256
"""vLLM's default number of sequences run at once."""
SHOWN_MODELS = 8
"""How many served models a message lists."""


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What one address of a spec answered.

    Args:
        url: The address.
        served: The models it says it serves.
        seconds: How long a one-token reply took.
        error: What is wrong; `None` if nothing is.
    """

    url: str
    served: tuple[str, ...] = ()
    seconds: float = 0.0
    error: DikastError | None = None


class ServerModel(EngineModel):
    """A model behind an OpenAI-compatible API. See the module's description for the fields."""

    urls: tuple[str, ...]
    model: str
    timeout: float = TIMEOUT_SECONDS
    retries: int = RETRIES
    connections: int = CONNECTIONS
    dialect: Dialect = "vllm"
    template: Mapping[str, Any] = {}
    key_env: str = ""
    _transport: Transport = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Make the transport; it opens nothing."""
        super().model_post_init(context)
        self._transport = Transport(self.urls, timeout=self.timeout, retries=self.retries, connections=self.connections)

    async def complete(self, request: Request) -> list[Reply]:
        """Ask one of the servers.

        Raises:
            ModelUnavailable: None can be reached, the key is refused, or the model is not served.
            ModelTimeout: No reply within `timeout`.
            ModelContextOverflow: Prompt and `max_tokens` do not fit.
            ModelRefused: The API's content filter stopped the request.
            ModelError: The server failed, or answered what is no chat completion.
            UsageError: The dialect cannot say what the request asks for.
        """
        body = to_body(request, self.model, self.dialect, self.template)
        headers, key = authorization(self.key_env)
        answer = await self._transport.post("chat/completions", body, headers)
        if answer.status != 200:
            raise await self._explained(answer, key)
        return read(answer, request, key)

    def fingerprint(self) -> dict[str, object]:
        """The served model's name, chat template variables and default sampling; not where it is served."""
        told: dict[str, object] = {"engine": "server", "model": self.model}
        told |= {"template": dict(self.template)} if self.template else {}
        return {**told, "sampling": self.sampling.model_dump(mode="json")}

    async def aclose(self) -> None:
        """Close the running loop's connections. The next call opens new ones."""
        await self._transport.aclose()

    async def check(self) -> list[ServerCheck]:
        """Ask every address for its models and for one token, in one attempt each; what is wrong is in the result."""
        return await asyncio.gather(*(self._check(url) for url in self._transport.urls))

    async def _check(self, url: URL) -> ServerCheck:
        one = Transport([str(url)], timeout=self.timeout, retries=0, connections=1)
        probe = Request((Message(role="user", content="Say yes."),), Sampling(max_tokens=1))
        try:
            headers, key = authorization(self.key_env)
            served = await self._served(one, url, headers, key)
            started = time.perf_counter()
            answer = await one.post("chat/completions", to_body(probe, self.model, self.dialect), headers)
            seconds = time.perf_counter() - started
            if answer.status != 200:
                raise self._missing(answer, served, key)
            read(answer, probe, key)
        except DikastError as error:
            return ServerCheck(str(url), error=error)
        finally:
            await one.aclose()
        return ServerCheck(str(url), served, seconds)

    async def _explained(self, answer: Answer, key: str) -> ModelError:
        """The error for an answer that is not 200."""
        if answer.status != 404:
            return self._plain(answer, key)
        headers, _ = authorization(self.key_env)
        try:
            served = await self._served(self._transport, answer.url, headers, key)
        except ModelError:
            hint = "no OpenAI API here: does the address end in /v1?"
            return ModelUnavailable(f"{answer.url}: HTTP 404", hint=hint, status=404)
        return self._missing(answer, served, key)

    def _missing(self, answer: Answer, served: tuple[str, ...], key: str) -> ModelError:
        """The error for an answer that is not 200, where it is known what is served."""
        if answer.status != 404 or self.model in served:
            return self._plain(answer, key)
        close = get_close_matches(self.model, served, n=1)
        listed = ", ".join(served[:SHOWN_MODELS]) + (", ..." if len(served) > SHOWN_MODELS else "")
        hint = (f"did you mean {close[0]!r}? " if close else "") + f"served: {listed or 'nothing'}"
        return ModelUnavailable(f"{answer.url}: the server does not serve {self.model!r}", hint=hint, status=404)

    def _plain(self, answer: Answer, key: str) -> ModelError:
        content = blotted(answer.content, key)
        return explain(answer.status, content, where=str(answer.url), key=key_variable(self.key_env))

    async def _served(self, transport: Transport, url: URL, headers: dict[str, str], key: str) -> tuple[str, ...]:
        """Names of the models that a server says it serves.

        Raises:
            ModelError: It does not say.
        """
        answer = await transport.get(url, "models", headers)
        if answer.status != 200:
            raise self._plain(answer, key)
        try:
            told: Any = json.loads(answer.content)
            return tuple(excerpt(entry["id"]) for entry in told["data"])
        except (ValueError, TypeError, LookupError, RecursionError):
            raise ModelError(f"{url}: not a list of models: {shown(blotted(answer.content, key))}") from None


def read(answer: Answer, request: Request, key: str) -> list[Reply]:
    """The replies in an answer; the key is in no message about it.

    Raises:
        ModelError: The answer is no chat completion.
    """
    try:
        return from_body(answer.content, request, str(answer.url))
    except ModelError:
        if not key:
            raise
    return from_body(blotted(answer.content, key), request, str(answer.url))


def open_model(rest: str, options: dict[str, str], spec: str) -> ServerModel:
    """Make the model of `server:URL[,URL...]#MODEL[?options]`.

    Raises:
        UsageError: An address, the model's name or an option is missing or wrong.
    """
    addresses, _, model = rest.partition("#")
    urls = tuple(checked(address.strip()) for address in addresses.split(","))
    if not model:
        raise UsageError("server: name the model after '#': server:http://host:8000/v1#ORG/MODEL")
    given = Options("server", options)
    dialect = given.text("dialect", "vllm")
    if dialect not in ("vllm", "openai"):
        raise UsageError("server: option 'dialect' must be 'vllm' or 'openai'")
    opened = ServerModel(
        spec=spec,
        urls=urls,
        model=model,
        timeout=given.number("timeout", TIMEOUT_SECONDS),
        retries=given.count("retries", RETRIES),
        connections=given.count("connections", CONNECTIONS, least=1),
        dialect=dialect,
        template=object_of(given.text("template", "{}")),
        key_env=given.text("key_env"),
        sampling=given.sampling(),
    )
    given.done()
    return opened


def object_of(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        UsageError: The text is none.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise UsageError("server: option 'template' must be a JSON object")
    return cast(dict[str, Any], value)
