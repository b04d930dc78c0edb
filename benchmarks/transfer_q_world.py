"""The language of the benchmark of Transfer Q*: letters that follow one another by chance, and keywords that pay.

A text is worth the share of four rare letters that it has. What comes next depends on the last letter alone, so that
values of every state (letters left, last letter, keywords so far) can be worked out exactly, also those of the policy
that is best for a reward under a KL term, which is the baseline.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dikast.agents.models.request import Sampling, Tokens
from dikast.graphs.rewarding import Asked, Rewarded
from dikast.graphs.transfer_q.roles import Ids, Said
from dikast.records import Outcome

Floats = NDArray[np.float64]
LETTERS, KEYS = 12, 4
"""Letters, the sign that ends a text not among them; keywords of a reward, of which two rewards have their own."""
END, ENDING = 0, 0.02
"""The end's id, and its chance after each letter."""
RARE = 2.5
"""By how much a keyword's logits are lower than other letters'."""
FIRST = ord("a") - 1


@dataclass(frozen=True)
class Language:
    """The solver, as a table.

    Args:
        p: Chance of the next letter after each one, shape (letters + 1, letters + 1); row 0 begins a text.
        keys: The keywords' ids, by reward.
        horizon: Letters of a text at most.
    """

    p: Floats
    keys: tuple[tuple[int, ...], ...]
    horizon: int

    @classmethod
    def random(cls, seed: int, horizon: int) -> Language:
        """Random logits, spread 1; the keywords of both rewards are rare."""
        stream = np.random.default_rng(seed)
        order = stream.permutation(LETTERS) + 1
        logits = stream.normal(size=(LETTERS + 1, LETTERS + 1))
        logits[:, order[: 2 * KEYS]] -= RARE
        p = np.exp(logits)
        p[:, END] = 0
        p *= (1 - ENDING) / p.sum(-1, keepdims=True)
        p[:, END] = ENDING
        return cls(p, (tuple(map(int, order[:KEYS])), tuple(map(int, order[KEYS : 2 * KEYS]))), horizon)

    def bit(self, letter: int, which: int = 0) -> int:
        """The keyword that a letter is, as a bit; 0 for none."""
        keys = self.keys[which]
        return 1 << keys.index(letter) if letter in keys else 0

    @property
    def payoff(self) -> Floats:
        """The reward by keywords that a text has."""
        return np.array([bin(mask).count("1") / KEYS for mask in range(2**KEYS)])

    def after(self, values: Floats, which: int = 0) -> Floats:
        """What each next letter leads to: (last, keywords) -> values of (last, keywords, next)."""
        found = np.empty((LETTERS + 1, 2**KEYS, LETTERS + 1))
        masks = np.arange(2**KEYS)
        found[:, :, END] = self.payoff
        for letter in range(1, LETTERS + 1):
            found[:, :, letter] = values[letter][masks | self.bit(letter, which)]
        return found

    def evaluate(self, policy: list[Floats], which: int = 0) -> list[Floats]:
        """Mean reward by letters left, last letter, keywords, under a policy over (last, keywords, next)."""
        values = [np.tile(self.payoff, (LETTERS + 1, 1))]
        for left in range(1, self.horizon + 1):
            values.append((policy[left] * self.after(values[-1], which)).sum(-1))
        return values

    def kl(self, policy: list[Floats]) -> float:
        """Nats of a whole text from the solver."""
        values = [np.zeros((LETTERS + 1, 2**KEYS))]
        masks = np.arange(2**KEYS)
        for left in range(1, self.horizon + 1):
            following = np.zeros((LETTERS + 1, 2**KEYS, LETTERS + 1))
            for letter in range(1, LETTERS + 1):
                following[:, :, letter] = values[-1][letter][masks | self.bit(letter)]
            gaps = np.log(np.maximum(policy[left], 1e-300)) - np.log(self.p)[:, None]
            values.append((policy[left] * (gaps + following)).sum(-1))
        return float(values[self.horizon][0, 0])

    def own(self) -> list[Floats]:
        """The solver as a policy."""
        whole = np.repeat(self.p[:, None], 2**KEYS, 1)
        return [whole] * (self.horizon + 1)

    def aligned(self, beta: float, which: int = 0) -> list[Floats]:
        """The policy that is best for a reward less beta KL: what a baseline was aligned to."""
        soft = np.tile(self.payoff, (LETTERS + 1, 1))
        policy = [self.own()[0]]
        for _ in range(self.horizon):
            tilted = self.p[:, None] * np.exp(self.after(soft, which) / beta)
            soft = beta * np.log(tilted.sum(-1))
            policy.append(tilted / tilted.sum(-1, keepdims=True))
        return policy

    def guided(self, values: list[Floats], weight: float, keep: int) -> list[Floats]:
        """The policy that exact values guide: the likeliest letters, times exp(weight x value)."""
        policy = [self.own()[0]]
        least = np.sort(self.p, -1)[:, -keep][:, None]
        base = np.where(self.p >= least, self.p, 0.0)[:, None]
        for left in range(1, self.horizon + 1):
            tilted = base * np.exp(weight * self.after(values[left - 1]))
            policy.append(tilted / tilted.sum(-1, keepdims=True))
        return policy


