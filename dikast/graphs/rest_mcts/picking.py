"""Which nodes each search expands next, and which solution it takes at the end. Pure: no model, no gold answer.

| search | expands | values |
| --- | --- | --- |
| `mcts` | the leaf to which UCT leads | every step |
| `beam` | the best nodes of the last depth (tree of thoughts, breadth first) | every step |
| `tot` | the best of the deepest, none below `prune` (tree of thoughts, depth first; goes back) | every step |
| `greedy` | the question, once, at temperature 0 | nothing |
| `best_of_n` | the question, by whole solutions | whole solutions |
| `self_consistency` | the question, by whole solutions | nothing; the most frequent answer is taken |
"""

from __future__ import annotations

from collections.abc import Sequence

from dikast.evaluation.answers import most_common
from dikast.graphs.rest_mcts.context import VALUELESS, WHOLE, Context
from dikast.graphs.rest_mcts.tree import Node, is_dead, is_whole, open_nodes, select


def pick(context: Context, search: str, nodes: Sequence[Node], fresh: Sequence[int]) -> list[int]:
    """The nodes to expand next; none where nothing is left to expand.

    Args:
        context: The knobs.
        search: Which search.
        nodes: The table.
        fresh: What was added last.
    """
    if search in WHOLE:
        return [0]
    if search == "mcts":
        leaf = select(nodes, exploration=context.exploration, unvisited=context.unvisited)
        return [] if leaf is None else [leaf]
    if search == "beam":
        front = [nodes[id_] for id_ in fresh] or list(nodes[:1] if len(nodes) == 1 else ())
        going = [one for one in front if not is_dead(one) and not one["end"]]
        return [one["id"] for one in sorted(going, key=value_of, reverse=True)[: context.beam]]
    left = open_nodes(nodes)
    parents = {one["parent"] for one in nodes}
    going = [
        one
        for one in nodes
        if one["id"] in left
        and one["id"] not in parents
        and not one["end"]
        and (one["parent"] is None or value_of(one) >= context.prune)
    ]
    return [max(going, key=lambda one: (one["depth"], value_of(one)))["id"]] if going else []


def value_of(node: Node) -> float:
    """V, or below any other where there is none."""
    return float("-inf") if node["value"] is None else node["value"]


def passed_gate(context: Context, search: str, nodes: Sequence[Node]) -> bool:
    """Whether a whole solution is good enough to end the search."""
    if search not in ("mcts", "tot"):
        return False
    values = [one["appraised"] for one in nodes if is_whole(one)]
    return any(value is not None and value >= context.gate for value in values)


def take(context: Context, search: str, nodes: Sequence[Node]) -> int | None:
    """The node at which the solution ends that the search takes; `None` where no solution has an answer.

    A solution without an answer is never taken. Of equal ones the first is taken.
    """
    ends = [one for one in nodes if is_whole(one) and one["answer"] is not None]
    if not ends:
        return None
    if search in VALUELESS or context.choice == "vote":
        weights = [1.0 if search in VALUELESS else max(one["appraised"] or 0.0, 0.0) for one in ends]
        answer = most_common([one["answer"] or "" for one in ends], weights)
        ends = [one for one in ends if one["answer"] == answer]
    return max(ends, key=appraised)["id"]


def appraised(node: Node) -> float:
    """The critic's figure, or below any other where there is none."""
    return float("-inf") if node["appraised"] is None else node["appraised"]
