"""Who takes part in tests of Transfer Q*: writers of letters with known probabilities, and rewards that note them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dikast.agents.models.request import Reply, Request, Sampling, TokenLogprob, Tokens
from dikast.agents.models.scripted import scripted
from dikast.graphs import transfer_q
from dikast.graphs.rewarding import Asked, Rewarded
from dikast.graphs.transfer_q.roles import Ids, Said
from dikast.records import Outcome

END = 0
ROW: transfer_q.Input = {"id": "r", "prompt": "Write p."}
Odds = Mapping[str, float]
EVEN: Odds = {"p": 0.5, "q": 0.3, "": 0.2}
"""Letter -> probability; the empty one ends the text."""


def id_of(letter: str) -> int:
    return ord(letter) if letter else END


def text_of(tokens: Ids) -> str:
    return "".join(chr(token) for token in tokens if token != END)


@dataclass
class Letters:
    """Draws letters by given odds, by the call's seed."""

    odds: Callable[[str], Odds] = lambda text: EVEN
    fails: Exception | Outcome | None = None
    fails_at: int = 0
    knows_ends: bool = True
    shift: int = 0
    """Of all token ids: another vocabulary."""
    cached: int = 3
    asked: list[tuple[str, Tokens, int, str]] = field(default_factory=list[Any])
    spec: str = "python:letters"

    def fingerprint(self) -> Mapping[str, object]:
        return {"letters": self.spec}

    def _failing(self) -> None:
        if isinstance(self.fails, Exception) and len(self.asked) > self.fails_at:
            raise self.fails

    async def propose(self, prompt: str, tokens: Ids, count: int, *, role: str) -> list[Said]:
        self.asked.append((role, tokens, count, prompt))
        self._failing()
        if isinstance(self.fails, Outcome):
            return [Said((), "", outcome=self.fails, reason="as scripted")]
        odds = sorted(self.odds(text_of(tokens)).items(), key=lambda one: -one[1])[:count]
        return [Said((id_of(letter),), letter or "<end>", math.log(p), output_tokens=1) for letter, p in odds]

    async def go_on(
        self, prompt: str, before: Tokens, count: int, *, sampling: Sampling, role: str, likely: bool = False
    ) -> Said:
        self.asked.append((role, before, count, prompt))
        self._failing()
        if isinstance(self.fails, Outcome):
            return Said((), "", outcome=self.fails, reason="as scripted")
        random = np.random.default_rng(sampling.seed)
        start = before if isinstance(before, str) else text_of(before)
        made, logprob = list[str](), 0.0
        while len(made) < count and "" not in made:
            odds = self.odds(start + "".join(made))
            letters, chances = list(odds), np.array(list(odds.values()))
            at = int(chances.argmax()) if not sampling.temperature else int(random.choice(len(letters), p=chances))
            made.append(letters[at])
            logprob += math.log(chances[at])
        tokens = tuple(id_of(letter) for letter in made)
        return Said(tokens, "".join(made), logprob, "" in made, output_tokens=len(made), cached_tokens=self.cached)

    async def whole(self, prompt: str, tokens: Ids, *, role: str) -> Said:
        self.asked.append((role, tokens, 0, prompt))
        self._failing()
        logprob = sum(
            math.log(self.odds(text_of(tokens[:at]))[chr(one) if one != END else ""]) for at, one in enumerate(tokens)
        )
        return Said(tokens, text_of(tokens), logprob)

    async def ends(self) -> Ids:
        return (END,) if self.knows_ends else ()

    async def tokens_of(self, text: str, *, role: str) -> Ids:
        return tuple(ord(letter) + self.shift for letter in text)


@dataclass
class Counts:
    """Pays for each letter, or says what it is told."""

    letter: str = "p"
    value: Callable[[str], Rewarded | Exception] | None = None
    seen: list[str] = field(default_factory=list[str])
    spec: str = "python:counts"

    def fingerprint(self) -> Mapping[str, object]:
        return {"counts": self.letter}

    async def reward(self, asked: Asked) -> Rewarded:
        self.seen.append(asked.text)
        if self.value is None:
            return Rewarded(float(asked.text.count(self.letter)), Outcome.OK)
        told = self.value(asked.text)
        if isinstance(told, Exception):
            raise told
        return told


def context(**given: Any) -> transfer_q.Context:
    actors: dict[str, Any] = {
        "solver": Letters(),
        "baseline": Letters(spec="python:baseline"),
        "reward": Counts(),
        "horizon": 6,
        "block": 1,
        "k": 3,
    }
    return transfer_q.Context(**{**actors, **given})


async def run(made: transfer_q.Context, row: Any = ROW) -> transfer_q.Output:
    return (await transfer_q.graph.ainvoke(row, context=made, version="v2")).value


async def record(made: transfer_q.Context, row: Any = ROW, key: str = "k") -> dict[str, Any]:
    """The line of a journal that this row would be."""
    output = await run(made, row)
    return {"row": 1, "key": key, "input": row, "output": output, "outcome": output["outcome"]}


def spell(request: Request) -> Reply:
    """An engine of letters, for whole commands: p, q or the end, drawn by the request's seed."""
    prefix = request.prefix if isinstance(request.prefix, tuple) else tuple(map(ord, request.prefix))
    asked = request.messages[-1]["content"]
    if request.completion is not None:
        ids = tuple(map(ord, request.completion)) if isinstance(request.completion, str) else request.completion
        logprobs = tuple(TokenLogprob(chr(one), math.log(0.5)) for one in ids)
        return Reply(text_of(ids), "scored", len(asked) + len(prefix), 0, logprobs=logprobs, tokens=ids)
    random = np.random.default_rng(request.sampling.seed)
    drawn: list[int] = []
    while len(drawn) < request.sampling.max_tokens and END not in drawn:
        drawn.append(int(random.choice([ord("p"), ord("q"), END], p=[0.5, 0.3, 0.2])))
    ids = tuple(drawn)
    top = (("p", math.log(0.5)), ("q", math.log(0.3)), ("<end>", math.log(0.2)))[: request.logprobs or 0]
    places = tuple(TokenLogprob(chr(one), math.log(0.5), top, (ord("p"), ord("q"), END)[: len(top)]) for one in ids)
    finish = "stop" if ids[-1] == END else "length"
    told = None if request.logprobs is None else places
    return Reply(
        text_of(ids), finish, len(asked) + len(prefix), len(ids), logprobs=told, tokens=ids, prefix_cached_tokens=2
    )


@scripted
def letters(request: Request) -> Reply:
    """An engine that a spec may name."""
    return spell(request)
