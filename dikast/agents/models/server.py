"""Any OpenAI-compatible server, `vllm serve` above all: `server:http://host:8000/v1#MODEL`.

    model = load_model("server:http://a:8000/v1,http://b:8000/v1#ORG/MODEL?timeout=120")
    answer = await model.ainvoke("...", max_tokens=64)

Several addresses, comma-separated, share the load. Options after `?`:

| option | what | default |
| --- | --- | --- |
| `timeout` | seconds for one attempt | 600 |
| `retries` | attempts after the first, for what passes: 429, 5xx, lost connections | 5 |
| `connections` | requests in flight per address; more wait | 256 |
| `dialect` | `any`, `vllm` or `openai`; see below | `any` |
| `omit` | fields that are never sent, since the server refuses them: `omit=temperature,seed` | none |
| `template` | JSON object of chat template variables, such as `{"enable_thinking": false}` | none |
| `key_env` | environment variable with the API key | `DIKAST_API_KEY`, else `OPENAI_API_KEY` |
| `temperature`, `max_tokens`, `seed`, ... | the model's own default sampling | greedy |

The API key comes from the environment only, is sent to these addresses only, and is blotted out of what a server says.

The dialect `any` sends the decoding parameters that were asked for; `vllm` sends every one, so that no model's own
generation_config.json fills in another; `openai` refuses what OpenAI's own API does not have. A server that wants the
reply's bound to be called `max_completion_tokens` gets it so from then on. A decoding parameter that a server refuses
is not left out unasked: the error names it, and the `omit` that does.

Not here: streaming and tool calls; starting a server; proxies (`HTTPS_PROXY` is not read).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr
from yarl import URL

from dikast.agents.models.chat_reply import BrokenReply, mapping
from dikast.agents.models.chat_wire import (
    OMITTED,
    Bound,
    Dialect,
    choices_in,
    from_answer,
    from_body,
    shown,
    to_body,
)
from dikast.agents.models.engine import NEEDS, EngineModel
from dikast.agents.models.model_options import Options
from dikast.agents.models.refused_fields import advise, wants_other_bound
from dikast.agents.models.request import Message, Reply, Request, Sampling
from dikast.agents.models.server_tokens import LACKING, Explained, Post, ask_by_tokens, ends_of
from dikast.agents.models.token_wire import by_ids
from dikast.errors import DikastError, ModelError, ModelUnavailable, UsageError
from dikast.http.access import authorization, blotted, check_address, key_variable
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
    dialect: Dialect = "any"
    template: Mapping[str, Any] = {}
    omit: tuple[str, ...] = ()
    key_env: str = ""
    _transport: Transport = PrivateAttr()
    _bound: Bound = PrivateAttr(default="max_tokens")
    _words: dict[int, str] = PrivateAttr(default_factory=dict[int, str])

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
            UsageError: The dialect, or a server that is no vLLM's, cannot say what the request asks for.
        """
        headers, key = authorization(self.key_env)
        # A chat's answer tells alternatives by their texts alone.
        if request.prefix or request.completion is not None or by_ids(request):
            self.refuse(request, *(NEEDS if self.dialect == "openai" else ()))

            post, explained = self._posting(headers, key)
            return await ask_by_tokens(self, request, post, explained)
        body = self._body(request)
        answer = await self._transport.post("chat/completions", body, headers, is_broken)
        if wants_other_bound(answer, body):
            self._bound = "max_completion_tokens"
            body = self._body(request)
            answer = await self._transport.post("chat/completions", body, headers, is_broken)
        if answer.status != 200 or error_in(answer):
            raise await self._explained(answer, key, body)
        return read(answer, request, key)

    @property
    def words(self) -> dict[int, str]:
        """The texts of tokens that the server was asked for."""
        return self._words

    async def end_tokens(self) -> tuple[int, ...] | None:
        """The token that ends a turn, read off the server's chat template; `None` for vendors' servers.

        Raises:
            ModelError: As for `complete`.
            UsageError: The server is no vLLM's.
        """
        if self.dialect == "openai":
            return None
        return await ends_of(self, *self._posting(*authorization(self.key_env))) or None

    def _posting(self, headers: Mapping[str, str], key: str) -> tuple[Post, Explained]:
        async def post(path: str, body: bytes) -> Answer:
            return await self._transport.post(path, body, headers)

        return post, lambda answer, body: self._explained(answer, key, body)

    def _body(self, request: Request) -> bytes:
        return to_body(request, self.model, self.dialect, self.template, self.omit, self._bound)

    def fingerprint(self) -> dict[str, object]:
        """The served model's name, template variables, default sampling, what is left out; not where it is served."""
        told: dict[str, object] = {"engine": "server", "model": self.model}
        told |= {"template": dict(self.template)} if self.template else {}
        told |= {"dialect": self.dialect} if self.dialect != "any" else {}
        told |= {"omit": sorted(self.omit)} if self.omit else {}
        return {**told, "sampling": self.sampling.model_dump(mode="json")}

    async def aclose(self) -> None:
        """Close the running loop's connections. The next call opens new ones."""
        await self._transport.aclose()

    async def load_adapter(self, name: str, folder: Path) -> None:
        """Have every address serve a LoRA adapter under a name (vLLM's route); one that it has already is kept.

        Args:
            name: What is asked for from then on: `server:URL#NAME`.
            folder: Where the servers find it: on a disk that they share with this machine.

        Raises:
            ModelUnavailable: A server cannot be reached, or loads no adapters while it runs.
            ModelError: It refuses this one.
        """
        headers, key = authorization(self.key_env)
        body = json.dumps({"lora_name": name, "lora_path": str(folder)}).encode()
        for url in self._transport.urls:
            one = Transport([str(url)], timeout=self.timeout, retries=self.retries, connections=1)
            try:
                answer = await one.post("load_lora_adapter", body, headers)
            finally:
                await one.aclose()
            if answer.status in LACKING and b"adapter" not in answer.content:
                hint = "vLLM: serve --enable-lora, with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 in its environment"
                raise ModelUnavailable(f"{url} loads no adapters", hint=hint, status=answer.status)
            if answer.status != 200 and b"already been loaded" not in answer.content:
                raise self._plain(answer, key, body)

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
            body = self._body(probe)
            answer = await one.post("chat/completions", body, headers)
            if wants_other_bound(answer, body):
                self._bound = "max_completion_tokens"
                answer = await one.post("chat/completions", self._body(probe), headers)
            seconds = time.perf_counter() - started
            if answer.status != 200 or error_in(answer):
                raise self._missing(answer, served, key, body)
            read(answer, probe, key)
        except DikastError as error:
            return ServerCheck(str(url), error=error)
        finally:
            await one.aclose()
        return ServerCheck(str(url), served, seconds)

    async def _explained(self, answer: Answer, key: str, body: bytes) -> ModelError:
        """The error for an answer that is none."""
        if answer.status != 404:
            return self._plain(answer, key, body)
        headers, _ = authorization(self.key_env)
        try:
            served = await self._served(self._transport, answer.url, headers, key)
        except ModelError:
            hint = "no OpenAI API here: does the address end in /v1?"
            return ModelUnavailable(f"{answer.url}: HTTP 404", hint=hint, status=404)
        return self._missing(answer, served, key, body)

    def _missing(self, answer: Answer, served: tuple[str, ...], key: str, body: bytes) -> ModelError:
        """The error for an answer that is none, where it is known what is served."""
        if answer.status != 404 or self.model in served:
            return self._plain(answer, key, body)
        close = get_close_matches(self.model, served, n=1)
        listed = ", ".join(served[:SHOWN_MODELS]) + (", ..." if len(served) > SHOWN_MODELS else "")
        hint = (f"did you mean {close[0]!r}? " if close else "") + f"served: {listed or 'nothing'}"
        return ModelUnavailable(f"{answer.url}: the server does not serve {self.model!r}", hint=hint, status=404)

    def _plain(self, answer: Answer, key: str, body: bytes = b"{}") -> ModelError:
        content = blotted(answer.content, key)
        status = error_in(answer) or answer.status
        error = explain(status, content, where=str(answer.url), key=key_variable(self.key_env))
        if type(error) is ModelError and status < 500:
            error.hint = advise(content, body) or error.hint
        return error

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


