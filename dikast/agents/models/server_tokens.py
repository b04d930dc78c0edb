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
    DETOKENIZE,
    POOLING,
    TOKENIZE,
    by_ids,
    from_completion,
    from_detokenize,
    from_pooling,
    from_tokenize,
    named,
    to_completion,
    to_detokenize,
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

    @property
    def words(self) -> dict[int, str]:
        """The texts of tokens that were looked up; grows."""
        ...


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
        return await ids_in(served, body, post, explained, NEEDS[request.needs[0]])

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
    replies = from_completion(answer, request, scored, str(answer.url))
    if not by_ids(request) or request.completion is not None:
        return replies
    for reply in replies:
        await look_up(served, {*(reply.tokens or ()), *(id_ for one in reply.logprobs or () for id_ in one.ids)}, post)
    return [named(reply, served.words) for reply in replies]


async def ids_in(served: Served, body: bytes, post: Post, explained: Explained, need: str) -> list[int]:
    """The ids that the server makes of a chat or a text.

    Args:
        served: The model.
        body: As `to_tokenize` makes it.
        post: Sends a body to one of its servers.
        explained: The error for an answer that is none.
        need: What cannot be done without, in words.

    Raises:
        ModelError: As for `ServerModel.complete`.
        UsageError: The server has no route that tokenises, so is no vLLM's.
    """
    answer = await post(TOKENIZE, body)
    if answer.status in LACKING and b"does not exist" not in answer.content:
        raise UsageError(f"{served.spec} cannot {need}: its server has no /tokenize", hint=NEEDS_HINT)
    if answer.status != 200:
        raise await explained(answer, body)
    return from_tokenize(answer, str(answer.url))


async def look_up(served: Served, tokens: set[int], post: Post) -> None:
    """Learn the texts of tokens that are not known yet.

    Raises:
        ModelError: The server tells none.
    """
    for token in sorted(tokens - set(served.words)):
        answer = await post(DETOKENIZE, to_detokenize(served.model, token))
        served.words[token] = from_detokenize(answer, str(answer.url))


async def ends_of(served: Served, post: Post, explained: Explained) -> tuple[int, ...]:
    """The token that ends a turn, read off the chat template: what an answer has when it has ended and not before.

    Raises:
        ModelError: As for `ServerModel.complete`.
        UsageError: The server has no route that tokenises.
    """

    async def ids(body: bytes) -> list[int]:
        return await ids_in(served, body, post, explained, "tell how a turn ends")

    chat: tuple[Message, ...] = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"})
    opened = await ids(to_tokenize(served.model, messages=chat, template=served.template, last="opened"))
    ended = await ids(to_tokenize(served.model, messages=chat, template=served.template, last="ended"))
    return tuple(ended[len(opened) : len(opened) + 1]) if ended[: len(opened)] == opened else ()


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
