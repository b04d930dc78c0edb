"""Values of steps, inferred from which solutions of a tree turned out right.

    infer(nodes)            # sets `distance` and `inferred` of every node that something is known of

With m the fewest further steps to a right answer and r = 0 for a step that leads to one, 1 for one that does not:

    w_k = (1 - v_{k-1}) / (m_k + 1) * (1 - 2 r_k),     v_k = max(v_{k-1} + w_k, 0),     v_0 = 0

So a right path of K steps has v_k = k / K. A wrong end takes the distance of its nearest ancestor from which a right
answer was reached. A tree without a right answer says nothing of its steps: they have no value, which is not a value
of 0.

Paper: Zhang et al.: ReST-MCTS*, arXiv 2406.03816, section 3 and algorithm 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from dikast.graphs.rest_mcts.tree import Node, path


def step_value(before: float, distance: int, *, right: bool) -> float:
    """v_k out of v_{k-1}.

    Args:
        before: v_{k-1}, in [0, 1].
        distance: m_k, from 0.
        right: Whether the step leads to a right answer.
    """
    gain = (1 - before) / (distance + 1)
    return max(before + (gain if right else -gain), 0.0)


def infer(nodes: Sequence[Node]) -> None:
    """Distances and values of all steps that something is known of, by `right` of the solutions' ends."""
    rescued = distances(nodes)
    known = {**rescued, **dead_ends(nodes, rescued)}
    for node in nodes:
        node["distance"] = known.get(node["id"])
        node["inferred"] = value_below(nodes, node, rescued)


def value_below(nodes: Sequence[Node], node: Node, rescued: dict[int, int]) -> float | None:
    """The node's value, its parent's being known already."""
    if node["parent"] is None:
        return 0.0 if node["distance"] is not None else None
    before, distance = nodes[node["parent"]]["inferred"], node["distance"]
    if before is None or distance is None:
        return None
    return step_value(before, distance, right=node["id"] in rescued)


def distances(nodes: Sequence[Node]) -> dict[int, int]:
    """Of every node below which a right answer was reached: in how many steps at least."""
    found: dict[int, int] = {}
    for node in reversed(nodes):
        if node["right"]:
            found[node["id"]] = 0
        parent = node["parent"]
        if parent is not None and node["id"] in found:
            found[parent] = min(found.get(parent, len(nodes)), found[node["id"]] + 1)
    return found


def dead_ends(nodes: Sequence[Node], rescued: dict[int, int]) -> dict[int, int]:
    """Of the nodes on the way to a wrong end: the distance of the last one from which a right answer was reached."""
    found: dict[int, int] = {}
    for node in nodes:
        if node["right"] is not False:
            continue
        way = path(nodes, node["id"])
        last = next((one for one in reversed(way) if one["id"] in rescued), None)
        if last is not None:
            found |= {one["id"]: rescued[last["id"]] for one in way[last["depth"] + 1 :]}
    return found
