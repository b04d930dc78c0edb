"""Requests by token ids over HTTP, as `vllm serve` takes them: going on from a prefix, and scoring a completion.

    body = to_tokenize("ORG/MODEL", messages=request.messages)       # POST /tokenize: the prompt's ids
    body = to_completion(ids, request, "ORG/MODEL")                  # POST /v1/completions
    replies = from_completion(answer, request, scored, where)

A chat completion has no place for a reply's beginning by ids: what a server renders from text it tokenises anew, and
may cut elsewhere. So the prompt is tokenised by the server, by its own template, and the ids go with the prefix's to
its plain completions. Written against vLLM 0.31 to 0.33; SGLang and llama.cpp name these fields otherwise.

Not here: chat completions (`chat_wire.py`); reasoning, which plain completions leave in the text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

from dikast.agents.models.chat_reply import (
    BrokenReply,
    count_of,
    ids_in,
    is_ids,
    logprob_of,
    mapping,
    mend_text,
    text_or_none,
)
from dikast.agents.models.chat_wire import decoding_fields, form, shown, split_evenly
from dikast.agents.models.finish_reasons import finish_reason
from dikast.agents.models.request import SCORED_REASON, Message, Reply, Request, TokenLogprob
from dikast.errors import ModelError
from dikast.http.answers import Answer

TOKENIZE, DETOKENIZE, POOLING, COMPLETIONS = "../tokenize", "../detokenize", "../pooling", "completions"
"""Below an address that ends in /v1: vLLM has all but the last beside its API."""
Last = Literal["prompt", "opened", "ended"]
"""A chat ends as a prompt for the reply, or in a reply that is still open, or that has ended."""
AS_ID = "token_id:"
"""What stands before a token that is told by its id in place of its text."""


def to_tokenize(
    model: str,
    *,
    messages: Sequence[Message] = (),
    text: str = "",
    template: Mapping[str, Any] | None = None,
    last: Last = "prompt",
) -> bytes:
    """The body that asks for the ids of a chat or of a text.

    Args:
        model: The served model's name.
        messages: The chat.
        text: Where there is no chat.
        template: Variables for the chat template.
        last: How the chat ends.
    """
    body: dict[str, Any] = {"model": model}
    if messages:
        body |= {"messages": messages, "add_generation_prompt": last == "prompt"}
        body |= {"continue_final_message": True} if last == "opened" else {}
        body |= {"chat_template_kwargs": dict(template)} if template else {}
    else:
        body |= {"prompt": text, "add_special_tokens": False}
    return json.dumps(body, separators=(",", ":")).encode()


def from_tokenize(answer: Answer, where: str) -> list[int]:
    """The ids in an answer of `/tokenize`.

    Raises:
        ModelError: There are none.
    """
    ids = mapping(answer.value).get("tokens")
    if not is_ids(ids):
        raise ModelError(f"{where}: /tokenize gave no token ids: {shown(answer.content)}")
    return cast(list[int], ids)


def to_pooling(ids: Sequence[int], model: str) -> bytes:
    """The body that asks a value head for its number, without an activation."""
    body = {"model": model, "input": list(ids), "task": "classify", "use_activation": False, "encoding_format": "float"}
    return json.dumps(body, separators=(",", ":")).encode()


def from_pooling(answer: Answer, where: str) -> float:
    """The one number in an answer of `/pooling`.

    Raises:
        ModelError: There is none, or there are several.
    """
    data = mapping(answer.value).get("data")
    found = mapping(cast(list[object], data)[0]).get("data") if isinstance(data, list) and data else None
    numbers = cast(list[object], found) if isinstance(found, list) else [found]
    if len(numbers) != 1 or isinstance(numbers[0], bool) or not isinstance(numbers[0], int | float):
        hint = "a value head or reward model has one number for an output"
        raise ModelError(f"{where}: /pooling gave no single number: {shown(answer.content)}", hint=hint)
    return float(numbers[0])


def to_completion(ids: Sequence[int], request: Request, model: str, omitted: Sequence[str] = ()) -> bytes:
    """The body of a plain completion.

    Args:
        ids: Prompt, prefix and completion to score.
        request: What is asked.
        model: The served model's name.
        omitted: Decoding parameters that the server refuses.
    """
    body: dict[str, Any] = {"model": model, "prompt": list(ids), "add_special_tokens": False}
    if request.completion is not None:
        # A server makes at least one token; it is thrown away.
        body |= {"max_tokens": 1, "temperature": 0.0, "prompt_logprobs": request.logprobs or 0}
        return json.dumps(body, separators=(",", ":")).encode()
    decoding = decoding_fields(request.sampling, every=True)
    body |= {name: value for name, value in decoding.items() if name not in omitted}
    body |= {"stop": request.sampling.stop} if request.sampling.stop else {}
    body |= {"n": request.n} if request.n != 1 else {}
    body |= {"logprobs": request.logprobs} if request.logprobs is not None else {}
    body |= {"return_token_ids": True} if request.tokens else {}
    body |= {"return_tokens_as_token_ids": True} if by_ids(request) else {}
    body |= form(request.structured, "vllm") if request.structured else {}
    return json.dumps(body, separators=(",", ":")).encode()


def by_ids(request: Request) -> bool:
    """Whether alternatives are to be told by their ids, in place of their texts."""
    return request.tokens and bool(request.logprobs)


def to_detokenize(model: str, token: int) -> bytes:
    """The body that asks for a token's text."""
    return json.dumps({"model": model, "tokens": [token]}, separators=(",", ":")).encode()


def from_detokenize(answer: Answer, where: str) -> str:
    """The text in an answer of `/detokenize`.

    Raises:
        ModelError: There is none.
    """
    text = mapping(answer.value).get("prompt")
    if not isinstance(text, str):
        raise ModelError(f"{where}: /detokenize gave no text: {shown(answer.content)}")
    return mend_text(text)


