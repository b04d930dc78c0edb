"""RLGF on a table: a policy with a row of logits for each state, trained by the paper's update, in numpy.

    world = combination_lock(8, 4, seed=0)
    policy = TablePolicy(world, seed=1)
    guide = TableSpeaker(world, world.guide(0.8), np.random.default_rng(2))
    learner = TableLearner(policy, Ppo(learning_rate=0.05, kl=0.0))
    texts = collect(policy, guide, [()] * len(plans), plans)
    learner.learn(texts, [world.reward(text.tokens) for text in texts])

The update is that of `torch_ppo.py`: clipped ratio, clipped value, generalised advantages, KL penalty, likelihood of
references. Exact where it matters: a lock's chance of being opened is a product of the policy's own probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dikast.graphs.rlgf.advantages import Numbers, Ppo, estimate, normalised, penalised
from dikast.graphs.rlgf.turns import Written

WHOSE = {"policy": 0, "guide": 1}
"""Which of the two values: of a text that the policy finishes, or the guide."""
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lock:
    """A combination lock: one secret token at each place; the first wrong one shuts it for good.

    Args:
        secret: The tokens.
        after: (state, token) -> state; state 2 h is open after h tokens, 2 h + 1 is shut.
    """

    secret: Places
    after: Places

    def reward(self, tokens: Sequence[int]) -> float:
        """1 for the whole secret, else 0."""
        return float(tuple(tokens) == tuple(self.secret.tolist()))

    def guide(self, chance: float) -> Numbers:
        """Probabilities of a guide that knows each token with a chance, and guesses another one else."""
        states, actions = self.after.shape
        table = np.full((states, actions), 1 / actions)
        for place, token in enumerate(self.secret.tolist()):
            table[2 * place] = (1 - chance) / (actions - 1)
            table[2 * place, token] = chance
        return table

    def opened(self, table: Numbers) -> float:
        """How likely a table of probabilities opens it: exact."""
        return float(np.prod([table[2 * place, token] for place, token in enumerate(self.secret.tolist())]))


def combination_lock(length: int, actions: int, seed: int) -> Lock:
    """A lock with a secret drawn from a seed."""
    secret = np.random.default_rng(seed).integers(actions, size=length)
    after = np.zeros((2 * length + 2, actions), dtype=np.int64)
    for place in range(length):
        after[2 * place] = after[2 * place + 1] = 2 * place + 3
        after[2 * place, secret[place]] = 2 * place + 2
    return Lock(secret, after)


def softmax(logits: Numbers) -> Numbers:
    """Probabilities of rows of logits."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


class TableSpeaker:
    """Speaks by a table of probabilities that does not change."""

    def __init__(self, world: Lock, table: Numbers, draws: np.random.Generator) -> None:
        self.world, self._table, self._draws = world, table, draws

    @property
    def probabilities(self) -> Numbers:
        """Shape (states, tokens)."""
        return self._table

    def go_on(self, prefixes: Sequence[Sequence[int]], counts: Sequence[int]) -> list[list[int]]:
        """See `Speaker`."""
        state = np.array([final_state(self.world, prefix) for prefix in prefixes])
        bounds = np.cumsum(self.probabilities, -1)
        said = np.zeros((len(prefixes), max(counts, default=0)), dtype=np.int64)
        for step in range(said.shape[1]):
            drawn = self._draws.random(len(prefixes))[:, None]
            said[:, step] = np.minimum((drawn >= bounds[state]).sum(-1), bounds.shape[1] - 1)
            state = self.world.after[state, said[:, step]]
        return [row[:count].tolist() for row, count in zip(said, counts, strict=True)]


def final_state(world: Lock, tokens: Sequence[int]) -> int:
    """The state that tokens lead to."""
    state = 0
    for token in tokens:
        state = world.after[state, token]
    return int(state)


