"""A world small enough to hold every text, so that all that Transfer Q* estimates can be summed exactly.

    world = World.random(seed=0)                        # 3 tokens, 5 places: 243 texts
    world.reward_of(world.at_kl(world.transfer(), 1.0)) # mean reward of the guided policy, 1 nat from the solver
    world.limit(1.0)                                    # the most that any policy has at that distance

Values and policies come out of `values.py` and `choosing.py`, the functions that the graph calls with samples; here
each completion's share is its exact probability.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dikast.graphs.transfer_q.choosing import weighted
from dikast.graphs.transfer_q.values import Estimate, direct, indirect, repository, soft

Floats: TypeAlias = NDArray[np.float64]
Values: TypeAlias = Sequence[Floats]
"""For each place, what each token is worth behind each beginning: shape (beginnings, tokens)."""
Kind: TypeAlias = Literal["neighbours", "independent"]
TOKENS, PLACES = 3, 5
SPREAD = 1.0
"""Standard deviation of the solver's logits, and of the rewards' parts before they are squeezed into 0..1."""
BETA = 0.5
"""What baselines were aligned with; rewards lie within 0..1. Of an older measurement, in another world."""
HALVINGS = 80
MOST_WEIGHT = 1e4


@dataclass(frozen=True)
class World:
    """Texts of a fixed length, all of them.

    Args:
        tokens: Of the vocabulary.
        log_p: The solver's log-probability of each text, in the order in which they are counted.
        reward: What each is worth.
        other: The reward that a misaligned baseline was aligned to.
        beta: The weight of the KL term that baselines were aligned with.
    """

    tokens: int
    log_p: Floats
    reward: Floats
    other: Floats
    beta: float = BETA

    @classmethod
    def random(
        cls,
        seed: int,
        *,
        tokens: int = TOKENS,
        places: int = PLACES,
        beta: float = BETA,
        rewards: Kind = "independent",
    ) -> World:
        """A solver with random logits behind each beginning, and two rewards.

        Args:
            seed: Of all draws.
            tokens: Of the vocabulary.
            places: Of a text.
            beta: See `World`.
            rewards: `independent`: uniform in 0..1, of each text its own, so that only whole texts tell; `neighbours`:
                sums over places and pairs of neighbours, squeezed into 0..1, so that beginnings tell a good deal.
        """
        stream = np.random.default_rng(seed)
        log_p = np.zeros(1)
        for place in range(places):
            logits = stream.normal(scale=SPREAD, size=(tokens**place, tokens))
            log_p = (log_p[:, None] + weighted(logits, 0.0, weight=0.0)).ravel()
        reward, other = (_reward(stream, tokens, places, rewards) for _ in range(2))
        return cls(tokens, log_p, reward, other, beta)

    @property
    def places(self) -> int:
        """Of a text."""
        return round(np.log(len(self.log_p)) / np.log(self.tokens))

    def aligned(self, reward: Floats) -> Floats:
        """The policy over texts that is optimal for a reward: the solver's, times exp(r / beta)."""
        return weighted(self.log_p, reward, weight=1 / self.beta)

    def values(self, estimate: Callable[..., Estimate], texts: Floats, *rewards: Floats) -> Values:
        """What tokens are worth, by completions of a policy over texts.

        Args:
            estimate: (rewards, ..., log_shares=) -> their value.
            texts: Log-probabilities of texts under who completes.
            rewards: Of texts, as the estimate takes them.
        """
        found: list[Floats] = []
        for place in range(self.places):
            shape = (self.tokens**place, self.tokens, -1)
            found.append(estimate(*(one.reshape(shape) for one in rewards), log_shares=texts.reshape(shape)).value)
        return found

    def transfer(self) -> Values:
        """Transfer Q*, direct."""
        return self.values(direct, self.aligned(self.reward), self.reward)

    def indirect(self, least_ess: float = 0.0) -> Values:
        """Transfer Q* from a baseline that was aligned to the other reward; with exact shares no floor is needed."""
        estimate = partial(indirect, beta=self.beta, least_ess=least_ess)
        return self.values(estimate, self.aligned(self.other), self.reward, self.other)

    def naive(self) -> Values:
        """The mean over completions of the baseline that was aligned to the other reward."""
        return self.values(direct, self.aligned(self.other), self.reward)

    def repository(self) -> Values:
        """The rule of the authors' program, from the same baseline."""
        return self.values(repository, self.aligned(self.other), self.reward, self.other)

    def controlled(self) -> Values:
        """Controlled decoding: the mean over the solver's own completions."""
        return self.values(direct, self.log_p, self.reward)

    def soft(self) -> Values:
        """The soft value of the solver's own completions: optimal where 1 / weight is beta."""
        return self.values(partial(soft, beta=self.beta), self.log_p, self.reward)

    def guided(self, values: Values, weight: float, keep: int | None = None) -> Floats:
        """Log-probabilities of texts under the policy that values guide.

        Args:
            values: See `Values`.
            weight: Of a value beside a log-probability.
            keep: How many of the likeliest tokens are candidates; all of them by default.
        """
        log_p = np.zeros(1)
        for place, value in enumerate(values):
            base = self._conditional(place)
            if keep is not None and keep < self.tokens:
                least = np.sort(base, -1)[:, -keep][:, None]
                base = np.where(base >= least, base, -np.inf)
            log_p = (log_p[:, None] + weighted(base, value, weight=weight)).ravel()
        return log_p

    def at_kl(self, values: Values, nats: float) -> Floats:
        """The policy that values guide with the weight that brings it so far from the solver, or as far as it goes."""
        return self._at_kl(lambda weight: self.guided(values, weight), nats)

    def limit(self, nats: float) -> float:
        """The most mean reward that a policy can have at this KL: the solver's, exponentially tilted."""
        return self.reward_of(self._at_kl(lambda weight: weighted(self.log_p, self.reward, weight=weight), nats))

    def _at_kl(self, policy: Callable[[float], Floats], nats: float) -> Floats:
        low, high = 0.0, 1.0
        while self.kl_of(policy(high)) < nats and high < MOST_WEIGHT:
            high *= 2
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.kl_of(policy(middle)) < nats else (low, middle)
        return policy(low)

    def reward_of(self, texts: Floats) -> float:
        """The mean reward of a policy over texts."""
        return float((np.exp(texts) * self.reward).sum())

    def kl_of(self, texts: Floats) -> float:
        """KL of a policy over texts from the solver, nats."""
        probabilities = np.exp(texts)
        gaps = np.where(probabilities > 0, texts - self.log_p, 0.0)
        return float((probabilities * gaps).sum())

    def _conditional(self, place: int) -> Floats:
        """The solver's log-probabilities of tokens at a place, behind each beginning."""
        whole = np.exp(self.log_p).reshape(self.tokens**place, self.tokens, -1).sum(-1)
        return np.log(whole / whole.sum(-1, keepdims=True))


def _reward(stream: np.random.Generator, tokens: int, places: int, kind: Kind) -> Floats:
    if kind == "independent":
        return np.asarray(stream.uniform(size=tokens**places), np.float64)
    alone = stream.normal(scale=SPREAD, size=(places, tokens))
    beside = stream.normal(scale=SPREAD, size=(tokens, tokens))
    texts = np.indices((tokens,) * places).reshape(places, -1)
    total = np.zeros(tokens**places)
    for place in range(places):
        total += alone[place][texts[place]]
        total += beside[texts[place], texts[place + 1]] if place + 1 < places else 0.0
    return np.reciprocal(1 + np.exp(-total / np.sqrt(2 * places - 1)))
