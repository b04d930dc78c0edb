"""An OpenAI-compatible embeddings endpoint, such as `vllm serve MODEL` has: `server:http://host:8000/v1#MODEL`.

    encoder = load_encoder("server:http://a:8000/v1,http://b:8000/v1#intfloat/e5-base-v2?query_prefix=query:+")

Several addresses, comma-separated, share the load. Options after `?` (a space is written `+`):

| option | what | default |
| --- | --- | --- |
| `query_prefix`, `document_prefix` | text put before queries and documents, as the model's card asks for | none |
| `dimensions` | shorter vectors, from models that were trained to give them | the model's own |
| `truncate` | `truncate_prompt_tokens` of vLLM: cut longer texts; -1 is at the model's own length | an error |
| `batch` | texts in one request | 64 |
| `connections` | requests in flight per address | 8 |
| `timeout` | seconds for one attempt | 120 |
| `retries` | attempts after the first, for what passes: 429, 5xx, lost connections | 5 |
| `key_env` | environment variable with the API key | `DIKAST_API_KEY`, else `OPENAI_API_KEY` |

An empty text is sent as one space, since OpenAI's API refuses an empty one.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from dikast.errors import ModelContextOverflow, RetrievalError, UsageError
from dikast.http.access import authorization, blotted, check_address, key_variable
from dikast.http.server_errors import explain
from dikast.http.transport import Answer, Transport
from dikast.retrieval.encoders.encoder import Encoder, Role
from dikast.retrieval.vectors import Vectors
from dikast.spec_options import Options

BATCH = 64
"""Large enough for a GPU to be busy, small enough for a request to be repeated."""
CONNECTIONS = 8
TIMEOUT_SECONDS = 120.0
RETRIES = 5
LITTLE_FLOATS = np.dtype("<f4")


@dataclass(frozen=True)
class ServerEncoder:
    """An encoder behind an OpenAI-compatible API. See the module's description for the fields."""

    spec: str
    model: str
    transport: Transport
    prefixes: dict[Role, str] = field(default_factory=dict[Role, str])
    dimensions: int = 0
    truncate: int | None = None
    batch: int = BATCH
    key_env: str = ""

    def fingerprint(self) -> dict[str, object]:
        """The served model's name, prefixes, dimensions and truncation; not where it is served."""
        told: dict[str, object] = {"encoder": "server", "model": self.model}
        told |= {f"{role}_prefix": prefix for role, prefix in self.prefixes.items() if prefix}
        told |= {"dimensions": self.dimensions} if self.dimensions else {}
        return told | ({"truncate": self.truncate} if self.truncate is not None else {})

    async def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """One vector a text, in order: `[texts, dimension]`; batches go out concurrently.

        Raises:
            ModelUnavailable: No server can be reached, or the key is refused.
            ModelTimeout: No reply within `timeout`.
            ModelContextOverflow: A text is too long for the model.
            ModelError: A server refused or failed.
            RetrievalError: What a server answered is no list of vectors.
        """
        if not texts:
            return np.empty((0, 0), np.float32)
        prefix = self.prefixes.get(role, "")
        sent = [f"{prefix}{text}" or " " for text in texts]
        batches = [sent[start : start + self.batch] for start in range(0, len(sent), self.batch)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._ask(batch)) for batch in batches]
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None
        found = [task.result() for task in tasks]
        lengths = sorted({vectors.shape[1] for vectors in found})
        if len(lengths) > 1:
            raise RetrievalError(f"{self.model}: vectors of {lengths[0]} and of {lengths[1]} numbers in one answer")
        return np.concatenate(found)

    async def _ask(self, texts: list[str]) -> Vectors:
        body: dict[str, Any] = {"model": self.model, "input": texts, "encoding_format": "base64"}
        body |= {"dimensions": self.dimensions} if self.dimensions else {}
        body |= {"truncate_prompt_tokens": self.truncate} if self.truncate is not None else {}
        headers, key = authorization(self.key_env)
        answer = await self.transport.post("embeddings", json.dumps(body).encode(), headers)
        if answer.status != 200:
            raise self._explained(answer, key)
        return read(answer, len(texts))

    def _explained(self, answer: Answer, key: str) -> Exception:
        content = blotted(answer.content, key)
        error = explain(answer.status, content, where=str(answer.url), key=key_variable(self.key_env))
        if isinstance(error, ModelContextOverflow):
            error.hint = "?truncate=-1 has vLLM cut what is too long"
        elif answer.status == 404:
            error.hint = f"does the server serve {self.model!r}, and as an embedding model?"
        return error


def read(answer: Answer, count: int) -> Vectors:
    """The vectors in an answer, in the order of the texts.

    Raises:
        RetrievalError: It does not hold one vector of one length for each text.
    """
    try:
        entries: list[dict[str, Any]] = json.loads(answer.content)["data"]
        placed = {int(entry["index"]): numbers(entry["embedding"]) for entry in entries}
        vectors = [placed[place] for place in range(count)]
        if len(entries) == count:
            return np.stack(vectors)
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise RetrievalError(f"{answer.url}: the answer does not hold {count} embeddings of one length")


def numbers(embedding: object) -> Vectors:
    """One vector, as base64 of little-endian floats or, from servers that do not know that, a list."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding, validate=True), LITTLE_FLOATS).astype(np.float32)
    return np.array(cast("list[float]", embedding), np.float32)


def open_encoder(rest: str, options: Options, spec: str) -> Encoder:
    """Make the encoder of `server:URL[,URL...]#MODEL`.

    Raises:
        UsageError: An address, the model's name or an option is missing or wrong.
    """
    addresses, _, model = rest.partition("#")
    if not model:
        raise UsageError("server encoder: name the model after '#': server:http://host:8000/v1#ORG/MODEL")
    transport = Transport(
        [check_address(address.strip()) for address in addresses.split(",")],
        timeout=options.number("timeout", TIMEOUT_SECONDS),
        retries=options.count("retries", RETRIES),
        connections=options.count("connections", CONNECTIONS, least=1),
    )
    return ServerEncoder(
        spec=spec,
        model=model,
        transport=transport,
        prefixes={"query": options.text("query_prefix"), "document": options.text("document_prefix")},
        dimensions=options.count("dimensions", 0),
        truncate=truncation(options.text("truncate")),
        batch=options.count("batch", BATCH, least=1),
        key_env=options.text("key_env"),
    )


def truncation(text: str) -> int | None:
    """The number of tokens to cut at: -1 or above 0; `None` for no cut.

    Raises:
        UsageError: It is no such number.
    """
    if not text:
        return None
    if text != "-1" and not (text.isdecimal() and int(text)):
        raise UsageError("server encoder: option 'truncate' must be -1 or a number of tokens")
    return int(text)
