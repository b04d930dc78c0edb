"""The tree's arithmetic: UCT, the back-up as a visit-weighted mean, what is still open."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.rest_mcts.tree import (
    Node,
    add,
    back_up,
    blend,
    children,
    is_dead,
    leaves,
    mean_value,
    open_nodes,
    path,
    root,
    select,
    steps,
    uct,
)

C, BONUS = 0.4, 3.0
"""Above 1 + c sqrt(2 ln N) for all N here: each child is visited once before any is twice."""


def grown(seed: int, rounds: int, branch: int = 3, exploration: float = C) -> tuple[list[Node], Counter[int]]:
    """A tree of random values, and how often each node was selected."""
    random_, nodes, selected = random.Random(seed), [root()], Counter[int]()
    for _ in range(rounds):
        leaf = select(nodes, exploration=exploration, unvisited=BONUS)
        assert leaf is not None
        selected[leaf] += 1
        for number in range(branch):
            add(nodes, leaf, f"{number}", "step")["value"] = random_.random()
        best = max(children(nodes, leaf), key=lambda one: one["value"] or 0.0)
        back_up(nodes, best["id"])
    return nodes, selected


def test_a_table_is_a_tree() -> None:
    nodes = [root()]
    first = add(nodes, 0, "a", "step")
    second = add(nodes, first["id"], "b", "step")
    add(nodes, first["id"], "c", "rollout")
    assert [one["id"] for one in path(nodes, second["id"])] == [0, 1, 2]
    assert steps(nodes, second["id"]) == ["a", "b"]
    assert second["depth"] == 2
    assert [one["text"] for one in children(nodes, 1)] == ["b"]
    assert [one["text"] for one in children(nodes, 1, rolled=True)] == ["b", "c"]
    assert [one["text"] for one in leaves(nodes)] == ["b", "c"]


def test_uct_is_the_papers() -> None:
    assert uct(0.5, 4, 10, exploration=0.4, unvisited=1.0) == 0.5 + 0.4 * math.sqrt(2 * math.log(10) / 4)
    assert uct(0.5, 0, 10, exploration=0.4, unvisited=1.0) == 1.5
    assert uct(0.5, 3, 10, exploration=0.0, unvisited=1.0) == 0.5
    assert blend(0.4, 0.8, 0.5) == pytest.approx(0.6)
    assert blend(0.4, 0.8, 0.0) == 0.4


@given(st.integers(0, 10_000), st.integers(1, 25))
def test_the_back_up_is_the_visit_weighted_mean_everywhere(seed: int, rounds: int) -> None:
    nodes, _ = grown(seed, rounds)
    assert nodes[0]["visits"] == rounds
    for node in nodes:
        found = children(nodes, node["id"])
        if any(one["visits"] for one in found):
            assert node["value"] == mean_value(found)
            total = sum(one["visits"] for one in found)
            assert node["value"] == pytest.approx(
                sum(one["visits"] * (one["value"] or 0.0) for one in found) / total, abs=1e-12
            )


@given(st.integers(0, 10_000))
def test_every_child_is_visited_once_before_any_is_twice(seed: int) -> None:
    nodes, _ = grown(seed, 12)
    for node in nodes:
        visits = [one["visits"] for one in children(nodes, node["id"])]
        assert not (visits and min(visits) == 0 and max(visits) > 1)


def two_arms(exploration: float, rounds: int) -> list[int]:
    """Visits of two arms that are worth .9 and .1, walked down by UCT."""
    nodes = [root()]
    arms = [add(nodes, 0, name, "step") for name in "ab"]
    for arm, value in zip(arms, (0.9, 0.1), strict=True):
        arm["value"] = value
    for _ in range(rounds):
        leaf = select(nodes, exploration=exploration, unvisited=BONUS)
        assert leaf is not None
        back_up(nodes, leaf)
    return [arm["visits"] for arm in arms]


def test_no_exploration_is_greedy_and_much_of_it_is_even() -> None:
    assert two_arms(0.0, 200) == [199, 1]
    even = two_arms(1_000.0, 200)
    assert sum((visits - 100) ** 2 / 100 for visits in even) < 0.1  # chi-squared; 3.84 would be the 5 % point


def test_what_is_still_open() -> None:
    nodes = [root()]
    end, broken, going = (add(nodes, 0, text, "step") for text in ("end", "broken", "going"))
    for node in (end, broken, going):
        node["value"] = 0.5
    end["end"], broken["end"] = "answer", "cut"
    assert is_dead(broken)
    assert open_nodes(nodes) == {0, end["id"], going["id"]}
    end["visits"] = 1
    assert open_nodes(nodes) == {0, going["id"]}  # an end is visited once
    going["value"] = None
    assert select(nodes, exploration=C, unvisited=BONUS) is None  # without a value there is nothing to hope for


def test_a_rollout_is_no_part_of_the_tree() -> None:
    nodes = [root()]
    child = add(nodes, 0, "a", "step")
    rolled = add(nodes, child["id"], "b", "rollout")
    child["value"], rolled["value"] = 0.2, 1.0
    assert select(nodes, exploration=C, unvisited=BONUS) == child["id"]
    back_up(nodes, child["id"])
    assert (nodes[0]["value"], child["value"], rolled["visits"]) == (0.2, 0.2, 0)
