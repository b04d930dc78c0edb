"""What the loopback server knows of token ids: a word is a token, and a chat can be told by the ids that it got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_ids: dict[str, int] = {}
_words: list[str] = []
_chats: dict[tuple[int, ...], list[dict[str, str]]] = {}
"""The chats that were tokenised, by their ids."""
LIKELY, UNLIKELY = -0.5, -5.0
"""Log-probability of a word that the model would have said itself, and of any other."""


def ids_of(text: str) -> list[int]:
    """A text's words, numbered in the order in which they were first seen."""
    for word in text.split():
        if word not in _ids:
            _ids[word] = len(_words)
            _words.append(word)
    return [_ids[word] for word in text.split()]


def prompt_ids(body: dict[str, Any]) -> list[int]:
    """The answer of `/tokenize`."""
    if "messages" not in body:
        return ids_of(body["prompt"])
    ids = ids_of(" ".join(message["content"] for message in body["messages"]))
    _chats[tuple(ids)] = body["messages"]
    return ids


def as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """A plain completion's body with the chat that its ids begin with, and what follows it as `given` words."""
    ids = tuple(body["prompt"])
    known = max((chat for chat in _chats if ids[: len(chat)] == chat), key=len)
    return {**body, "messages": _chats[known], "given": [_words[one] for one in ids[len(known) :]]}


def completions(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The choices: what a chat would have said after the given words, if it would have said those."""
    return [_completion(body, index) for index in range(body.get("n", 1))]


def _completion(body: dict[str, Any], index: int) -> dict[str, Any]:
    from tests.loopback import VOCABULARY, bounded, text_for

    given = body["given"]
    chat = {name: value for name, value in body.items() if name not in ("max_tokens", "prompt")}
    whole = text_for({**chat, "max_tokens": body["max_tokens"] + len(given)}, index).split()
    if body.get("prompt_logprobs") is not None:
        return {"index": index, "text": "x", "prompt_logprobs": _scores(body, whole, VOCABULARY)}
    rest = whole[len(given) :] if whole[: len(given)] == given else VOCABULARY
    text, finish_reason = bounded(" ".join(rest), body)
    choice: dict[str, Any] = {"index": index, "text": text, "finish_reason": finish_reason}
    if body.get("return_token_ids"):
        choice["token_ids"] = ids_of(text)
    if body.get("logprobs") is not None:
        words = text.split()
        ranked = [[word, *(one for one in VOCABULARY if one != word)][: body["logprobs"]] for word in words]
        tops = [{_spelled(one, body): LIKELY - rank for rank, one in enumerate(top)} for top in ranked]
        spelled = [_spelled(word, body) for word in words]
        told = {"tokens": spelled, "token_logprobs": [LIKELY] * len(words), "top_logprobs": tops}
        choice["logprobs"] = told
    return choice


def _spelled(word: str, body: dict[str, Any]) -> str:
    [one] = ids_of(word)
    return f"token_id:{one}" if body.get("return_tokens_as_token_ids") else word


def text_of(tokens: Sequence[int]) -> str:
    """The answer of `/detokenize`."""
    return " ".join(_words[one] for one in tokens)


def _scores(body: dict[str, Any], whole: list[str], vocabulary: Sequence[str]) -> list[dict[str, Any] | None]:
    """vLLM's list: each token with its alternatives; here only the given ones are scored, and nothing before them."""
    given, before = body["given"], len(body["prompt"]) - len(body["given"])
    places: list[dict[str, Any] | None] = [None] * before
    for place, word in enumerate(given):
        own = LIKELY if whole[place : place + 1] == [word] else UNLIKELY
        top = {str(one): _entry(one, LIKELY - rank, rank + 1) for rank, one in enumerate(_likeliest(body, vocabulary))}
        [one] = ids_of(word)
        places.append({**top, str(one): _entry(one, own, 1 if own == LIKELY else len(vocabulary))})
    return places


def _likeliest(body: dict[str, Any], vocabulary: Sequence[str]) -> list[int]:
    return ids_of(" ".join(vocabulary))[: body["prompt_logprobs"]]


def _entry(one: int, logprob: float, rank: int) -> dict[str, Any]:
    return {"logprob": logprob, "rank": rank, "decoded_token": _words[one]}
