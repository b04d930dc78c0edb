"""DNO on a table: the preference game, exact steps of it, and how far from its Nash equilibrium a policy is.

    game = play([[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], start=[0.8, 0.1, 0.1], eta=10, steps=4000)
    game.exploitability("last"), game.exploitability("average")     # 0.33 (it cycles), 0.006

A table P says how likely answer i is preferred to answer j; P[i][j] + P[j][i] = 1. A policy is a distribution over the
answers. DNO's step with respect to itself as reference is soft policy iteration: r(y) = E P(y > y') over the policy's
own answers y', and the next policy is proportional to pi(y) exp(r(y) / eta). Each step wins against the policy before
it at least as often as it loses; but where preference is intransitive the last policy may cycle for ever, while the
average of all policies approaches the equilibrium: hence the choice of `policy`.

Paper: Rosset et al., Direct Nash Optimization (arXiv 2404.03715), algorithm 1 and section 3. The loss is its equation
for a general preference, per pair of answers; D is the difference of the policy's log ratios to the reference, times
eta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from dikast.errors import UsageError

Floats: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | Floats
Policy = Literal["last", "best", "average"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
SAME = 1e-9
"""How far a table may be from P[i][j] + P[j][i] = 1, and a policy from adding up to 1."""


@dataclass(frozen=True, slots=True)
class Game:
    """Policies of a game, one a step, the start first.

    Args:
        preference: The table, n x n.
        policies: steps + 1 rows of n probabilities.
    """

    preference: Floats
    policies: Floats

    def choose(self, policy: Policy = "last") -> Floats:
        """The last policy, the one of them that is least exploitable, or the average of those that a step was made to.

        Raises:
            UsageError: Another word.
        """
        if policy == "last":
            return self.policies[-1]
        if policy == "average":
            return self.policies[1:].mean(axis=0) if len(self.policies) > 1 else self.policies[0]
        if policy == "best":
            return self.policies[int(np.argmin([exploitability(self.preference, one) for one in self.policies]))]
        raise UsageError(f"no policy {policy!r}", hint=f"one of {', '.join(POLICIES)}")

    def exploitability(self, policy: Policy = "last") -> float:
        """How far over 1/2 an answer wins against this policy at most; see `exploitability`."""
        return exploitability(self.preference, self.choose(policy))

    @property
    def win_rates(self) -> list[float]:
        """How often each step's policy wins against the one before."""
        pairs = zip(self.policies[1:], self.policies[:-1], strict=True)
        return [win_rate(self.preference, new, old) for new, old in pairs]


def play(preference: Any, start: Numbers, eta: float, steps: int) -> Game:
    """Exact steps of DNO.

    Args:
        preference: P, n x n.
        start: The first policy; an answer without probability never gets any.
        eta: How little a step moves; in units of preference, which is within 0..1.
        steps: How many.

    Raises:
        UsageError: `preference` is no table of preferences, `start` no policy over it, or `eta` not above 0.
    """
    table, policy = checked_table(preference), np.asarray(start, float)
    if policy.shape != (len(table),) or (policy < 0).any() or abs(policy.sum() - 1) > SAME:
        raise UsageError(f"not a policy over {len(table)} answers", hint="probabilities that add up to 1")
    if not eta > 0:
        raise UsageError(f"eta={eta}: a number above 0")
    policies = [policy]
    for _ in range(steps):
        policies.append(step(table, policies[-1], eta))
    return Game(table, np.array(policies))


def checked_table(preference: Any) -> Floats:
    """The table as an array.

    Raises:
        UsageError: It is not square, or P[i][j] + P[j][i] is not 1 somewhere.
    """
    table = np.asarray(preference, float)
    square = table.ndim == 2 and table.shape[0] == table.shape[1] > 0
    if not square or not np.all(np.abs(table + table.T - 1) <= SAME) or table.min() < 0:
        raise UsageError("not a table of preferences", hint="n x n within 0..1, P[i][j] + P[j][i] = 1")
    return table


def expected_wins(preference: Floats, policy: Floats) -> Floats:
    """r: how often each answer wins against the policy's own."""
    return preference @ policy


def step(preference: Floats, policy: Floats, eta: float) -> Floats:
    """The exact minimiser of DNO's loss: soft policy iteration, with the policy itself as reference."""
    gains = expected_wins(preference, policy) / eta
    weights = policy * np.exp(gains - gains.max())
    return weights / weights.sum()


def win_rate(preference: Floats, policy: Floats, other: Floats) -> float:
    """How often a policy's answers win against another's."""
    return float(policy @ preference @ other)


def exploitability(preference: Floats, policy: Floats) -> float:
    """How far over 1/2 the best answer wins against a policy; 0 at a Nash equilibrium."""
    return float(expected_wins(preference, policy).max()) - 0.5


def sigmoid(value: Numbers | float) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0, -np.asarray(value, float)))


def loss(difference: Numbers | float, reward: Numbers | float) -> Floats:
    """DNO's loss of a pair: a regression of the implicit reward's difference to that of the win rates.

    -(s(t) log s(D) + s(-t) log s(-D)), s the sigmoid. With s(t) = 1 it is DPO's, -log s(D).

    Args:
        difference: D = eta (log pi(y1) / ref(y1) - log pi(y2) / ref(y2)).
        reward: t = r(y1) - r(y2); infinite for a certain preference.
    """
    ahead, target = np.asarray(difference, float), sigmoid(reward)
    return target * np.logaddexp(0, -ahead) + (1 - target) * np.logaddexp(0, ahead)


def gradient(difference: Numbers | float, reward: Numbers | float) -> Floats:
    """The derivative of `loss` by D: s(D) - s(t), so zero exactly where D = r1 - r2."""
    return sigmoid(difference) - sigmoid(reward)
