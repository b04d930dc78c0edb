"""An OpenAI-compatible server on loopback, with a model made of words: for tests and benchmarks.

    with Loopback() as server:                      # in a thread of its own, so that any event loop may call it
        model = load_model(f"server:{server.url}#{ECHO}")
        server.faults.append(status(429, retry_after="0"))

    python tests/loopback.py --port 8000            # a process of its own; prints its address, ends with SIGTERM

The model is deterministic in (messages, seed, sample index), counts a word as a token, knows JSON schema and choice,
gives log-probabilities, counts on and on when a prompt starts with "Count", and has vLLM's words for errors. It also
gives embeddings, drawn from texts' hashes.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import struct
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Thread
from typing import Any

from aiohttp import web

from tests import token_world

ECHO, THINKER = "org/echo", "org/thinker"
"""The models served; the second one gives its reasoning apart."""
CONTEXT_WORDS = 2048
EMBEDDING = 8
"""Numbers in the vectors of the embeddings route."""
WORDS = "red green blue river stone bird cloud lamp north tree seven glass paper horse winter salt"
VOCABULARY = WORDS.split()
REASONING = "first this then that"
REGEX, GRAMMAR = r"(yes|no)-[0-9]{2}", 'root ::= "left" | "right"'
SCALARS: dict[str, Any] = {"string": "word", "integer": 7, "number": 0.5, "boolean": True, "null": None}
KINDS: dict[str, Any] = {**SCALARS, "object": {}, "array": []}
"""The types of JSON schema, with the simplest value of each."""
MATCHES = {REGEX: "yes-42", GRAMMAR: "left"}
"""The regular expression and the grammar that the model can follow."""

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Loopback:
    """The server.

    Args:
        seconds_per_word: How long a generated word takes.
        key: The API key that it wants; none if empty.
        port: The port; 0 takes any free one.
        keep: Whether to remember bodies, headers and connections.
        faults: What the next chat requests get instead of an answer, first in first out.
        bodies: The chat requests seen.
        in_flight: Chat requests being worked on.
        aborted: Chat requests whose client went away.
        connections: Connections ever opened.
        peak: The most requests ever in flight at once.
        headers: The headers of the last chat request.
        adapters: Those that were loaded, name -> path; `None` for a server that loads none while it runs.
    """

    seconds_per_word: float = 0.0
    key: str = ""
    port: int = 0
    keep: bool = True
    faults: deque[Fault] = field(default_factory=lambda: deque[Fault]())
    bodies: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())
    in_flight: int = 0
    aborted: int = 0
    peak: int = 0
    headers: dict[str, str] = field(default_factory=lambda: dict[str, str]())
    adapters: dict[str, str] | None = None
    _peers: set[Any] = field(default_factory=lambda: set[Any]())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def connections(self) -> int:
        return len(self._peers)

    def __enter__(self) -> Loopback:
        started: Future[None] = Future()
        self._thread = Thread(target=lambda: asyncio.run(self.serve(started)), daemon=True)
        self._thread.start()
        started.result(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)

    async def serve(self, started: Future[None] | None = None) -> None:
        """Serve until told to end."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._chat)
        app.router.add_post("/v1/completions", self._chat)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/detokenize", self._detokenize)
        app.router.add_get("/v1/models", self._models)
        if self.adapters is not None:
            app.router.add_post("/v1/load_lora_adapter", self._load_adapter)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        if started is not None:
            started.set_result(None)
        await self._ended.wait()
        await runner.cleanup()

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = json.loads(await request.read())
        return self._unauthorized(request) or web.json_response({"tokens": token_world.prompt_ids(body)})

    async def _detokenize(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = json.loads(await request.read())
        return self._unauthorized(request) or web.json_response({"prompt": token_world.text_of(body["tokens"])})

    async def _models(self, request: web.Request) -> web.StreamResponse:
        return self._unauthorized(request) or web.json_response({"data": [{"id": ECHO}, {"id": THINKER}]})

    async def _load_adapter(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = json.loads(await request.read())
        name, path = body["lora_name"], body["lora_path"]
        assert self.adapters is not None
        if wrong := self._unauthorized(request):
            return wrong
        if name in self.adapters:
            return error(400, f"The lora adapter '{name}' has already been loaded.", "InvalidUserInput")
        if not Path(path, "adapter_config.json").is_file():
            return error(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        self.adapters[name] = path
        return web.Response(text=f"Success: LoRA adapter '{name}' added successfully.")

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        sent = request.headers.get("Authorization", "")
        if not self.key or sent == f"Bearer {self.key}":
            return None
        return error(401, f"Incorrect API key provided: {sent.removeprefix('Bearer ')}", "invalid_api_key")

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        if self.keep:
            self.headers = dict(request.headers)
            self._peers.add(request.transport and request.transport.get_extra_info("peername"))
        try:
            return await self._answer(request)
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = json.loads(await request.read())
        if self.keep:
            self.bodies.append(dict(body))
        if "max_completion_tokens" in body:  # OpenAI's newer name of the same
            body["max_tokens"] = body.pop("max_completion_tokens")
        if self.faults:
            return await self.faults.popleft()(request)
        if request.path.endswith("/embeddings"):
            return self._unauthorized(request) or embeddings(body)
        if request.path == "/v1/completions":
            body = token_world.as_chat(body)
        wrong = self._unauthorized(request) or refused(body)
        if wrong is not None:
            return wrong
        if request.path == "/v1/completions":
            return web.json_response(completion(body, token_world.completions(body)))
        choices = [choice(body, index) for index in range(body.get("n", 1))]
        if self.seconds_per_word:
            await asyncio.sleep(
                self.seconds_per_word * max(len(said["message"]["content"].split()) for said in choices)
            )
        return web.Response(body=json.dumps(completion(body, choices)).encode(), content_type="application/json")


def refused(body: dict[str, Any]) -> web.Response | None:
    """The error for a request that the model cannot take."""
    if body["model"] not in (ECHO, THINKER):
        return error(404, f"The model `{body['model']}` does not exist.", 404)
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema", {"type": "object"})
    if schema.get("type") not in KINDS:
        return error(400, f"Invalid JSON schema: no type {schema.get('type')!r}", 400)
    words = prompt_words(body)
    if words + body["max_tokens"] > CONTEXT_WORDS:
        return error(
            400,
            f"'max_tokens' or 'max_completion_tokens' is too large: {body['max_tokens']}. This model's maximum context "
            f"length is {CONTEXT_WORDS} tokens and your request has {words} input tokens.",
            400,
        )
    return None


def embeddings(body: dict[str, Any]) -> web.Response:
    """A text's vector is drawn from its hash. In reverse: the API promises an index, and no order."""
    if body["model"] != ECHO:
        return error(404, f"The model `{body['model']}` does not exist.", 404)
    longest = max(len(text.split()) for text in body["input"])
    if longest > CONTEXT_WORDS and "truncate_prompt_tokens" not in body:
        words = f"This model's maximum context length is {CONTEXT_WORDS} tokens, you requested {longest} tokens."
        return error(400, words, 400)
    packed = body.get("encoding_format") == "base64"
    made = [
        {"index": index, "embedding": embedding(text, body.get("dimensions", EMBEDDING), packed)}
        for index, text in enumerate(body["input"])
    ]
    return web.json_response({"data": made[::-1]})


def embedding(text: str, dimension: int, packed: bool) -> str | list[float]:
    values = [byte / 255 - 0.5 for byte in sha256(text.encode()).digest()[:dimension]]
    return base64.b64encode(struct.pack(f"<{dimension}f", *values)).decode() if packed else values


def completion(body: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    words, spoken = len(body.get("prompt", ())) or prompt_words(body), sum(count(said) for said in choices)
    usage = {
        "prompt_tokens": words,
        "completion_tokens": spoken,
        "total_tokens": words + spoken,
        "prompt_tokens_details": {"cached_tokens": words // 2},
        "completion_tokens_details": {"reasoning_tokens": sum(thought(said) for said in choices)},
    }
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": body["model"], "choices": choices, "usage": usage}


def choice(body: dict[str, Any], index: int) -> dict[str, Any]:
    """One reply, as the API gives it."""
    text, finish_reason = bounded(text_for(body, index), body)
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if body["model"] == THINKER and body.get("chat_template_kwargs", {}).get("enable_thinking", True):
        message["reasoning"] = REASONING
    logprobs = {"content": tokens(text, body["top_logprobs"])} if body.get("logprobs") else None
    ids = {"token_ids": token_world.ids_of(text)} if body.get("return_token_ids") else {}
    return {"index": index, "message": message, "finish_reason": finish_reason, "logprobs": logprobs, **ids}


def text_for(body: dict[str, Any], index: int) -> str:
    form = body.get("structured_outputs", {})
    if "choice" in form:
        return form["choice"][digest(body, index) % len(form["choice"])]
    if "response_format" in body:
        return json.dumps(instance(body["response_format"]["json_schema"]["schema"]))
    for name in ("regex", "grammar"):
        if name in form:
            return MATCHES[form[name]]
    if body["messages"][-1]["content"].startswith("Count"):
        return " ".join(str(number) for number in range(1, body["max_tokens"] + 2))
    number = digest(body, index)
    return " ".join(VOCABULARY[(number >> shift) % len(VOCABULARY)] for shift in range(0, 4 * (6 + number % 5), 4))


def digest(body: dict[str, Any], index: int) -> int:
    """The model's state of mind: the messages and, unless it is greedy, the seed and the sample's index."""
    draw = (body.get("seed"), index) if body.get("temperature") else None
    return int.from_bytes(sha256(repr((body["messages"], draw)).encode()).digest()[:8], "big")


def instance(schema: dict[str, Any]) -> Any:
    """The simplest value that fits a schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema["type"]
    if kind == "object":
        return {name: instance(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [instance(schema["items"])] * schema.get("minItems", 1)
    return KINDS[kind]


def bounded(text: str, body: dict[str, Any]) -> tuple[str, str]:
    ends = [text.index(stop) for stop in body.get("stop", ()) if stop in text]
    words = text[: min(ends)] if ends else text
    if len(words.split()) > body["max_tokens"]:
        return " ".join(words.split()[: body["max_tokens"]]), "length"
    return words, "stop"


def tokens(text: str, alternatives: int) -> list[dict[str, Any]]:
    """A word a token: its own log-probability, and the same alternatives everywhere."""
    top = [{"token": word, "logprob": -0.5 - rank} for rank, word in enumerate(VOCABULARY[:alternatives])]
    return [{"token": word, "logprob": -0.5, "top_logprobs": top} for word in text.split()]


def prompt_words(body: dict[str, Any]) -> int:
    return sum(len(message["content"].split()) for message in body["messages"])


def thought(said: dict[str, Any]) -> int:
    return len(said.get("message", {}).get("reasoning", "").split())


def count(said: dict[str, Any]) -> int:
    return len(said["message"]["content"].split() if "message" in said else said["text"].split()) + thought(said)


def error(status_code: int, message: str, code: int | str) -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": "BadRequestError", "code": code}}, status=status_code
    )


def status(status_code: int, message: str = "no", code: int | str = 0, retry_after: str = "") -> Fault:
    """An error answer."""

    async def fault(request: web.Request) -> web.StreamResponse:
        response = error(status_code, message, code)
        if retry_after:
            response.headers["Retry-After"] = retry_after
        return response

    return fault


def says(content: bytes, status_code: int = 200) -> Fault:
    """An answer with exactly this body."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, status=status_code, content_type="application/json")

    return fault


def raw(content: bytes) -> Fault:
    """These bytes instead of an HTTP answer; then the connection is closed."""

    async def fault(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(content)
        request.transport.close()
        return web.Response()

    return fault


HANG_UP = raw(b"")
HALF_AN_ANSWER = raw(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"choices": [')


async def silence(request: web.Request) -> web.StreamResponse:
    """No answer, until the client goes away."""
    await asyncio.Event().wait()
    raise AssertionError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds-per-word", type=float, default=0.0)
    arguments = parser.parse_args()
    server = Loopback(arguments.seconds_per_word, port=arguments.port, keep=False)

    async def run() -> None:
        started: Future[None] = Future()
        started.add_done_callback(lambda _: print(server.url, flush=True))
        await server.serve(started)

    sys.exit(asyncio.run(run()))


if __name__ == "__main__":
    main()
