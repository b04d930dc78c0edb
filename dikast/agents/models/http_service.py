"""A service of one's own as a model: a JSON body with the prompt in it is posted, the reply is found at a path.

    http:https://my.app/api/chat#body=chat.json&reply=choices.0.message.content&key_env=MY_KEY

| option | what | default |
| --- | --- | --- |
| `body` | JSON file, or the JSON itself; `{prompt}` in its strings is the prompt | `{"prompt": "{prompt}"}` |
| `reply` | names and list places, with dots between, that lead to the reply's text | `reply` |
| `timeout`, `retries`, `connections` | as for `server:` | 600, 5, 256 |
| `key_env` | environment variable whose value is sent as `Authorization: Bearer` | none |

Options stand after `#`, which no server sees, so that the address may have a query of its own. A string of the body
that is just `{max_tokens}`, `{temperature}` or `{seed}` becomes that number; what the body does not name is the
service's own choice, and no option of ours changes it. A status of 400, 403 or 422 whose body speaks of a content
filter or policy is `filtered`. Messages about failures are in our words alone and never quote the service.

Not here: other methods than POST, other bodies than JSON, streaming, sessions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl

from pydantic import PrivateAttr
from yarl import URL

from dikast.agents.models.boundary import FILTER
from dikast.agents.models.engine import NEEDS, EngineModel
from dikast.agents.models.model_options import Options
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.server import CONNECTIONS, RETRIES, TIMEOUT_SECONDS
from dikast.disk import cause_of, remedy_of
from dikast.errors import DataError, ModelError, ModelRefused, ModelTimeout, ModelUnavailable, UsageError
from dikast.http.access import parse_address
from dikast.http.transport import Answer, Transport

SCHEME = "http:"
BODY = '{"prompt": "{prompt}"}'
REPLY = "reply"
PROMPT = "{prompt}"
NUMBERS = ("max_tokens", "temperature", "seed")


class HttpTargetError(ModelError):
    """The service gave no reply. The message is in our words alone."""


class HttpModel(EngineModel):
    """A service behind an HTTP address. See the module's description for the fields."""

    url: str
    body: Any
    reply: str
    timeout: float = TIMEOUT_SECONDS
    retries: int = RETRIES
    connections: int = CONNECTIONS
    key_env: str = ""
    _transport: Transport = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        """Make the transport; it opens nothing."""
        super().model_post_init(context)
        base = URL(self.url).origin()
        self._transport = Transport(
            [str(base)], timeout=self.timeout, retries=self.retries, connections=self.connections
        )

    async def complete(self, request: Request) -> list[Reply]:
        """Post the last message; words between white space stand for tokens.

        Raises:
            ModelUnavailable: The service cannot be reached, or wants another key.
            ModelTimeout: No answer within `timeout`.
            ModelRefused: A content filter stopped the request.
            HttpTargetError: It answered something else than was agreed.
            UsageError: The request needs more than a message answered.
        """
        self.refuse(request, *NEEDS)
        prompt = request.messages[-1]["content"]
        body = json.dumps(fill_body(self.body, prompt, request)).encode()
        address = URL(self.url)
        answer = await self._transport.post(address.raw_path_qs, body, self._headers())
        text = self._read(answer)
        return [Reply(text, "stop", len(prompt.split()), len(text.split()))]

    def fingerprint(self) -> dict[str, object]:
        """The address, the body, the path to the reply."""
        return {"engine": "http", "url": self.url, "body": self.body, "reply": self.reply}

    async def aclose(self) -> None:
        """Close the running loop's connections."""
        await self._transport.aclose()

    def _headers(self) -> dict[str, str]:
        if not self.key_env:
            return {}
        key = os.environ.get(self.key_env, "").strip()
        if not (key and key.isascii() and key.isprintable()):
            raise UsageError(f"{self.url}: the environment variable {self.key_env}, named by key_env, holds no key")
        return {"Authorization": f"Bearer {key}"}

    def _read(self, answer: Answer) -> str:
        if not 200 <= answer.status < 300:
            raise explain_status(self.url, answer)
        try:
            found: Any = json.loads(answer.content)
        except (ValueError, RecursionError):
            raise HttpTargetError(f"{self.url}: HTTP {answer.status}, and the body is not JSON") from None
        for step in self.reply.split("."):
            found = step_into(found, step, self.url, self.reply)
        if found is None:
            return ""
        if not isinstance(found, str):
            raise HttpTargetError(f"{self.url}: at {self.reply!r} is no text but a {type(found).__name__}")
        return found


