"""One verdict out of several: both orders of one judge, or a panel of judges.

    synthesise(PairVerdict("q1", ab="1", ba="2"))        # "tie": the judge followed the position
    majority(["1", "1", "tie"])                          # "1"
    unbiased_preference(p_ab=0.9, p_ba=0.6)              # 0.71: the position's part cancelled

Not covered: asking a judge again about its own conflict; that is a graph's work.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from dikast.errors import UsageError
from dikast.verdicts import PairVerdict, Winner, logistic

OnConflict = Literal["tie", "unparsed"]


def synthesise(verdict: PairVerdict, on_conflict: OnConflict = "tie") -> Winner | None:
    """One verdict out of both orders.

    Equal verdicts stand. A verdict against a tie, or against the other response, is a conflict: a tie by default, as in
    MT-Bench (Zheng et al., arXiv 2306.05685). Where one order is unparsed the pair is: the order that was read still
    has its position bias.
    """
    if verdict.ab is None or verdict.ba is None:
        return None
    if verdict.ab == verdict.ba:
        return verdict.ab
    return "tie" if on_conflict == "tie" else None


def unbiased_preference(p_ab: float, p_ba: float) -> float:
    """Probability that response 1 is better, from the judge's preference for the first shown in each order.

    The log odds of both orders are averaged, so that a bias for a position that adds to them, whatever its size,
    cancels exactly as long as it does not depend on the texts.

    Args:
        p_ab: P(first is better) with response 1 first; within 0..1.
        p_ba: P(first is better) with response 2 first; within 0..1.

    Raises:
        UsageError: Not probabilities.
    """
    if not (0 <= p_ab <= 1 and 0 <= p_ba <= 1):
        raise UsageError(f"not probabilities: {p_ab}, {p_ba}")
    difference = _log_odds(p_ab) - _log_odds(p_ba)
    # Certain of the first place in both orders: inf - inf, which says nothing about the texts.
    return 0.5 if math.isnan(difference) else logistic(difference / 2)


def majority(
    votes: Sequence[Winner | None], weights: Sequence[float] | None = None, no_majority: Winner | None = "tie"
) -> Winner | None:
    """What most of a panel says; unparsed votes do not count.

    Args:
        votes: One a judge.
        weights: How much each vote counts, at least 0, which decides nothing; equal without.
        no_majority: The result where two verdicts have the same highest weight.

    Returns:
        `None` where no vote that counts could be read.

    Raises:
        UsageError: Another number of weights than votes, or a negative one.
    """
    weights = [1.0] * len(votes) if weights is None else weights
    if len(weights) != len(votes) or not all(math.isfinite(weight) and weight >= 0 for weight in weights):
        raise UsageError(f"{len(votes)} votes need as many weights of at least 0")
    totals: defaultdict[Winner, float] = defaultdict(float)
    for vote, weight in zip(votes, weights, strict=True):
        if vote is not None and weight > 0:
            totals[vote] += weight
    leaders: list[Winner] = [winner for winner, total in totals.items() if total == max(totals.values())]
    if not leaders:
        return None
    return leaders[0] if len(leaders) == 1 else no_majority


def _log_odds(p: float) -> float:
    if p in (0, 1):
        return math.inf if p else -math.inf
    return math.log(p) - math.log1p(-p)
