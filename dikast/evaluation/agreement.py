"""Agreement between judges, and between a judge and people: kappa, alpha, rank correlation.

    cohen_kappa(["1", "2", "tie"], ["1", "2", "2"])

Labels may be of any hashable kind; `None` = no label given. Where a figure is undefined (nobody ever used a second
label, or one side is constant) it is NaN, never 0 or 1: a report shows it as absent.

Not covered: intervals; `dikast.stats` resamples whole items around any of these.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from dikast.errors import UsageError
from dikast.lazy import open_module

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]
else:
    np = open_module("numpy")

Label = Hashable | None
Level = Literal["nominal", "interval"]

A = TypeVar("A")
B = TypeVar("B")


def cohen_kappa(first: Sequence[Label], second: Sequence[Label], weights: Sequence[int] | None = None) -> float:
    """Cohen's kappa of two raters over the items that both labelled, -1..1 (Cohen, 1960).

    Args:
        first: One rater's labels.
        second: The other's.
        weights: How often each item counts; once each without.

    Raises:
        UsageError: The sequences differ in length.
    """
    counts: Counter[tuple[Label, Label]] = Counter()
    for pair, weight in _aligned(list(_aligned(first, second)), _weights(weights, len(first))):
        if None not in pair:
            counts[pair] += weight
    n = sum(counts.values())
    if not n:
        return math.nan
    left, right = Counter[Label](), Counter[Label]()
    for (a, b), count in counts.items():
        left[a] += count
        right[b] += count
    observed = sum(count for (a, b), count in counts.items() if a == b) / n
    expected = sum(left[label] * right[label] for label in left) / n**2
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def fleiss_kappa(items: Sequence[Sequence[Label]]) -> float:
    """Fleiss' kappa, -1..1: each item holds the labels of the same number of raters, any raters (Fleiss, 1971).

    Raises:
        UsageError: Items differ in their number of labels, have fewer than two, or one is missing; alpha allows that.
    """
    sizes = {len(item) for item in items}
    if len(sizes) > 1 or (sizes and min(sizes) < 2) or any(label is None for item in items for label in item):
        raise UsageError("Fleiss' kappa needs the same number of labels, two or more, on every item")
    if not items:
        return math.nan
    raters = sizes.pop()
    totals = Counter(label for item in items for label in item)
    agreeing = sum(count * (count - 1) for item in items for count in Counter(item).values())
    observed = agreeing / (len(items) * raters * (raters - 1))
    expected = sum((count / (len(items) * raters)) ** 2 for count in totals.values())
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(
    items: Sequence[Sequence[Label]], level: Level = "nominal", weights: Sequence[int] | None = None
) -> float:
    """Krippendorff's alpha, at most 1: any number of raters, labels may be missing (Krippendorff, 2011).

    Args:
        items: The labels of each item; `None`, or a shorter list, where a rater gave none.
        level: `nominal` counts disagreements, `interval` squares differences between numbers.
        weights: How often each item counts; once each without.

    Raises:
        UsageError: `interval` labels are not numbers, or there is another number of weights than of items.
    """
    disagreement = _squared_differences if level == "interval" else _unequal_pairs
    totals: Counter[Label] = Counter()
    observed = 0.0
    for item, weight in _aligned(items, _weights(weights, len(items))):
        unit = Counter(label for label in item if label is not None)
        if unit.total() > 1:
            observed += weight * disagreement(unit) / (unit.total() - 1)
            for label, count in unit.items():
                totals[label] += weight * count
    everything, n = disagreement(totals), totals.total()
    return math.nan if n < 2 or everything == 0 else 1 - (n - 1) * observed / everything


def kendall_tau_b(first: Sequence[float], second: Sequence[float]) -> float:
    """Kendall's tau-b, -1..1, corrected for ties; NaN where a side is constant.

    Raises:
        UsageError: The two sequences differ in length.
    """
    return _correlation("kendalltau", first, second)


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation, -1..1; NaN where a side is constant.

    Raises:
        UsageError: The two sequences differ in length.
    """
    return _correlation("spearmanr", first, second)


def tau_b_of_table(table: Table) -> float:
    """Kendall's tau-b of two ordinal labels, from how often each combination occurs; NaN where one is constant.

    Args:
        table: Counts, shape (levels of the one, levels of the other), both in ascending order.
    """
    n, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
    untied = (n**2 - (rows**2).sum()) * (n**2 - (columns**2).sum())
    # The sign of the difference between any two levels: 1 below the diagonal, -1 above it.
    first, second = (np.tri(size, k=-1) - np.tri(size, k=-1).T for size in table.shape)
    return float((table * (first @ table @ second.T)).sum() / math.sqrt(untied)) if untied > 0 else math.nan


def spearman_of_table(table: Table) -> float:
    """Spearman's rank correlation of two ordinal labels, from the same counts as `tau_b_of_table`."""
    n, rows, columns = table.sum(), table.sum(axis=1), table.sum(axis=0)
    first, second = (np.cumsum(sums) - sums / 2 - n / 2 for sums in (rows, columns))
    spread = float((rows * first**2).sum() * (columns * second**2).sum())
    return float(first @ table @ second / math.sqrt(spread)) if spread > 0 else math.nan


@dataclass(frozen=True, slots=True)
class GroupedCorrelation:
    """A correlation taken within each group and averaged.

    Args:
        mean: Mean over the groups in which it is defined; NaN where there is none.
        used: How many groups those are.
        groups: How many groups there were.
    """

    mean: float
    used: int
    groups: int


def grouped(
    correlation: Callable[[Sequence[float], Sequence[float]], float],
    groups: Iterable[str],
    first: Sequence[float],
    second: Sequence[float],
) -> GroupedCorrelation:
    """The mean correlation within groups: how well systems are ranked for one document, say.

    Raises:
        UsageError: The sequences differ in length.
    """
    members: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for group, pair in _aligned(list(groups), list(_aligned(first, second))):
        members[group].append(pair)
    values = [correlation([a for a, _ in pairs], [b for _, b in pairs]) for pairs in members.values()]
    defined = [value for value in values if not math.isnan(value)]
    return GroupedCorrelation(sum(defined) / len(defined) if defined else math.nan, len(defined), len(values))


def _aligned(first: Sequence[A], second: Sequence[B]) -> Iterable[tuple[A, B]]:
    if len(first) != len(second):
        raise UsageError(f"{len(first)} labels cannot be compared with {len(second)}")
    return zip(first, second, strict=True)


def _weights(weights: Sequence[int] | None, n: int) -> Sequence[int]:
    return [1] * n if weights is None else weights


def _unequal_pairs(labels: Counter[Label]) -> float:
    """Ordered pairs of unequal labels."""
    return labels.total() ** 2 - sum(count**2 for count in labels.values())


def _squared_differences(labels: Counter[Label]) -> float:
    """Squared differences over all ordered pairs, about the mean to keep digits."""
    if not all(isinstance(label, int | float) for label in labels):
        raise UsageError("alpha at the interval level needs numbers")
    numbers = cast(Counter[float], labels)
    if not numbers:
        return 0.0
    mean = math.fsum(number * count for number, count in numbers.items()) / numbers.total()
    return 2 * numbers.total() * math.fsum(count * (number - mean) ** 2 for number, count in numbers.items())


def _correlation(name: str, first: Sequence[float], second: Sequence[float]) -> float:
    import scipy.stats

    pairs = list(_aligned(first, second))
    if len({a for a, _ in pairs}) < 2 or len({b for _, b in pairs}) < 2:
        return math.nan
    return float(getattr(cast(Any, scipy.stats), name)(first, second).statistic)
