"""What a collected text is worth, token by token: rewards less the KL penalty, advantages, targets of the value.

    rewards = penalised(1.0, policy, frozen, mask, kl=0.001)      # what is stored, and learnt from
    advantages, returns = estimate(rewards, values, gamma=0.99, lam=0.95)

The value is that of whoever rolls out: with a guide behind the switch the advantages are the guide's (AggreVaTeD), with
the policy they are the policy's own (PPO, PPO++). A text ends with its last token: behind it the value is 0.

Paper: arXiv 2306.11816; generalised advantage estimation: Schulman et al., arXiv 1506.02438. TRIL stores the reward
without its penalty for PPO++ and AggreVaTeD; here it is stored with it, whatever the collector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]
LEAST_SPREAD = 1e-8


@dataclass(frozen=True, slots=True)
class Ppo:
    """The update's settings; the defaults are TRIL's.

    Args:
        gamma: Discount a token.
        lam: Of the advantage estimate.
        clip: How far a probability ratio may move the objective.
        value_clip: How far a value may move from what it was at collection.
        epochs: How often the texts of an iteration are gone through.
        batch: Texts of one step.
        learning_rate: Of Adam.
        kl: Weight of the divergence from the reference, in the reward.
        value_weight: Of the value's loss.
        entropy: Weight of the entropy; the paper has none.
        nll: Weight of the references' negative log-likelihood, a token.
        normalise: Bring the advantages of an iteration to mean 0 and spread 1. TRIL's comment promises it, its code
            does not do it.
    """

    gamma: float = 0.99
    lam: float = 0.95
    clip: float = 0.2
    value_clip: float = 0.2
    epochs: int = 5
    batch: int = 28
    learning_rate: float = 1e-5
    kl: float = 0.001
    value_weight: float = 0.5
    entropy: float = 0.0
    nll: float = 0.1
    normalise: bool = True


def penalised(
    reward: float, policy: Sequence[float], reference: Sequence[float], mask: Sequence[int], *, kl: float
) -> list[float]:
    """A text's rewards by token: the penalty on each of the policy's, the reward itself on the last.

    Args:
        reward: Of the whole text.
        policy: Log-probabilities of its tokens under the policy.
        reference: The same under the model that it is held to.
        mask: 1 for the policy's tokens.
        kl: The penalty's weight.
    """
    found = [-kl * (own - held) * mine for own, held, mine in zip(policy, reference, mask, strict=True)]
    if found:
        found[-1] += reward
    return found


def estimate(
    rewards: Sequence[float], values: Sequence[float], *, gamma: float, lam: float
) -> tuple[list[float], list[float]]:
    """Advantages of a text's tokens, and what the value before each should have been.

    Args:
        rewards: One a token.
        values: Before each token.
        gamma: Discount a token.
        lam: 1 for the whole return less the value, 0 for one step.
    """
    advantages, after, later = [0.0] * len(values), 0.0, 0.0
    for place in range(len(values) - 1, -1, -1):
        later = rewards[place] + gamma * after - values[place] + gamma * lam * later
        advantages[place], after = later, values[place]
    return advantages, [one + value for one, value in zip(advantages, values, strict=True)]


def normalised(advantages: Numbers) -> Numbers:
    """Mean 0 and spread 1; as they are where they do not differ."""
    spread = float(advantages.std())
    return advantages if spread < LEAST_SPREAD else (advantages - advantages.mean()) / spread
