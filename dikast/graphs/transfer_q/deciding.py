"""A choice among candidates by the context's rule, and how far it is from the solver's own."""

from __future__ import annotations

import math

import numpy as np

from dikast.graphs.transfer_q.choosing import Floats, divergence, log_counts, pick, weighted
from dikast.graphs.transfer_q.context import Context
from dikast.graphs.transfer_q.records import Candidate, Step


def decide(context: Context, step: Step, random: np.random.Generator) -> Step:
    """The step with its choice.

    Candidates without a value are left out where others have one. Where none has, the solver decides alone, and the
    step says so.
    """
    candidates = step["candidates"]
    valued = [at for at, one in enumerate(candidates) if one["value"] is not None]
    places = valued or list(range(len(candidates)))
    values = [candidates[at]["value"] or 0.0 for at in places]
    best = context.decoder == "best_of_n" and bool(valued)
    greedy = context.pick == "argmax" or best
    priors = np.zeros(len(places)) if best else priors_of(context, [candidates[at] for at in places], greedy)
    policy = weighted(priors, values, weight=1.0 if best else context.weight)
    at = pick(policy, random, greedy=greedy)
    shares = dict(zip(places, policy.tolist(), strict=True))
    told: list[Candidate] = [{**one, "policy": shares.get(number)} for number, one in enumerate(candidates)]
    kl = distance_of(context, candidates, places, policy, at, greedy)
    return {**step, "candidates": told, "chosen": places[at], "guided": bool(valued), "kl": kl}


def priors_of(context: Context, candidates: list[Candidate], greedy: bool) -> Floats:
    """What stands for log p: of chunks that were drawn, how often; where the likeliest is wanted, log p itself."""
    if context.by_token or greedy:
        return np.array([one["logprob"] for one in candidates])
    return log_counts([one["drawn"] for one in candidates])


def distance_of(
    context: Context, candidates: list[Candidate], places: list[int], policy: Floats, at: int, greedy: bool
) -> float:
    """Nats from the solver.

    By token: KL of the choice from the solver's next token; of the likeliest, how unlikely the solver finds it. By
    chunk: KL from the chunks that were drawn, at most log k; of the likeliest and of best-of-N the bound
    log k - (k - 1) / k for the best of k (Beirami et al., arXiv 2401.01879).
    """
    if context.by_token:
        priors = [candidates[place]["logprob"] for place in places]
        return -priors[at] if greedy else float(divergence(policy, priors))
    if greedy:
        drawn = sum(one["drawn"] for one in candidates)
        return math.log(drawn) - (drawn - 1) / drawn
    counts = log_counts([one["drawn"] for one in candidates])
    return float(divergence(policy, counts[places]))
