"""The requests of the contract suite, the same for every engine; nothing in them depends on a model's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dikast.agents.models.request import Message, Reply, Request, Sampling, Structured
from tests.loopback import GRAMMAR, REGEX

IN_FLIGHT = 64
LONG_PROMPT_WORDS = 1500
"""For engines without a bound on the context."""


def ask(
    prompt: str,
    sampling: Sampling | None = None,
    structured: Structured | None = None,
    n: int = 1,
    logprobs: int | None = None,
) -> Request:
    messages = (Message(role="user", content=prompt),)
    return Request(messages, sampling or Sampling(max_tokens=12), structured, n, logprobs)


def of_length(words: int) -> Request:
    return ask("word " * words, Sampling(max_tokens=2))


COLOURS = "Name three colours, nothing else."
COUNT = "Count from 1 to 1000, every number."
PROPERTIES = {"colour", "sure"}
SCHEMA = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}, "sure": {"type": "boolean"}},
    "required": sorted(PROPERTIES),
    "additionalProperties": False,
}
CHOICE = ("a stone", "a river", "a bird")

GREEDY = ask(COLOURS)
SHORT = ask(COUNT, Sampling(max_tokens=5))
SAMPLES = ask(COLOURS, Sampling(max_tokens=12, temperature=1.0, seed=7), n=3)
LONG = ask(COUNT, Sampling(max_tokens=400))
FORMS = {
    "json_schema": ask("Describe the sky.", Sampling(max_tokens=40), Structured(json_schema=SCHEMA)),
    "choice": ask("What do you see?", Sampling(max_tokens=12), Structured(choice=CHOICE)),
    "regex": ask("Yes or no?", Sampling(max_tokens=12), Structured(regex=REGEX)),
    "grammar": ask("Left or right?", Sampling(max_tokens=12), Structured(grammar=GRAMMAR)),
}
IMPOSSIBLE = ask("Describe the sky.", structured=Structured(json_schema={"type": "nonsense"}))
LOGPROBS = {alternatives: ask(COLOURS, logprobs=alternatives) for alternatives in (0, 2)}
MANY = [of_length(words) for words in range(1, IN_FLIGHT + 1)]
NAMED = [ask(f"Say item {i}.", structured=Structured(choice=(f"item {i}",))) for i in range(IN_FLIGHT // 4)]


TOLD = replace(GREEDY, tokens=True, logprobs=0)
TEXT_PREFIX = replace(SHORT, prefix="One two")
SCORED_TEXT = replace(GREEDY, completion="a red stone", tokens=True, logprobs=0)
FOREIGN_PREFIX = replace(SHORT, prefix=(10**6,))
LETTERS = [replace(GREEDY, completion=letter, tokens=True) for letter in "red"]


def continued(told: Reply) -> list[Request]:
    """`GREEDY`'s rest, from each of several places in its reply, by token ids."""
    tokens = told.tokens or ()
    places = sorted({1, len(tokens) // 2, len(tokens) - 1})
    most = GREEDY.sampling.max_tokens
    return [
        replace(TOLD, prefix=tokens[:place], sampling=Sampling(max_tokens=max(1, most - place))) for place in places
    ]


def ranked(told: Reply) -> list[Request]:
    """`GREEDY` with alternatives and their ids, whole and from behind its first token."""
    whole = replace(GREEDY, tokens=True, logprobs=3)
    return [whole, replace(whole, prefix=(told.tokens or ())[:1])]


def scored(told: Reply) -> Request:
    """`GREEDY`'s reply, scored."""
    return replace(GREEDY, completion=told.tokens or (), tokens=True, logprobs=2)


def spelled(letters: Sequence[Reply]) -> Request:
    """A prefix spelled in letters, a token each: a tokenizer would join them."""
    return replace(SHORT, prefix=tuple(one for letter in letters for one in letter.tokens or ()))


def stopped(first: Reply) -> Request:
    """`GREEDY`, ending before the second word of what it said."""
    return ask(COLOURS, Sampling(max_tokens=12, stop=(first.text.split()[1],)))


def emptied(first: Reply) -> Request:
    """`GREEDY`, ending before its first character."""
    return ask(COLOURS, Sampling(max_tokens=12, stop=(first.text.strip()[0],)))
