"""A request about tokens to a `vllm serve`: two to four calls, by `token_wire.py`, over the model's own transport.

replies = await ask_by_tokens(model, request, post)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from dikast.agents.models.engine import NEEDS, NEEDS_HINT
from dikast.agents.models.request import Reply, Request, Tokens
from dikast.agents.models.token_wire import (
    COMPLETIONS,
    TOKENIZE,
    from_completion,
    from_tokenize,
    to_completion,
    to_tokenize,
)
from dikast.errors import UsageError
from dikast.http.answers import Answer

LACKING = frozenset({404, 405, 501})
"""The statuses of a route that a server does not have."""

Post = Callable[[str, bytes], Awaitable[Answer]]
"""(path, body) -> an answer of any status."""
Explained = Callable[[Answer, bytes], Awaitable[Exception]]


class Served(Protocol):
    """What is asked of a model that is served; `ServerModel` has these fields."""

    spec: str
    model: str
    template: Mapping[str, Any]
    omit: tuple[str, ...]


async def ask_by_tokens(served: Served, request: Request, post: Post, explained: Explained) -> list[Reply]:
    """The replies to a request with a prefix or a completion.

    Args:
        served: The model.
        request: What is asked.
        post: Sends a body to one of its servers.
        explained: The error for an answer that is none.

    Raises:
        ModelError: As for `ServerModel.complete`.
        UsageError: The server has no route that tokenises, so is no vLLM's.
    """

    async def ids(body: bytes) -> list[int]:
        answer = await post(TOKENIZE, body)
        if answer.status in LACKING and b"does not exist" not in answer.content:
            told = f"{served.spec} cannot {NEEDS[request.needs[0]]}: its server has no /tokenize"
            raise UsageError(told, hint=NEEDS_HINT)
        if answer.status != 200:
            raise await explained(answer, body)
        return from_tokenize(answer, str(answer.url))

    async def ids_of(part: Tokens) -> list[int]:
        if isinstance(part, tuple):
            return list(part)
        return await ids(to_tokenize(served.model, text=part)) if part else []

    prompt = await ids(to_tokenize(served.model, messages=request.messages, template=served.template))
    prefix, scored = await ids_of(request.prefix), await ids_of(request.completion or ())
    body = to_completion([*prompt, *prefix, *scored], request, served.model, served.omit)
    answer = await post(COMPLETIONS, body)
    if answer.status != 200:
        raise await explained(answer, body)
    return from_completion(answer, request, scored, str(answer.url))
