"""Pairs of a tree by the critic's values: best against worst, ties told, nothing known of what is right."""

from __future__ import annotations

from typing import Any

import pytest

from dikast.graphs.rest_mcts.preferring import EQUAL, FEW, UNVALUED, Pair, best_and_worst
from dikast.graphs.rest_mcts.training import rows
from dikast.graphs.rest_mcts.tree import Node, add, root
from dikast.jobs.exports import LeftOut
from tests.graphs.rest_mcts.scripts import ROW, Knows, context, record


def tree(*solutions: tuple[str, float | None, bool | None]) -> list[Node]:
    """Whole solutions with their values and verdicts."""
    nodes = [root()]
    for text, value, right in solutions:
        node = add(nodes, 0, text, "whole")
        node["end"], node["appraised"], node["value"], node["right"] = "answer", value, value, right
    return nodes


@pytest.mark.parametrize(
    ("solutions", "found"),
    [
        ([("a", 0.2, None), ("b", 0.8, None), ("c", 0.5, None)], Pair(2, 1, 0.8, 0.2, tied=False)),
        ([("a", 0.2, None), ("b", 0.8, None), ("c", 0.8, None)], Pair(2, 1, 0.8, 0.2, tied=True)),
        ([("a", 0.8, None), ("b", 0.2, None), ("c", 0.2, None)], Pair(1, 2, 0.8, 0.2, tied=True)),
        ([("a", 0.5, None), ("b", 0.5, None)], EQUAL),
        ([("a", 0.5, None), ("b", None, None)], UNVALUED),
        ([("a", None, None), ("b", None, None)], UNVALUED),
        ([("a", 0.5, None)], FEW),
        ([], FEW),
        # One text, marked twice: the mean counts, and it is no pair with itself.
        ([("a  b", 0.2, None), ("a b", 0.8, None)], FEW),
        ([("a", 0.0, None), ("a", 1.0, None), ("b", 0.4, None)], Pair(1, 3, 0.5, 0.4, tied=False)),
    ],
)
def test_the_best_against_the_worst(solutions: list[Any], found: Pair | LeftOut) -> None:
    assert best_and_worst(tree(*solutions), "line") == found


def test_what_is_right_makes_no_difference() -> None:
    values = [("a", 0.2), ("b", 0.8)]
    pairs = {best_and_worst(tree(*((*one, right) for one in values)), "line") for right in (True, False, None)}
    assert pairs == {Pair(2, 1, 0.8, 0.2, tied=False)}


def test_solutions_that_were_cut_or_failed_are_in_no_pair() -> None:
    nodes = tree(("a", 0.2, None), ("b", 0.8, None), ("c", 1.0, None), ("d", 0.0, None))
    nodes[3]["end"], nodes[4]["end"] = "cut", "failed"
    assert best_and_worst(nodes, "line") == Pair(2, 1, 0.8, 0.2, tied=False)


async def test_a_run_with_a_critic_gives_pairs() -> None:
    made = context(searches=("best_of_n",), branch=4, iterations=1)
    record_ = await record(made)

    class Run:
        def rows(self) -> Any:
            return iter([record_])

    run: Any = Run()
    [found] = rows("preference", run, made)
    assert not isinstance(found, LeftOut)
    row = found[1]
    texts = {node["text"]: node["appraised"] for node in record_["output"]["nodes"][1:]}
    [chosen], [rejected] = row["chosen"], row["rejected"]
    assert texts[chosen["content"]] == row["score_chosen"] == max(texts.values())
    assert texts[rejected["content"]] == row["score_rejected"] == min(texts.values())
    assert ROW["question"] in row["prompt"][0]["content"]
    same = context(searches=("best_of_n",), branch=4, iterations=1, critic=Knows(says=lambda _: 0.5))
    record_ = await record(same)
    assert list(rows("preference", run, same)) == [EQUAL]