def is_broken(answer: Answer) -> bool:
    """Whether a 200's body holds no reply, so that another attempt may: cut, a web page, without choices."""
    status = error_in(answer)
    if status:
        return status == 200 or Answer(answer.url, status, answer.content).passing
    try:
        choices_in(answer, "")
    except BrokenReply:
        return True
    return False


def error_in(answer: Answer) -> int:
    """The status that a 200's body gives its error, as gateways do; 200 if it gives none, 0 if there is no error."""
    said = mapping(answer.value)
    if answer.status != 200 or not said.get("error") or said.get("choices"):
        return 0
    code = mapping(said["error"]).get("code")
    return code if isinstance(code, int) and 400 <= code < 600 else 200


def read(answer: Answer, request: Request, key: str) -> list[Reply]:
    """The replies in an answer; the key is in no message about it.

    Raises:
        ModelError: The answer is no chat completion.
    """
    try:
        return from_answer(answer, request, str(answer.url))
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
    urls = tuple(check_address(address.strip()) for address in addresses.split(","))
    if not model:
        raise UsageError("server: name the model after '#': server:http://host:8000/v1#ORG/MODEL")
    given = Options("server", options)
    dialect = given.text("dialect", "any")
    if dialect not in ("any", "vllm", "openai"):
        raise UsageError("server: option 'dialect' must be 'any', 'vllm' or 'openai'")
    opened = ServerModel(
        spec=spec,
        urls=urls,
        model=model,
        timeout=given.number("timeout", TIMEOUT_SECONDS),
        retries=given.count("retries", RETRIES),
        connections=given.count("connections", CONNECTIONS, least=1),
        dialect=dialect,
        template=given.json_object("template"),
        omit=parse_omitted(given.text("omit")),
        key_env=given.text("key_env"),
        sampling=given.sampling(),
    )
    given.done()
    return opened


def parse_omitted(text: str) -> tuple[str, ...]:
    """The fields that are never sent, from a comma-separated list.

    Raises:
        UsageError: One of them cannot be left out.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in OMITTED:
            raise UsageError(f"server: option 'omit': {name!r} is not one of {', '.join(OMITTED)}")
    return names
