"""Who takes part in tests of RLGF: a policy, a guide and a reward without models, which note what they were asked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dikast.agents.models.request import Reply, Request, Sampling, TokenLogprob
from dikast.agents.models.scripted import scripted
from dikast.graphs import rlgf
from dikast.graphs.rewarding import Asked, Rewarded
from dikast.graphs.rlgf.graph import uniforms
from dikast.graphs.rlgf.roles import Ids, Policy, Said, Weighed
from dikast.records import Outcome, Provenance

ROW: rlgf.Input = {"id": "r", "prompt": "Use the word salt.", "reference": "salt and pepper"}
END = 0
SPREADS = 5
OWN_LOGPROB, HELD_LOGPROB = -1.0, -1.5


def text_of(tokens: Sequence[int]) -> str:
    return "".join(chr(token) for token in tokens if token != END)


def said(tokens: Sequence[int], count: int, outcome: Outcome = Outcome.OK) -> Said:
    given = tuple(tokens[:count])
    ended = len(tokens) < count or (bool(given) and given[-1] == END)
    provenance = Provenance("python:voice", "rlgf/answer", 0, 0, "stop" if ended else "length", False)
    return Said(given, text_of(given), ended, outcome, "" if outcome is Outcome.OK else "as scripted", provenance)


@dataclass
class Writer:
    """Writes its own letter; ends a text when it has so many tokens in all."""

    letter: str
    ends_at: int = 10_000
    fails: Exception | Outcome | None = None
    logprob: float = OWN_LOGPROB
    asked: list[tuple[Ids, int]] = field(default_factory=list[tuple[Ids, int]])
    spec: str = "python:writer"

    def fingerprint(self) -> Mapping[str, object]:
        return {"writer": self.letter}

    def write(self, tokens: Ids, count: int) -> Said:
        self.asked.append((tokens, count))
        if isinstance(self.fails, Exception):
            raise self.fails
        left = self.ends_at - len(tokens)
        letters = [ord(self.letter)] * count if left > count else [*[ord(self.letter)] * (left - 1), END]
        return said(letters, count, self.fails or Outcome.OK)

    async def go_on(
        self, prompt: str, tokens: Ids, count: int, *, sampling: Sampling, role: str, sample: int = 0
    ) -> Said:
        return self.write(tokens, count)

    async def guide(
        self, prompt: str, tokens: Ids, count: int, *, policy: Policy, sampling: Sampling, sample: int = 0
    ) -> Said:
        return self.write(tokens, count)

    async def weigh(self, prompt: str, completion: Ids | str, tokens: Ids = (), *, role: str) -> Weighed:
        ids = tuple(map(ord, completion)) if isinstance(completion, str) else completion
        return Weighed(text_of(ids), ids, (self.logprob,) * len(ids))


@dataclass
class Counts:
    """Pays for each letter p."""

    value: Rewarded | Exception | None = None
    seen: list[Asked] = field(default_factory=list[Asked])
    spec: str = "python:counts"

    def fingerprint(self) -> Mapping[str, object]:
        return {"counts": "p"}

    async def reward(self, asked: Asked) -> Rewarded:
        self.seen.append(asked)
        if isinstance(self.value, Exception):
            raise self.value
        return self.value or Rewarded(float(asked.text.count("p")), Outcome.OK)


def context(**given: Any) -> rlgf.Context:
    actors: dict[str, Any] = {"solver": Writer("p"), "guide": Writer("g"), "reward": Counts(), "horizon": 8}
    return rlgf.Context(**{**actors, **given})


def row_at(made: rlgf.Context, tau: int, prompt: str = "Use the word salt.") -> rlgf.Input:
    """A row whose switch is at a place."""
    for number in range(10_000):
        drawn = uniforms(made, prompt, str(number), 0)
        if 1 + int(drawn[1] * made.horizon) == tau:
            return {"prompt": prompt, "id": str(number)}
    raise AssertionError("switches are not drawn on all places")


async def run(made: rlgf.Context, row: Any = ROW) -> rlgf.Output:
    return (await rlgf.graph.ainvoke(row, context=made, version="v2")).value


async def record(made: rlgf.Context, row: Any = ROW, key: str = "k") -> dict[str, Any]:
    """The line of a journal that this row would be."""
    output = await run(made, row)
    return {"row": 1, "key": key, "input": row, "output": output, "outcome": output["outcome"]}


def letters(request: Request, own: str) -> Reply:
    """An engine whose tokens are characters: it goes on by its own letter, or ends as the request's seed draws."""
    prefix = request.prefix if isinstance(request.prefix, tuple) else tuple(map(ord, request.prefix))
    if request.completion is not None:
        ids = tuple(map(ord, request.completion)) if isinstance(request.completion, str) else request.completion
        logprobs = tuple(TokenLogprob(text_of([token]), OWN_LOGPROB) for token in ids)
        return Reply(text_of(ids), "scored", len(prefix) + len(ids), 0, logprobs=logprobs, tokens=ids)
    asked = request.messages[-1]["content"]
    drawn = hashlib.sha256(f"{asked}{request.sampling.seed}{prefix}{own}".encode()).digest()[0]
    count = request.sampling.max_tokens
    ids = (ord(own),) * count if drawn % 3 else (*((ord(own),) * (count - 1)), END)
    stop = "stop" if ids[-1] == END else "length"
    return Reply(text_of(ids), stop, len(asked) + len(prefix), len(ids), tokens=ids)


@scripted
def policy(request: Request) -> Reply:
    """A policy of letters p."""
    return letters(request, "p")


@scripted
def guide(request: Request) -> Reply:
    """A guide of letters g."""
    return letters(request, "g")


@scripted
def chatter(request: Request) -> str:
    """A guide that can only chat."""
    return "more words" if request.sampling.max_tokens > 1 else "x"


def assert_share(count: int, of: int, share: float) -> None:
    """Within five standard deviations."""
    assert abs(count - of * share) < SPREADS * math.sqrt(of * share * (1 - share)) + 1


def assert_uniform(counts: Mapping[int, int], places: range) -> None:
    """Every place, and each as often as the others."""
    assert sorted(counts) == list(places)
    for place in places:
        assert_share(counts[place], sum(counts.values()), 1 / len(places))