@dataclass
class Scribe:
    """A policy of a language as a writer; `which` reward's keywords its states count."""

    language: Language
    policy: list[Floats]
    spec: str
    which: int = 0
    spoken: int = 0
    _ladders: dict[tuple[int, int, int], list[float]] = field(default_factory=dict[Any, Any])

    def fingerprint(self) -> Mapping[str, object]:
        """The name."""
        return {"scribe": self.spec}

    def _row(self, left: int, last: int, mask: int) -> Floats:
        return self.policy[left][last, mask]

    def _state(self, tokens: Ids) -> tuple[int, int, int]:
        mask = 0
        for letter in tokens:
            mask |= self.language.bit(letter, self.which)
        return self.language.horizon - len(tokens), tokens[-1] if tokens else 0, mask

    async def propose(self, prompt: str, tokens: Ids, count: int, *, role: str) -> list[Said]:
        """See `Writer.propose`."""
        row = self._row(*self._state(tokens))
        order = np.argsort(-row, kind="stable")[:count]
        return [Said((int(one),), text_of((int(one),)), math.log(row[one])) for one in order]

    async def go_on(
        self, prompt: str, before: Tokens, count: int, *, sampling: Sampling, role: str, likely: bool = False
    ) -> Said:
        """See `Writer.go_on`."""
        assert isinstance(before, tuple)
        left, last, mask = self._state(before)
        uniforms = np.random.default_rng(sampling.seed).random(count)
        made: list[int] = []
        logprob = 0.0
        for uniform in uniforms:
            ladder = self._ladders.get((left, last, mask))
            if ladder is None:
                ladder = self._ladders[left, last, mask] = self._row(left, last, mask).cumsum().tolist()
            letter = min(bisect(ladder, float(uniform) * ladder[-1]), LETTERS)
            made.append(letter)
            if likely:
                logprob += math.log(self._row(left, last, mask)[letter])
            if letter == END:
                break
            left, last, mask = left - 1, letter, mask | self.language.bit(letter, self.which)
        self.spoken += len(made)
        return Said(tuple(made), text_of(made), logprob, made[-1] == END, output_tokens=len(made))

    async def whole(self, prompt: str, tokens: Ids, *, role: str) -> Said:
        """See `Writer.whole`."""
        logprob = sum(math.log(self._row(*self._state(tokens[:at]))[one]) for at, one in enumerate(tokens))
        return Said(tokens, text_of(tokens), logprob)

    async def ends(self) -> Ids:
        """See `Writer.ends`."""
        return (END,)

    async def tokens_of(self, text: str, *, role: str) -> Ids:
        """See `Writer.tokens_of`."""
        return tuple(map(ord, text))


def text_of(tokens: Ids | list[int]) -> str:
    """Letters, each a word of its own, so that diversity can be measured."""
    return "".join(f" {chr(FIRST + one)}" for one in tokens if one != END)


@dataclass
class Share:
    """The share of keywords that a text has."""

    keys: tuple[int, ...]
    spec: str = "python:share"

    def fingerprint(self) -> Mapping[str, object]:
        """The keywords."""
        return {"keys": list(self.keys)}

    async def reward(self, asked: Asked) -> Rewarded:
        """See `Reward.reward`."""
        return Rewarded(sum(chr(FIRST + key) in asked.text for key in self.keys) / KEYS, Outcome.OK)
