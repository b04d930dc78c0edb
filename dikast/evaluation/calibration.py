"""A pairwise judge against people: how often it is right, how sure that is, and which way it leans.

    calibration = calibrate(verdicts, gold_of(pairs), judge="my-judge", lengths=lengths_of(pairs))
    calibration.accuracy.mean.value

What was asked is what has a human label: a verdict that is unparsed, or missing, stays in every denominator, and each
share says what it would be had all of those been right. Intervals are at 95 %, over pairs: of shares Wilson's, of
shares with half credits, and of biases, the normal one after values at both ends have been added
(`dikast.stats.bounded_mean`), of all else by bootstrap; where that has no width, since all pairs are alike, there is
none (NaN).

Not covered: pointwise scores (`dikast.evaluation.pointwise`), tests between judges (`dikast.evaluation.comparison`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from dikast import stats
from dikast.errors import DataError
from dikast.evaluation.agreement import cohen_kappa, krippendorff_alpha, spearman_of_table, tau_b_of_table
from dikast.evaluation.bias import length_bias_interval, longer, longer_share, position_signal
from dikast.evaluation.items import Pair
from dikast.evaluation.orders import synthesise
from dikast.lazy import open_module
from dikast.verdicts import PairVerdict, Winner

if TYPE_CHECKING:
    import numpy as np

    from dikast.evaluation.agreement import Table
else:
    np = open_module("numpy")

Ties = Literal["strict", "half", "leave-out"]
"""What a tie is worth: a third class of its own; half right against either response; or pairs that people call a tie
are not asked at all, and a judge's tie is half right (the setups of MT-Bench, arXiv 2306.05685, section 4.2)."""

RESAMPLES = 2000
"""For every interval; Efron and Tibshirani 1993, section 14.3 advise thousands."""

DIRECTION: Mapping[Winner, int] = {"1": 1, "tie": 0, "2": -1}


Row = TypeVar("Row", bound=Hashable)
Statistic = Callable[[Sequence[Row], Sequence[int]], float]
_Said = tuple[Winner | None, Winner | None, Winner]
"""With response 1 first, with response 2 first, by people."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; all NaN where it is not defined, the interval where there is none to be had."""

    value: float
    low: float
    high: float


UNDEFINED = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of all pairs asked.

    Args:
        value: With whatever is unparsed counted as wrong: the figure to quote.
        low: Lower end of its 95 % interval.
        high: Upper end.
        if_unparsed_right: The share had all unparsed verdicts been right.
    """

    value: float
    low: float
    high: float
    if_unparsed_right: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How often a judge is right, by what is asked of it.

    Args:
        ab: With response 1 shown first.
        ba: With response 2 shown first.
        mean: Mean of the two: the headline.
        both: Right in both orders.
        final: Right after both orders are made one verdict (`dikast.evaluation.orders.synthesise`).
    """

    ab: Share
    ba: Share
    mean: Share
    both: Share
    final: Share


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a judge agrees with itself and with people, over what is parsed, corrected for chance.

    Args:
        orders: Same verdict in both orders; a share of all pairs asked.
        kappa_orders: Cohen's kappa between the two orders.
        kappa: Cohen's kappa between the final verdict and people.
        alpha: Krippendorff's alpha of both orders and people together.
        tau_b: Kendall's tau-b of the judge's preference, -1..1 in steps of a half, with people's.
        spearman: Spearman's correlation of the same.
    """

    orders: Share
    kappa_orders: Estimate
    kappa: Estimate
    alpha: Estimate
    tau_b: Estimate
    spearman: Estimate


@dataclass(frozen=True, slots=True)
class Bias:
    """Which way a judge leans; see `dikast.evaluation.bias`.

    Args:
        position: -1..1, for the second .. for the first place; over pairs parsed in both orders.
        length: -1..1, for the shorter .. for the longer response; NaN without lengths.
        longer_share: How often the longer response wins, final verdicts; NaN without lengths.
        longer_share_gold: The same among people's labels.
    """

    position: Estimate
    length: Estimate
    longer_share: float
    longer_share_gold: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """One judge against people.

    Args:
        judge: Its name.
        n: Pairs asked, the denominator of every `Share`.
        left_out: Pairs not asked since people call them a tie (`ties="leave-out"`).
        unparsed_ab: Unparsed or missing verdicts with response 1 first.
        unparsed_ba: The same with response 2 first.
        accuracy: How often it is right.
        agreement: How well it agrees with itself and with people.
        bias: Which way it leans.
        credits: Pair id -> how right, 0..1, mean of both orders: what judges are compared by.
        finals: Pair id -> final verdict.
        unlabelled: Pairs that no person has labelled; they are in no figure.
    """

    judge: str
    n: int
    left_out: int
    unparsed_ab: int
    unparsed_ba: int
    accuracy: Accuracy
    agreement: Agreement
    bias: Bias
    credits: Mapping[str, float]
    finals: Mapping[str, Winner | None]
    unlabelled: int = 0

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON: what is not defined is null, since JSON has no NaN."""
        return cast(dict[str, Any], _without_nan(asdict(self)))


