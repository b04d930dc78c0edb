"""Which candidate is taken: by how likely the solver finds it, and by what it is worth; pure arithmetic.

    log_policy = weighted([-0.1, -2.4], [0.0, 3.0], weight=1.0)     # log p + weight * value, normalised
    taken = pick(log_policy, np.random.default_rng(0), greedy=False)
    divergence(log_policy, [-0.1, -2.4])                            # KL of this step, nats

`weight` is 1 / alpha of the paper: at 0 the solver decides alone, the larger the more the values do.

Chunks that were drawn from the solver are already as frequent as they are likely: what stands for log p is then the log
of how often each was drawn (`log_counts`), else likely ones would count twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def weighted(log_priors: ArrayLike, values: ArrayLike, *, weight: float) -> Floats:
    """Log-probabilities of candidates, along the last axis: log p + weight * value, normalised.

    Raises:
        ValueError: The weight is below 0, or infinite.
    """
    if not 0 <= weight < float("inf"):
        raise ValueError(f"weight {weight}: it is 0 or more")
    logs = np.asarray(log_priors, np.float64) + weight * np.asarray(values, np.float64)
    most = logs.max(-1, keepdims=True)
    return logs - most - np.log(np.exp(logs - most).sum(-1, keepdims=True))


def pick(log_policy: Floats, random: np.random.Generator, *, greedy: bool) -> int:
    """The place of the candidate that is taken: the likeliest, the first of equal ones; or one that is drawn."""
    if greedy:
        return int(log_policy.argmax())
    ends = np.exp(log_policy).cumsum()
    return min(int(np.searchsorted(ends / ends[-1], random.random(), side="right")), len(ends) - 1)


def divergence(log_policy: ArrayLike, log_priors: ArrayLike) -> Floats:
    """KL of the policy over candidates from what it was made of, nats, along the last axis."""
    logs = np.asarray(log_policy, np.float64)
    probabilities = np.exp(logs)
    gaps = np.where(probabilities > 0, logs - np.asarray(log_priors, np.float64), 0.0)
    return (probabilities * gaps).sum(-1)


def log_counts(counts: Sequence[int]) -> Floats:
    """The log of how often each was drawn, of all draws."""
    drawn = np.asarray(counts, np.float64)
    return np.log(drawn / drawn.sum())
