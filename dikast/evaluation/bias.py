"""Position and length bias of a pairwise judge, as shares that can be read off.

    position_bias(verdicts)                # 0.2: in 20 % of pairs the judge just follows the position

Position bias is how much more often the first place wins than the second, over pairs judged in both orders. A judge
that with probability p says "first", and otherwise judges the texts, measures p. Length bias is how much more often
the judge is right where the longer response is the better one: a judge that with probability p says "the longer", and
otherwise judges as well on either, measures p, whatever share of the better responses is the longer. Both lie within
-1..1, 0 = none, negative = for the second place, for the shorter.

Not covered: biases for one's own family of models or for a style; those need labels of who wrote what.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, pvariance

from dikast import stats
from dikast.verdicts import PairVerdict, Winner


def position_signal(verdict: PairVerdict) -> float | None:
    """What the place did to one pair.

    Returns:
        1 = the first place won both times, -1 = the second did, 0 = the same response, or a tie, both times; half of
        it where one verdict is a tie; `None` unless both orders are parsed.
    """
    if verdict.ab is None or verdict.ba is None:
        return None
    first_in_ab = {"1": 1.0, "2": -1.0, "tie": 0.0}[verdict.ab]
    first_in_ba = {"1": -1.0, "2": 1.0, "tie": 0.0}[verdict.ba]
    return (first_in_ab + first_in_ba) / 2


def position_bias(verdicts: Iterable[PairVerdict]) -> float:
    """Mean `position_signal`; NaN where no pair is parsed in both orders."""
    signals = [signal for verdict in verdicts if (signal := position_signal(verdict)) is not None]
    return fmean(signals) if signals else math.nan


def longer(lengths: tuple[int, int]) -> Winner:
    """The longer response; `tie` for equal lengths."""
    first, second = lengths
    return "tie" if first == second else "1" if first > second else "2"


def length_bias(
    credits: Sequence[float],
    gold: Sequence[Winner],
    longest: Sequence[Winner],
    weights: Sequence[int] | None = None,
) -> float:
    """Accuracy where the longer response is the better one, minus accuracy where the shorter is.

    Args:
        credits: How right the judge was on each pair, 0..1.
        gold: The better response of each; ties are left out.
        longest: The longer response of each, as `longer` says; pairs of equal length are left out.
        weights: How often each pair counts; once each without.

    Returns:
        Within -1..1; NaN where either kind of pair is missing.
    """
    right, asked = {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
    often = [1] * len(credits) if weights is None else weights
    for credit, better, long, weight in zip(credits, gold, longest, often, strict=True):
        if "tie" not in (better, long):
            right[better == long] += weight * credit
            asked[better == long] += weight
    return right[True] / asked[True] - right[False] / asked[False] if all(asked.values()) else math.nan


def length_bias_interval(
    credits: Sequence[float], gold: Sequence[Winner], longest: Sequence[Winner]
) -> tuple[float, float, float]:
    """`length_bias` with the ends of its 95 % interval; all NaN where it is not defined.

    Agresti and Caffo (2000): the normal interval of a difference of two shares after one success and one failure have
    been added to each; never of no width.
    """
    value = length_bias(credits, gold, longest)
    if math.isnan(value):
        return math.nan, math.nan, math.nan
    rows = [(c, g == long) for c, g, long in zip(credits, gold, longest, strict=True) if "tie" not in (g, long)]
    centers, variances = zip(
        *(_padded([c for c, is_long in rows if is_long == kind]) for kind in (True, False)), strict=True
    )
    center, half = centers[0] - centers[1], stats.normal_quantile() * math.sqrt(sum(variances))
    return value, max(-1.0, min(center - half, value)), min(1.0, max(center + half, value))


def _padded(credits: Sequence[float]) -> tuple[float, float]:
    """Mean, and variance of the mean, of credits with a 0 and a 1 added."""
    padded = [*credits, 0.0, 1.0]
    return fmean(padded), pvariance(padded) / len(padded)


def longer_share(winners: Sequence[Winner | None], longest: Sequence[Winner]) -> float:
    """How often the longer response wins, among decided pairs of unequal length; NaN where there is none.

    Read it beside the same share among the human labels: people, too, may prefer the longer.
    """
    wins = [
        winner == long for winner, long in zip(winners, longest, strict=True) if winner in ("1", "2") and long != "tie"
    ]
    return fmean(wins) if wins else math.nan
