"""A question's best solution against its worst, by the critic's values alone: a pair for preference training.

    pair = best_and_worst(output["nodes"], "line")
    pair.chosen, pair.rejected, pair.best, pair.worst

No gold answer and no verdict is looked at. Solutions with the same text are one, of their mean value. Where several are
best, or worst, the first that was drawn is taken, and the pair says that it was a tie. Where all values are equal there
is no pair: a difference of 0 is no preference.

Paper: Yuan et al.: Self-Rewarding Language Models, arXiv 2401.10020, section 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from dikast.graphs.rest_mcts.splitting import Unit, join
from dikast.graphs.rest_mcts.tree import Node, is_whole, steps
from dikast.jobs.exports import LeftOut

FEW = LeftOut("fewer than two different solutions came to their end")
UNVALUED = LeftOut("fewer than two different solutions have a value")
EQUAL = LeftOut("all values are equal")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two solutions to one question.

    Args:
        chosen: The node at which the better one ends.
        rejected: The node at which the worse one ends.
        best: The better one's value.
        worst: The worse one's.
        tied: Whether another solution is as good as the best, or as bad as the worst.
    """

    chosen: int
    rejected: int
    best: float
    worst: float
    tied: bool


def best_and_worst(nodes: Sequence[Node], unit: Unit) -> Pair | LeftOut:
    """The pair of a tree, or why it has none."""
    whole: dict[str, list[Node]] = {}
    for node in nodes:
        if is_whole(node):
            whole.setdefault(" ".join(join(steps(nodes, node["id"]), unit).split()), []).append(node)
    if len(whole) < 2:
        return FEW
    valued: dict[int, float] = {}
    for alike in whole.values():
        values = [one["appraised"] for one in alike if one["appraised"] is not None]
        if values:
            valued[alike[0]["id"]] = fmean(values)
    if len(valued) < 2:
        return UNVALUED
    best, worst = max(valued.values()), min(valued.values())
    if best == worst:
        return EQUAL
    highest, lowest = ([id_ for id_, value in valued.items() if value == end] for end in (best, worst))
    return Pair(highest[0], lowest[0], best, worst, len(highest) > 1 or len(lowest) > 1)
