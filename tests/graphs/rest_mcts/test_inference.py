"""Values of steps out of which solutions are right: k / K on a right path, .0625 for the page's wrong sibling."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dikast.graphs.rest_mcts.inference import infer, step_value
from dikast.graphs.rest_mcts.tree import Node, add, root


def chain(nodes: list[Node], parent: int, texts: str, *, right: bool | None) -> list[int]:
    """A path of steps below a node, whose end is right or wrong."""
    found: list[int] = []
    for text in texts:
        parent = add(nodes, parent, text, "step")["id"]
        found.append(parent)
    nodes[parent]["end"], nodes[parent]["right"] = "answer", right
    return found


@pytest.mark.parametrize("steps", range(1, 13))
def test_a_right_path_of_k_steps_has_k_over_k(steps: int) -> None:
    nodes = [root()]
    way = chain(nodes, 0, "a" * steps, right=True)
    infer(nodes)
    for number, id_ in enumerate(way, start=1):
        assert nodes[id_]["inferred"] == pytest.approx(float(Fraction(number, steps)), abs=1e-12)
        assert nodes[id_]["distance"] == steps - number
    assert nodes[way[-1]]["inferred"] == pytest.approx(1.0, abs=1e-12)


def test_the_recursion_by_hand() -> None:
    found = [step_value(before, m, right=True) for before, m in ((0.0, 3), (0.25, 2), (0.5, 1), (0.75, 0))]
    assert found == [0.25, 0.5, 0.75, 1.0]


def test_a_wrong_sibling_after_a_quarter_is_worth_a_sixteenth() -> None:
    nodes = [root()]
    way = chain(nodes, 0, "abcd", right=True)
    [wrong] = chain(nodes, way[0], "x", right=False)
    infer(nodes)
    assert nodes[way[0]]["inferred"] == 0.25
    assert nodes[wrong]["distance"] == 3
    assert nodes[wrong]["inferred"] == 0.0625


def test_a_wrong_first_step_is_worth_nothing() -> None:
    nodes = [root()]
    chain(nodes, 0, "abcd", right=True)
    wrong = chain(nodes, 0, "xy", right=False)
    infer(nodes)
    assert [nodes[id_]["inferred"] for id_ in wrong] == [0.0, 0.0]


def test_steps_of_which_nothing_is_known_have_no_value() -> None:
    nodes = [root()]
    way = chain(nodes, 0, "ab", right=True)
    [open_] = chain(nodes, way[0], "x", right=None)
    infer(nodes)
    assert (nodes[open_]["inferred"], nodes[open_]["distance"]) == (None, None)
    alone = [root()]
    chain(alone, 0, "ab", right=False)
    infer(alone)
    assert [one["inferred"] for one in alone] == [None, None, None]  # without a right answer nothing is known


def test_the_shorter_way_counts() -> None:
    nodes = [root()]
    way = chain(nodes, 0, "abcd", right=True)
    [short] = chain(nodes, way[0], "s", right=True)
    infer(nodes)
    assert [nodes[id_]["distance"] for id_ in (0, way[0], short)] == [2, 1, 0]
    assert nodes[way[0]]["inferred"] == 0.5


def test_an_end_with_steps_behind_it_is_both() -> None:
    nodes = [root()]
    first = chain(nodes, 0, "a", right=True)[0]
    behind = chain(nodes, first, "b", right=False)[0]
    infer(nodes)
    assert (nodes[first]["distance"], nodes[first]["inferred"]) == (0, 1.0)
    assert nodes[behind]["inferred"] == 1.0 - (1.0 - 1.0)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=12))
def test_values_stay_in_0_to_1(steps: list[tuple[int, bool]]) -> None:
    value = 0.0
    for distance, right in steps:
        value = step_value(value, distance, right=right)
        assert 0.0 <= value <= 1.0 + 1e-12


@given(st.floats(0, 0.99), st.integers(0, 20))
def test_the_nearer_the_more_and_a_wrong_step_lowers(before: float, distance: int) -> None:
    assert step_value(before, distance, right=True) > step_value(before, distance + 1, right=True)
    assert step_value(before, distance, right=False) <= before
    assert step_value(before, 0, right=True) == pytest.approx(1.0)