def step_into(value: Any, step: str, url: str, path: str) -> Any:
    """One step of the path to the reply."""
    if isinstance(value, dict) and step in value:
        return cast(dict[str, Any], value)[step]
    if isinstance(value, list) and step.isdecimal() and int(step) < len(cast(list[Any], value)):
        return cast(list[Any], value)[int(step)]
    hint = "say where the reply's text is: #reply=choices.0.message.content"
    raise HttpTargetError(f"{url}: the answer has nothing at {step!r} of {path!r}", hint=hint)


def explain_status(url: str, answer: Answer) -> ModelError:
    """The error for a status that is no success."""
    told = f"{url}: HTTP {answer.status}"
    if answer.status in (400, 403, 422) and FILTER.search(answer.content.decode("utf-8", "replace")):
        return ModelRefused(f"{told}: stopped by a content filter", status=answer.status)
    if answer.status in (401, 403, 404, 405) or 300 <= answer.status < 400:
        hint = "is the address right, and does the service want a key (#key_env=VARIABLE)?"
        return ModelUnavailable(told, hint=hint, status=answer.status)
    if answer.status in (408, 504):
        return ModelTimeout(told, status=answer.status)
    return HttpTargetError(told, status=answer.status)


def fill_body(body: Any, prompt: str, request: Request) -> Any:
    """The body with the prompt and the numbers it asks for: put in as values of JSON, so that nothing breaks out."""
    if isinstance(body, dict):
        return {name: fill_body(value, prompt, request) for name, value in cast(dict[str, Any], body).items()}
    if isinstance(body, list):
        return [fill_body(value, prompt, request) for value in cast(list[Any], body)]
    if not isinstance(body, str):
        return body
    number = body.removeprefix("{").removesuffix("}")
    if number in NUMBERS and body == f"{{{number}}}":
        return getattr(request.sampling, number)
    return body.replace(PROMPT, prompt)


def open_target(spec: str) -> HttpModel:
    """Make the model of `http:URL#body=...&reply=...`.

    Raises:
        UsageError: The address or an option is wrong.
        DataError: The body's file cannot be read, is not JSON, or has no `{prompt}`.
    """
    address, _, options = spec.removeprefix(SCHEME).partition("#")
    given = Options("http", dict(parse_qsl(options, keep_blank_values=True)))
    opened = HttpModel(
        spec=spec,
        url=check_address(address),
        body=read_body(given.text("body", BODY)),
        reply=given.text("reply", REPLY),
        timeout=given.number("timeout", TIMEOUT_SECONDS),
        retries=given.count("retries", RETRIES),
        connections=given.count("connections", CONNECTIONS, least=1),
        key_env=given.text("key_env"),
    )
    given.done()
    return opened


def check_address(address: str) -> str:
    """An address that can be asked and shown.

    Raises:
        UsageError: It is no http(s) address, or holds a password.
    """
    url = parse_address(address)
    if url.user or url.password:
        raise UsageError("http: an address must not hold a name or password", hint="put a key into #key_env=VARIABLE")
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"http: {address!r} is no address", hint="write http:https://host/path#body=...&reply=...")
    return address


def read_body(text: str) -> Any:
    """The body's template, from a file or as it stands.

    Raises:
        DataError: It cannot be read, is not JSON, or has no `{prompt}`.
    """
    path: Path | None = None
    if not text.lstrip().startswith(("{", "[")):
        path = Path(text)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            told = f"the body of an HTTP target cannot be read: {cause_of(error)}"
            raise DataError(told, path=path, hint=remedy_of(error, path)) from error
        except UnicodeDecodeError as error:
            told = f"the body of an HTTP target cannot be read: {error}"
            raise DataError(told, path=path, hint="save the file as UTF-8") from error
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the body of an HTTP target is not JSON: {error}", path=path) from error
    if PROMPT not in join_strings(body):
        hint = f"write {PROMPT} where the prompt goes, such as {BODY}"
        raise DataError(f"the body of an HTTP target has no {PROMPT}", path=path, hint=hint)
    return body


def join_strings(body: Any) -> str:
    """All strings of a JSON value, in one."""
    if isinstance(body, Mapping):
        return "\n".join(join_strings(value) for value in cast(Mapping[str, Any], body).values())
    if isinstance(body, list):
        return "\n".join(join_strings(value) for value in cast(list[Any], body))
    return body if isinstance(body, str) else ""