class TablePolicy(TableSpeaker):
    """Speaks by logits that are trained; at the start it guesses."""

    def __init__(self, world: Lock, seed: int) -> None:
        self.logits: Numbers = np.zeros(world.after.shape)
        self.values: Numbers = np.zeros((len(WHOSE), len(world.after)))
        super().__init__(world, self.logits, np.random.default_rng(seed))

    @property
    def probabilities(self) -> Numbers:
        """Shape (states, tokens)."""
        return softmax(self.logits)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokens of some texts, one after the other.

    Args:
        state: Before each token.
        token: Each token.
        text: Which text it is of.
        critic: Whose value holds before it.
        mask: 1 for the policy's.
        fitted: 1 where a value is fitted.
        old: Its log-probability when it was collected.
        value: The value before it when it was collected.
        advantage: What it is better than expected.
        target: What the value should have been.
    """

    state: Places
    token: Places
    text: Places
    critic: Places
    mask: Places
    fitted: Places
    old: Numbers
    value: Numbers
    advantage: Numbers
    target: Numbers


class TableLearner:
    """The paper's update for a `TablePolicy`."""

    def __init__(self, policy: TablePolicy, ppo: Ppo, *, seed: int = 0) -> None:
        self.policy, self.ppo = policy, ppo
        self.reference = softmax(policy.logits)
        """What the policy is held to: as it was at the start."""
        self._order = np.random.default_rng(seed)

    def learn(
        self, texts: Sequence[Written], rewards: Sequence[float], references: Sequence[Sequence[int]] = ()
    ) -> None:
        """One iteration.

        Args:
            texts: Collected by the policy as it is.
            rewards: One a text.
            references: Texts whose likelihood is raised, too.
        """
        batch = self.batch(texts, rewards)
        for _ in range(self.ppo.epochs):
            order = self._order.permutation(len(texts))
            for start in range(0, len(texts), self.ppo.batch):
                self.step(batch, np.isin(batch.text, order[start : start + self.ppo.batch]), references)

    def batch(self, texts: Sequence[Written], rewards: Sequence[float]) -> Batch:
        """Texts with what they are worth."""
        logs, held = np.log(self.policy.probabilities), np.log(self.reference)
        sizes = [len(text.tokens) for text in texts]
        state = np.concatenate([states_of(self.policy.world, text.tokens) for text in texts])
        token = np.concatenate([text.tokens for text in texts])
        critic = np.repeat([WHOSE[text.plan.roll_out] for text in texts], sizes)
        old, value, frozen = logs[state, token], self.policy.values[critic, state], held[state, token]
        advantage: list[float] = []
        target: list[float] = []
        start = 0
        for text, reward, size in zip(texts, rewards, sizes, strict=True):
            mine = slice(start, start := start + size)
            paid = penalised(reward, old[mine].tolist(), frozen[mine].tolist(), text.mask, kl=self.ppo.kl)
            told = estimate(paid, value[mine].tolist(), gamma=self.ppo.gamma, lam=self.ppo.lam)
            advantage += told[0]
            target += told[1]
        made = Batch(
            state=state,
            token=token,
            text=np.repeat(np.arange(len(texts)), sizes),
            critic=critic,
            mask=np.concatenate([text.mask for text in texts]),
            fitted=np.concatenate([text.rolled_out for text in texts]),
            old=old,
            value=value,
            advantage=np.array(advantage),
            target=np.array(target),
        )
        if self.ppo.normalise:
            own = made.mask > 0
            made.advantage[own] = normalised(made.advantage[own])
        return made

    def step(self, batch: Batch, here: NDArray[np.bool_], references: Sequence[Sequence[int]]) -> None:
        """One step down the gradient of some of the texts."""
        ppo, policy = self.ppo, self.policy
        own, seen = here & (batch.mask > 0), here & (batch.fitted > 0)
        gradient = policy_gradient(policy.logits, batch, own, ppo)
        if references and ppo.nll:
            gradient += ppo.nll * likelihood_gradient(policy, references)
        values = value_gradient(policy.values, batch, seen, ppo)
        policy.logits -= ppo.learning_rate * gradient
        policy.values -= ppo.learning_rate * ppo.value_weight * values


def states_of(world: Lock, tokens: Sequence[int]) -> Places:
    """The state before each token."""
    found = [0]
    for token in tokens[:-1]:
        found.append(int(world.after[found[-1], token]))
    return np.array(found)


def policy_gradient(logits: Numbers, batch: Batch, own: NDArray[np.bool_], ppo: Ppo) -> Numbers:
    """Of the clipped objective, and of the entropy: what to go down by."""
    found = np.zeros_like(logits)
    if not own.any():
        return found
    state, token, advantage = batch.state[own], batch.token[own], batch.advantage[own]
    table = softmax(logits)
    ratio = np.exp(np.log(table[state, token]) - batch.old[own])
    held = np.where(advantage > 0, ratio > 1 + ppo.clip, ratio < 1 - ppo.clip)
    weight = np.where(held, 0.0, -advantage * ratio) / len(state)
    np.add.at(found, state, -weight[:, None] * table[state])
    np.add.at(found, (state, token), weight)
    if ppo.entropy:
        logs = np.log(table[state])
        mean = (table[state] * logs).sum(-1, keepdims=True)
        np.add.at(found, state, ppo.entropy * table[state] * (logs - mean) / len(state))
    return found


def value_gradient(values: Numbers, batch: Batch, seen: NDArray[np.bool_], ppo: Ppo) -> Numbers:
    """Of the larger of the two squared errors, with the value as it is and held near what it was."""
    found = np.zeros_like(values)
    if not seen.any():
        return found
    critic, state, target, old = batch.critic[seen], batch.state[seen], batch.target[seen], batch.value[seen]
    now = values[critic, state]
    near = np.clip(now, old - ppo.value_clip, old + ppo.value_clip)
    moves = ((now - target) ** 2 >= (near - target) ** 2) | (near == now)
    np.add.at(found, (critic, state), np.where(moves, now - target, 0.0) / len(state))
    return found


def likelihood_gradient(policy: TablePolicy, references: Sequence[Sequence[int]]) -> Numbers:
    """Of the mean negative log-likelihood of references, a token."""
    found = np.zeros_like(policy.logits)
    state = np.concatenate([states_of(policy.world, tokens) for tokens in references])
    token = np.concatenate([np.array(tokens) for tokens in references])
    np.add.at(found, state, policy.probabilities[state] / len(state))
    np.add.at(found, (state, token), -1 / len(state))
    return found
