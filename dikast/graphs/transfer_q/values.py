"""What a beginning is worth, out of the rewards of texts that a baseline model makes of it; pure arithmetic.

    direct([0.2, 0.8]).value                                    # 0.5
    indirect([0.2, 0.8], [0.1, 0.1], beta=0.5).value            # nearer to 0.8: the baseline cared for something else
    indirect([0.2, 0.8], [0.1, 0.1], beta=0.5).ess              # of 2 completions, as good as so many

`direct`: the baseline was aligned to the reward itself, and the value is the mean over its completions. `indirect`: it
was aligned to another reward r_BL, and each completion weighs exp((r - r_BL) / beta), the weights adding up to 1. Where
few completions carry nearly all the weight, they are raised to a power below 1, the largest that leaves an effective
sample size of the floor's share: `power` tells it. `soft`: beta log mean exp(r / beta) over completions of the solver
itself, with which sampling by log p + value / beta gives the optimal policy. `repository`: the rule in the authors'
program, whose weights do not add up to 1; for comparison.

Everything works along the last axis, one row a beginning, so that tables with every text in them, where shares are
exact probabilities, run through the same functions as samples do.

Paper: Chakraborty et al.: Transfer Q Star, arXiv 2405.20495.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
LEAST_ESS = 0.3
"""Of the completions: below it a few of them speak for all."""
REPOSITORY_SCALE = 0.5
"""The factor in the authors' program."""
HALVINGS = 60
"""Of an interval of length 1: to the last bit."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What beginnings are worth.

    Args:
        value: One each.
        ess: Effective sample size: so many equally weighted completions say as much.
        power: What the weights were raised to; 1 as they are.
        weights: How much each completion counts, shape (..., n); they add up to 1, but for `repository`.
    """

    value: Floats
    ess: Floats
    power: Floats
    weights: Floats


def direct(rewards: ArrayLike, log_shares: ArrayLike | None = None) -> Estimate:
    """The mean reward.

    Args:
        rewards: Of completions, shape (..., n).
        log_shares: How much each counts, natural logs; by default all the same.
    """
    values, shares = _both(rewards, log_shares)
    return _weighted(values, shares, np.zeros_like(values), np.ones(values.shape[:-1]))


def indirect(
    rewards: ArrayLike,
    baseline_rewards: ArrayLike,
    *,
    beta: float,
    least_ess: float = LEAST_ESS,
    log_shares: ArrayLike | None = None,
) -> Estimate:
    """The mean reward under a policy aligned to it, from completions of a baseline aligned to another one.

    Args:
        rewards: Of completions, shape (..., n).
        baseline_rewards: What the baseline was aligned to, of the same.
        beta: The weight of the KL term that both were aligned with.
        least_ess: Share of n that the effective sample size may not be below; 0 for no such floor.
        log_shares: As for `direct`.

    Raises:
        ValueError: beta is not above 0, or the floor not within 0..1.
    """
    if beta <= 0 or not 0 <= least_ess <= 1:
        raise ValueError(f"beta {beta} and least_ess {least_ess}: beta is above 0, least_ess within 0..1")
    values, shares = _both(rewards, log_shares)
    logs = (values - np.asarray(baseline_rewards, np.float64)) / beta
    return _weighted(values, shares, logs, _power(shares, logs, least_ess))


def soft(rewards: ArrayLike, *, beta: float, log_shares: ArrayLike | None = None) -> Estimate:
    """The soft value, beta log mean exp(r / beta): of completions of the solver itself.

    Raises:
        ValueError: beta is not above 0.
    """
    if beta <= 0:
        raise ValueError(f"beta {beta} is not above 0")
    values, shares = _both(rewards, log_shares)
    logs = values / beta
    value = beta * (_log_sum(shares + logs) - _log_sum(shares))
    total = shares + logs
    weights = np.exp(total - _log_sum(total)[..., None])
    return Estimate(value, _effective(shares, logs) * values.shape[-1], np.ones(values.shape[:-1]), weights)


def repository(rewards: ArrayLike, baseline_rewards: ArrayLike, log_shares: ArrayLike | None = None) -> Estimate:
    """The mean of exp((r - r_BL) / 2) r, as the authors' program has it: nothing divides by the weights' sum."""
    values, shares = _both(rewards, log_shares)
    logs = REPOSITORY_SCALE * (values - np.asarray(baseline_rewards, np.float64))
    weights = np.exp(shares - _log_sum(shares)[..., None] + logs)
    ess = _effective(shares, logs) * values.shape[-1]
    return Estimate((weights * values).sum(-1), ess, np.ones(values.shape[:-1]), weights)


def _both(rewards: ArrayLike, log_shares: ArrayLike | None) -> tuple[Floats, Floats]:
    values = np.asarray(rewards, np.float64)
    if not values.shape or not values.shape[-1]:
        raise ValueError("no completion")
    shares = np.zeros_like(values) if log_shares is None else np.asarray(log_shares, np.float64)
    return np.broadcast_arrays(values, shares)[0], np.broadcast_to(shares, values.shape)


def _weighted(values: Floats, shares: Floats, logs: Floats, power: Floats) -> Estimate:
    raised = power[..., None] * logs
    total = shares + raised
    weights = np.exp(total - _log_sum(total)[..., None])
    return Estimate((weights * values).sum(-1), _effective(shares, raised) * values.shape[-1], power, weights)


def _effective(shares: Floats, logs: Floats) -> Floats:
    """Kish's effective sample size as a share of the sample: (E w)^2 / E w^2."""
    return np.exp(2 * _log_sum(shares + logs) - _log_sum(shares + 2 * logs) - _log_sum(shares))


def _power(shares: Floats, logs: Floats, least: float) -> Floats:
    """The largest power within 0..1 at which the effective share is at least so much; it only falls as powers grow."""
    low, high = np.zeros(logs.shape[:-1]), np.ones(logs.shape[:-1])
    enough = _effective(shares, logs) >= least
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        good = _effective(shares, middle[..., None] * logs) >= least
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return np.where(enough, 1.0, low)


def _log_sum(logs: Floats) -> Floats:
    most = logs.max(-1)
    return most + np.log(np.exp(logs - most[..., None]).sum(-1))
