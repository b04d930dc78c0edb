"""A request about tokens to a `vllm serve`: two to four calls, by `token_wire.py`, over the model's own transport.

replies = await ask_by_tokens(model, request, post)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from dikast.agents.models.engine import NEEDS, NEEDS_HINT, check_value, unable
from dikast.agents.models.request import SCORED_REASON, Message, Reply, Request, Tokens
from dikast.agents.models.token_wire import (
    COMPLETIONS,
    POOLING,
    TOKENIZE,
    from_completion,
    from_pooling,
    from_tokenize,
    to_completion,
    to_pooling,
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
    """The replies to a request with a prefix or a completion; a value is a completion's, too.

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

    if request.value:
        turn = await turn_of(served, request, ids)
        body = to_pooling(turn, served.model)
        answer = await post(POOLING, body)
        if answer.status in LACKING and b"does not exist" not in answer.content:
            raise unable(served.spec, "value")
        if answer.status != 200:
            raise await explained(answer, body)
        value = from_pooling(answer, str(answer.url))
        check_value(request, value, served.spec)
        return [Reply(str(request.completion), SCORED_REASON, len(turn), 0, value=value)]
    prompt = await ids(to_tokenize(served.model, messages=request.messages, template=served.template))
    prefix, scored = await ids_of(request.prefix), await ids_of(request.completion or ())
    body = to_completion([*prompt, *prefix, *scored], request, served.model, served.omit)
    answer = await post(COMPLETIONS, body)
    if answer.status != 200:
        raise await explained(answer, body)
    return from_completion(answer, request, scored, str(answer.url))


async def turn_of(served: Served, request: Request, ids: Callable[[bytes], Awaitable[list[int]]]) -> list[int]:
    """The tokens of a chat with the completion as its last turn, up to the one that ends it.

    Raises:
        UsageError: The chat template shows a reply that is open otherwise than one that has ended.
    """
    chat = [*request.messages, Message(role="assistant", content=str(request.completion))]
    opened = await ids(to_tokenize(served.model, messages=chat, template=served.template, last="opened"))
    ended = await ids(to_tokenize(served.model, messages=chat, template=served.template, last="ended"))
    if ended[: len(opened)] != opened:
        raise UsageError(f"{served.spec}: its chat template changes a reply when it ends it; no value can be asked")
    return ended[: len(opened) + 1]
