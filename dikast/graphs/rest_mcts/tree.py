"""A search tree as a flat table, and the arithmetic of MCTS* on it: UCT, the rollout's blend, the back-up.

    nodes = [root()]
    add(nodes, 0, "16 - 3 - 4 = 9 eggs are left.", who="step")
    nodes[1]["value"] = 0.4
    leaf = select(nodes, exploration=0.4, unvisited=0.8)
    back_up(nodes, leaf)

A node's id is its place in the table, so that a table is JSON and a tree is rebuilt by reading it. Nodes of rollouts
stand in it too, below the node that was rolled out from; they are no part of the tree that UCT walks.

Paper: Zhang et al.: ReST-MCTS*, arXiv 2406.03816, algorithm 2. Not here: who proposes and who values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

Who: TypeAlias = Literal["question", "step", "rollout", "whole"]
"""The root; a step of the tree; a step of a rollout; a solution that was drawn at one go."""
End: TypeAlias = Literal["", "answer", "turn", "depth", "repeats", "cut", "failed"]
"""Why nothing follows: not known to be so; it says its answer; the policy ended its turn; as deep as allowed; it
repeats an earlier step; the budget cut it; the call failed."""
ENDED: frozenset[End] = frozenset(("answer", "turn"))
"""Ends of a solution that is whole."""


class Node(TypedDict):
    """A step, and what is known of the partial solution that ends with it.

    `value` is V as the search has it now, `appraised` the critic's own figure; `None`: there is none. `visits` is N.
    `right`, `distance` and `inferred` are known after verification: whether the whole solution is right, how many steps
    m it is from a right one, and the value v that this implies.
    """

    id: int
    parent: int | None
    depth: int
    text: str
    who: Who
    end: End
    value: float | None
    appraised: float | None
    visits: int
    answer: str | None
    right: bool | None
    distance: int | None
    inferred: float | None
    tokens: int
    outcome: str
    reason: str


def root() -> Node:
    """The empty solution; its value is 0 by definition."""
    return make(0, None, 0, "", "question", value=0.0)


def make(id_: int, parent: int | None, depth: int, text: str, who: Who, *, value: float | None = None) -> Node:
    """A node of which nothing else is known."""
    return Node(
        id=id_,
        parent=parent,
        depth=depth,
        text=text,
        who=who,
        end="",
        value=value,
        appraised=None,
        visits=0,
        answer=None,
        right=None,
        distance=None,
        inferred=None,
        tokens=0,
        outcome="ok",
        reason="",
    )


def copied(nodes: Sequence[Node]) -> list[Node]:
    """A table that can be changed; what a node holds cannot."""
    return [one.copy() for one in nodes]


def add(nodes: list[Node], parent: int, text: str, who: Who) -> Node:
    """Put a step below another one, at the table's end."""
    nodes.append(make(len(nodes), parent, nodes[parent]["depth"] + 1, text, who))
    return nodes[-1]


def children(nodes: Sequence[Node], parent: int, *, rolled: bool = False) -> list[Node]:
    """The steps that follow a node: those of the tree, or those of rollouts beside them."""
    return [one for one in nodes if one["parent"] == parent and (rolled or one["who"] != "rollout")]


def path(nodes: Sequence[Node], leaf: int) -> list[Node]:
    """From the root to a node, both included."""
    found = [nodes[leaf]]
    while (parent := found[-1]["parent"]) is not None:
        found.append(nodes[parent])
    return found[::-1]


def steps(nodes: Sequence[Node], leaf: int) -> list[str]:
    """The steps of the partial solution that ends with a node."""
    return [one["text"] for one in path(nodes, leaf)[1:]]


def is_whole(node: Node) -> bool:
    """Whether a whole solution ends here."""
    return node["end"] in ENDED


def is_dead(node: Node) -> bool:
    """Whether the search has nothing to hope for here: a broken end, or no value."""
    return node["value"] is None or (node["end"] != "" and not is_whole(node))


def uct(value: float, visits: int, parent_visits: int, *, exploration: float, unvisited: float) -> float:
    """V + c sqrt(2 ln N / n); of a node that nobody visited V + the bonus.

    Args:
        value: V of the child.
        visits: n of the child.
        parent_visits: N of its parent.
        exploration: c.
        unvisited: The bonus. With V in [0, 1], one of 1 + c sqrt(2 ln N) or more has all children visited once first.
    """
    if not visits:
        return value + unvisited
    return value + exploration * math.sqrt(2 * math.log(max(parent_visits, 1)) / visits)


def select(nodes: Sequence[Node], *, exploration: float, unvisited: float) -> int | None:
    """Walk down by UCT to a node that has no children yet; of equal children the first.

    Returns:
        The node; one that ends a solution if nobody visited it yet. `None` where there is none any more.
    """
    open_ = open_nodes(nodes)
    if 0 not in open_:
        return None
    at = 0
    while found := [one for one in children(nodes, at) if one["id"] in open_]:
        visits = nodes[at]["visits"]
        at = max(
            found,
            key=lambda one: uct(
                one["value"] or 0.0, one["visits"], visits, exploration=exploration, unvisited=unvisited
            ),
        )["id"]
    return at


def open_nodes(nodes: Sequence[Node]) -> set[int]:
    """The nodes below which there is something left to do: a leaf to expand, or an end that nobody visited."""
    found: set[int] = set()
    parents = {one["parent"] for one in nodes if one["who"] != "rollout"}
    for one in reversed(nodes):
        if one["who"] == "rollout" or is_dead(one):
            continue
        is_leaf = one["id"] not in parents
        if (is_leaf and not (is_whole(one) and one["visits"])) or one["id"] in found:
            found.add(one["id"])
            if one["parent"] is not None:
                found.add(one["parent"])
    return found


def blend(value: float, rolled: float, alpha: float) -> float:
    """V after a rollout from there: (1 - alpha) V + alpha x the best value that was reached."""
    return (1 - alpha) * value + alpha * rolled


def back_up(nodes: Sequence[Node], leaf: int) -> None:
    """One more visit for all on the path, and V of each with visited children as the visit-weighted mean of theirs."""
    for one in reversed(path(nodes, leaf)):
        one["visits"] += 1
        mean = mean_value(children(nodes, one["id"]))
        if mean is not None:
            one["value"] = mean


def mean_value(found: Sequence[Node]) -> float | None:
    """The sum of n V over the sum of n, of nodes with a value; `None` where nobody was visited."""
    known = [(one["visits"], one["value"]) for one in found if one["value"] is not None]
    total = sum(visits for visits, _ in known)
    return sum(visits * value for visits, value in known) / total if total else None


def leaves(nodes: Sequence[Node]) -> Iterator[Node]:
    """Nodes that nothing follows, rollouts' among them."""
    parents = {one["parent"] for one in nodes}
    return (one for one in nodes if one["id"] not in parents and one["parent"] is not None)
