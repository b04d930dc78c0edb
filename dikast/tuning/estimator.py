"""ZO-RankSGD's estimator: a direction of ascent out of a ranking alone.

    gradient = estimate(points - center, [[2], [0], [1]], mu)        # point 2 is the best, then 0, then 1

Of m points near x, somebody names the k best in order. Each pair of which one is known to be better is an edge of a
graph, and the estimate is the mean over the edges (i better than j) of (x_j - x_i) / mu. Summed by points, the t-th
best of the ranked ones, t from 0, weighs -(m - 1 - 2t), and each unranked one k. The weights sum to 0, so that what all
points share, x itself, drops out.

Only the order counts: any increasing function of the values gives the same estimate.

Paper: Tang et al.: Zeroth-Order Optimization Meets Human Feedback, arXiv 2303.03751, equations 4 and 5.

`compat="repo"` weighs as the authors' published program does, with m in place of m - 1: its weights sum to -k, and a
share of the points' common offset stays in the estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from dikast.errors import UsageError

Floats = NDArray[np.float64]
Ranking = Sequence[Sequence[int]]
"""Groups of indices, the best first; those of a group are equally good. An index that is in none is worse than all."""
Compat = Literal["paper", "repo"]


def edges(ranking: Ranking, count: int) -> list[tuple[int, int]]:
    """Every pair (better, worse) that a ranking says.

    Args:
        ranking: Of some of the points.
        count: How many points there are.

    Raises:
        UsageError: It names a point twice, or one that is not there.
    """
    groups = [*check_ranking(ranking, count), unranked(ranking, count)]
    return [
        (better, worse)
        for place, group in enumerate(groups)
        for better in group
        for below in groups[place + 1 :]
        for worse in below
    ]


def count_edges(count: int, best: int) -> int:
    """How many edges a strict ranking of the `best` best of `count` points has."""
    return best * (best - 1) // 2 + best * (count - best)


def weights(ranking: Ranking, count: int, compat: Compat = "paper") -> Floats:
    """What each point weighs, before the division by the number of edges.

    By the paper that is how many points are better than it, less how many are worse.

    Raises:
        UsageError: As for `edges`.
    """
    groups = check_ranking(ranking, count)
    found = np.full(count, float(sum(map(len, groups))))
    above = 0
    for group in groups:
        found[list(group)] = above - (count - above - len(group))
        above += len(group)
    if compat == "repo":
        found[[index for group in groups for index in group]] -= 1
    return found


def estimate(offsets: Floats, ranking: Ranking, mu: float, compat: Compat = "paper") -> Floats:
    """The estimate: a direction in which the points get worse. All zero where no point is better than another.

    Args:
        offsets: The points less x, a line each.
        ranking: Of some of them.
        mu: How far apart the points were drawn.
        compat: Whose weights.

    Raises:
        UsageError: As for `edges`.
    """
    count = len(offsets)
    weighed = weights(ranking, count, compat)
    number = edge_count(ranking, count)
    if not number:
        return np.zeros_like(offsets[0])
    return weighed @ offsets / (number * mu)


def estimate_by_edges(offsets: Floats, ranking: Ranking, mu: float) -> Floats:
    """The same as the paper writes it, edge by edge: what `estimate` is tested against.

    Raises:
        UsageError: As for `edges`.
    """
    found = edges(ranking, len(offsets))
    steps: list[Floats] = [(offsets[worse] - offsets[better]) / mu for better, worse in found]
    return cast(Floats, np.stack(steps).mean(axis=0)) if steps else np.zeros_like(offsets[0])


def edge_count(ranking: Ranking, count: int) -> int:
    """How many edges a ranking with ties has."""
    sizes = [len(group) for group in ranking]
    sizes.append(count - sum(sizes))
    return (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2


def unranked(ranking: Ranking, count: int) -> list[int]:
    """The points that a ranking does not name."""
    named = {index for group in ranking for index in group}
    return [index for index in range(count) if index not in named]


def check_ranking(ranking: Ranking, count: int) -> list[tuple[int, ...]]:
    """The groups that hold something.

    Raises:
        UsageError: The ranking names a point twice, or one that is not there.
    """
    named = [index for group in ranking for index in group]
    if len(set(named)) < len(named) or not all(0 <= index < count for index in named):
        hint = f"each of 0..{count - 1} stands there once, or not at all"
        raise UsageError(f"no ranking of {count} points: {[list(group) for group in ranking]}", hint=hint)
    return [tuple(group) for group in ranking if group]


def cut_ranking(ranking: Ranking, best: int) -> list[list[int]]:
    """The first `best` of a ranking; a group that reaches beyond is cut by place."""
    found: list[list[int]] = []
    left = best
    for group in ranking:
        if left <= 0:
            break
        found.append(list(group[:left]))
        left -= len(found[-1])
    return found