def calibrate(
    verdicts: Iterable[PairVerdict],
    gold: Mapping[str, Winner],
    *,
    judge: str = "judge",
    lengths: Mapping[str, tuple[int, int]] | None = None,
    ties: Ties = "strict",
    resamples: int = RESAMPLES,
) -> Calibration:
    """Measure a judge.

    Args:
        verdicts: At most one a pair; a pair of `gold` without one counts as unparsed in both orders.
        gold: Pair id -> people's verdict: what was asked.
        judge: A name for tables.
        lengths: Pair id -> lengths of both responses; without it there is no length bias.
        ties: What ties are worth.
        resamples: For every interval.

    Raises:
        DataError: A verdict on a pair without a label, two on the same pair, lengths missing, or no pair at all.
    """
    asked: dict[str, Winner] = {id_: label for id_, label in gold.items() if ties != "leave-out" or label != "tie"}
    items = _matched(verdicts, gold, asked)
    right: list[Winner] = list(asked.values())
    ab = [credit_of(item.ab, label, ties) for item, label in zip(items, right, strict=True)]
    ba = [credit_of(item.ba, label, ties) for item, label in zip(items, right, strict=True)]
    finals: list[Winner | None] = [synthesise(item) for item in items]
    credits = _means(_filled(ab, 0), _filled(ba, 0))
    return Calibration(
        judge=judge,
        n=len(items),
        left_out=len(gold) - len(asked),
        unparsed_ab=ab.count(None),
        unparsed_ba=ba.count(None),
        accuracy=_accuracy(ab, ba, [credit_of(one, label, ties) for one, label in zip(finals, right, strict=True)]),
        agreement=_agreement(items, right, resamples),
        bias=_bias(items, finals, right, credits, _lengths(lengths, asked)),
        credits=dict(zip(asked, credits, strict=True)),
        finals=dict(zip(asked, finals, strict=True)),
    )


def lengths_of(pairs: Iterable[Pair]) -> dict[str, tuple[int, int]]:
    """Pair id -> lengths of both responses, in characters."""
    return {pair.id: (len(pair.response_1), len(pair.response_2)) for pair in pairs}


def estimate(rows: Sequence[Row], statistic: Statistic[Row], resamples: int = RESAMPLES) -> Estimate:
    """A figure that is no mean, with its percentile bootstrap interval (Efron and Tibshirani 1993, section 13.3).

    Equal rows are counted once and weighted: a resample of n rows is a draw of how often each distinct one occurs.

    Args:
        rows: One an item.
        statistic: From distinct rows and how often each occurs to the figure; NaN where it is not defined.
        resamples: How many; those in which the figure is not defined are left out.
    """
    counts = Counter(rows)
    if not counts:
        return UNDEFINED
    distinct, often = list(counts), list(counts.values())
    drawn = np.random.default_rng(stats.SEED).multinomial(len(rows), np.array(often) / len(rows), resamples)
    figures = np.array([statistic(distinct, draw.tolist()) for draw in drawn])
    value, defined = statistic(distinct, often), figures[~np.isnan(figures)]
    if math.isnan(value) or not len(defined):
        return UNDEFINED
    low, high = np.quantile(defined, [(1 - stats.CONFIDENCE) / 2, (1 + stats.CONFIDENCE) / 2])
    # Rows that are all alike cannot be resampled into others: that says nothing about how sure the figure is.
    return Estimate(value, float(low), float(high)) if low < high else Estimate(value, math.nan, math.nan)


def _matched(
    verdicts: Iterable[PairVerdict], gold: Mapping[str, Winner], asked: Mapping[str, Winner]
) -> list[PairVerdict]:
    found: dict[str, PairVerdict] = {}
    for verdict in verdicts:
        if verdict.id not in gold:
            raise DataError(f"no human label for pair {verdict.id!r}", hint="calibration needs one for every verdict")
        if verdict.id in found:
            raise DataError(f"two verdicts on pair {verdict.id!r}", hint="calibrate one judge at a time")
        found[verdict.id] = verdict
    if not asked:
        raise DataError("no pair with a human label")
    return [found.get(id_) or PairVerdict(id_, None, None) for id_ in asked]