def named(reply: Reply, texts: Mapping[int, str]) -> Reply:
    """A reply whose alternatives were told by their ids, with their texts.

    Args:
        reply: As `from_completion` read it.
        texts: Of each token in it.
    """
    pairs = zip(reply.logprobs or (), reply.tokens or (), strict=True)
    logprobs = (
        TokenLogprob(
            texts[own],
            one.logprob,
            tuple((texts[id_], top[1]) for id_, top in zip(one.ids, one.top, strict=True)),
            one.ids,
        )
        for one, own in pairs
    )
    return replace(reply, logprobs=tuple(logprobs))


def from_completion(answer: Answer, request: Request, scored: Sequence[int], where: str) -> list[Reply]:
    """The replies in the answer of a plain completion, or the one score.

    Args:
        answer: A 200 answer.
        request: What was asked.
        scored: The ids of the completion to score, which ended the prompt.
        where: The server, for messages.

    Raises:
        ModelError: The answer is no completion, or lacks what was asked for.
    """
    value = mapping(answer.value)
    choices = [mapping(choice) for choice in cast("list[object]", value.get("choices") or [])]
    if len(choices) != request.n:
        raise BrokenReply(f"{where}: asked for {request.n} completions, got {len(choices)}: {shown(answer.content)}")
    usage = mapping(value.get("usage"))
    if request.completion is not None:
        return [_score(choices[0], count_of(usage.get("prompt_tokens")), request, scored, where)]
    choices.sort(key=lambda choice: count_of(choice.get("index")))
    return [_reply(choice, place, usage, request, where) for place, choice in enumerate(choices)]


def _reply(choice: Mapping[str, Any], place: int, usage: Mapping[str, Any], request: Request, where: str) -> Reply:
    return Reply(
        text=mend_text(text_or_none(choice.get("text"))),
        finish_reason=mend_text(finish_reason(choice.get("finish_reason"))),
        input_tokens=count_of(usage.get("prompt_tokens")),
        output_tokens=split_evenly(count_of(usage.get("completion_tokens")), request.n, place),
        logprobs=None if request.logprobs is None else _sampled(choice, request, where),
        prefix_cached_tokens=count_of(mapping(usage.get("prompt_tokens_details")).get("cached_tokens")),
        tokens=ids_in(choice, where) if request.tokens else None,
    )


def _sampled(choice: Mapping[str, Any], request: Request, where: str) -> tuple[TokenLogprob, ...]:
    told = mapping(choice.get("logprobs"))
    tops = told.get("top_logprobs") or [None] * len(told.get("tokens") or ())
    try:
        found = list(zip(told["tokens"], told["token_logprobs"], tops, strict=True))
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{where}: the server gave no log-probabilities that can be read") from None
    made: list[TokenLogprob] = []
    for token, value, top in found:
        ranked = _ranked(mapping(top), request.logprobs or 0)
        ids = _ids(ranked, where) if by_ids(request) else ()
        made.append(TokenLogprob(mend_text(str(token)), _number(value, where), ranked, ids))
    return tuple(made)


def _ids(ranked: tuple[tuple[str, float], ...], where: str) -> tuple[int, ...]:
    told = [text.removeprefix(AS_ID) for text, _ in ranked]
    if not all(text.startswith(AS_ID) for text, _ in ranked) or not all(one.isdecimal() for one in told):
        raise ModelError(f"{where}: the server told no ids of alternatives", hint="vLLM does")
    return tuple(map(int, told))


def _ranked(top: Mapping[str, Any], alternatives: int) -> tuple[tuple[str, float], ...]:
    pairs = [(mend_text(text), value) for text, given in top.items() if (value := logprob_of(given)) is not None]
    return tuple(sorted(pairs, key=lambda pair: -pair[1])[:alternatives])


def _number(value: object, where: str) -> float:
    number = logprob_of(value)
    if number is None:
        raise ModelError(f"{where}: a token's log-probability is no number")
    return min(number, 0.0)


def _score(choice: Mapping[str, Any], prompt: int, request: Request, scored: Sequence[int], where: str) -> Reply:
    places = choice.get("prompt_logprobs")
    if not isinstance(places, list) or len(cast(list[object], places)) < len(scored):
        raise ModelError(f"{where}: the server gave no prompt_logprobs", hint="vLLM does; other servers may not")
    pairs = zip(scored, cast(list[object], places)[-len(scored) :], strict=True)
    tokens = tuple(_scored(token, mapping(place), request.logprobs or 0, where) for token, place in pairs)
    text = request.completion if isinstance(request.completion, str) else "".join(token.token for token in tokens)
    return Reply(
        text=text,
        finish_reason=SCORED_REASON,
        input_tokens=prompt,
        output_tokens=0,
        logprobs=tokens,
        tokens=tuple(scored) if request.tokens else None,
    )


def _scored(token: int, place: Mapping[str, Any], alternatives: int, where: str) -> TokenLogprob:
    own = mapping(place.get(str(token)))
    if not own:
        raise ModelError(f"{where}: the server scored other tokens than it was given")
    entries = [(str(id_), mapping(entry)) for id_, entry in place.items()]
    ranked = sorted(entries, key=lambda entry: count_of(entry[1].get("rank")))[:alternatives]
    top = tuple((_word(entry), _number(entry.get("logprob"), where)) for _, entry in ranked)
    ids = tuple(int(id_) for id_, _ in ranked if id_.isdecimal())
    return TokenLogprob(_word(own), _number(own.get("logprob"), where), top, ids if len(ids) == len(top) else ())


def _word(entry: Mapping[str, Any]) -> str:
    return mend_text(text_or_none(entry.get("decoded_token")))