def credit_of(winner: Winner | None, right: Winner, ties: Ties) -> float | None:
    """How right a verdict is, 0..1, by what ties are worth; `None` if unparsed."""
    if winner is None:
        return None
    if winner == right:
        return 1.0
    return 0.5 if ties != "strict" and "tie" in (winner, right) else 0.0


def _lengths(
    lengths: Mapping[str, tuple[int, int]] | None, asked: Mapping[str, Winner]
) -> list[tuple[int, int]] | None:
    if lengths is None:
        return None
    missing = next((id_ for id_ in asked if id_ not in lengths), None)
    if missing is not None:
        raise DataError(f"no lengths for pair {missing!r}")
    return [lengths[id_] for id_ in asked]


def _accuracy(ab: Sequence[float | None], ba: Sequence[float | None], final: Sequence[float | None]) -> Accuracy:
    worst, best = (_filled(ab, 0), _filled(ba, 0)), (_filled(ab, 1), _filled(ba, 1))
    return Accuracy(
        ab=_share(worst[0], best[0]),
        ba=_share(worst[1], best[1]),
        mean=_share(_means(*worst), _means(*best)),
        both=_share(list(map(min, *worst)), list(map(min, *best))),
        final=_share(_filled(final, 0), _filled(final, 1)),
    )


def _agreement(items: Sequence[PairVerdict], right: Sequence[Winner], resamples: int) -> Agreement:
    rows: list[_Said] = [(item.ab, item.ba, label) for item, label in zip(items, right, strict=True)]
    same = [None if ab is None or ba is None else float(ab == ba) for ab, ba, _ in rows]
    return Agreement(
        orders=_share(_filled(same, 0), _filled(same, 1)),
        kappa_orders=estimate(rows, _kappa_of_orders, resamples),
        kappa=estimate(rows, _kappa_with_people, resamples),
        alpha=estimate(rows, lambda said, often: krippendorff_alpha(said, weights=often), resamples),
        tau_b=estimate(rows, lambda said, often: tau_b_of_table(_table(said, often)), resamples),
        spearman=estimate(rows, lambda said, often: spearman_of_table(_table(said, often)), resamples),
    )


def _kappa_of_orders(said: Sequence[_Said], often: Sequence[int]) -> float:
    return cohen_kappa([ab for ab, _, _ in said], [ba for _, ba, _ in said], often)


def _kappa_with_people(said: Sequence[_Said], often: Sequence[int]) -> float:
    finals = [synthesise(PairVerdict("", ab, ba)) for ab, ba, _ in said]
    return cohen_kappa(finals, [right for _, _, right in said], often)


def _table(said: Sequence[_Said], often: Sequence[int]) -> Table:
    """Counts of the judge's preference (mean over the orders that are parsed, in steps of a half) by people's."""
    table = np.zeros((5, 3))
    for (ab, ba, right), weight in zip(said, often, strict=True):
        parsed = [DIRECTION[winner] for winner in (ab, ba) if winner is not None]
        if parsed:
            table[int(2 * fmean(parsed)) + 2, DIRECTION[right] + 1] += weight
    return table


def _bias(
    items: Sequence[PairVerdict],
    finals: Sequence[Winner | None],
    right: Sequence[Winner],
    credits: Sequence[float],
    lengths: Sequence[tuple[int, int]] | None,
) -> Bias:
    position = _position([signal for item in items if (signal := position_signal(item)) is not None])
    if lengths is None:
        return Bias(position, UNDEFINED, math.nan, math.nan)
    longest: list[Winner] = [longer(both) for both in lengths]
    length = Estimate(*length_bias_interval(credits, right, longest))
    return Bias(position, length, longer_share(finals, longest), longer_share(right, longest))


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in cast(dict[str, object], value).items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _position(signals: Sequence[float]) -> Estimate:
    """Mean signal; its interval leaves 0 out only where an exact test does too, which few pairs cannot pass."""
    if not signals:
        return UNDEFINED
    low, high = stats.bounded_mean(signals, -1, 1, pseudo=1)
    if stats.randomisation([0.0] * len(signals), signals).p >= 1 - stats.CONFIDENCE:
        low, high = min(low, 0.0), max(high, 0.0)
    return Estimate(fmean(signals), low, high)


def _filled(credits: Sequence[float | None], unparsed: float) -> list[float]:
    return [unparsed if credit is None else credit for credit in credits]


def _means(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [(a + b) / 2 for a, b in zip(first, second, strict=True)]


def _share(worst: Sequence[float], best: Sequence[float]) -> Share:
    interval = stats.share_interval(worst)
    return Share(fmean(worst), interval.low, interval.high, fmean(best))
