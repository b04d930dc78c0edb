"""Rows out of trees: what a policy, a critic and a step's label learn from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dikast.graphs.rest_mcts.inference import infer
from dikast.graphs.rest_mcts.training import candidates
from dikast.graphs.rest_mcts.tree import Node, add, root
from dikast.jobs.exports import LeftOut
from dikast.training.exports import Candidate
from dikast.training.rows import Kind, problem_of
from tests.graphs.rest_mcts.scripts import ROW, context, record

GOLD = "18"


def a_tree() -> list[Node]:
    """Right: a, b, c. Wrong: a, x. Nobody knows: y."""
    nodes = [root()]
    for parent, text in ((0, "a"), (1, "b"), (2, "#### 18"), (1, "#### 17"), (0, "y")):
        add(nodes, parent, text, "step")["value"] = 0.5
    for id_, right in ((3, True), (4, False)):
        nodes[id_]["end"], nodes[id_]["right"], nodes[id_]["appraised"] = "answer", right, 0.5
    infer(nodes)
    return nodes


def journal(nodes: list[Node]) -> Any:
    output = {"nodes": nodes, "searched": "mcts"}
    line = {"key": "k", "input": dict(ROW), "output": output, "outcome": "ok"}
    return lambda: [line]


def found(kind: Kind, nodes: list[Node], **given: Any) -> tuple[list[dict[str, Any]], list[str]]:
    made: list[Candidate | LeftOut] = list(candidates(kind, journal(nodes), context(**given)))
    rows = [dict(one.row) for one in made if isinstance(one, Candidate)]
    assert all(problem_of(row, kind) is None for row in rows)
    return rows, [one.why for one in made if isinstance(one, LeftOut)]


def test_right_solutions_train_the_policy() -> None:
    [row], _ = found("sft", a_tree())
    assert row["completion"] == [{"role": "assistant", "content": "a\nb\n#### 18"}]
    assert row["prompt"][0]["content"].startswith(ROW["question"])
    rows, left_out = found("sft", a_tree(), least_value=0.6)
    assert (rows, len(left_out)) == ([], 1)


def test_partial_solutions_with_inferred_values_train_the_critic() -> None:
    rows, left_out = found("value", a_tree())
    told = {row["completion"][0]["content"]: row["value"] for row in rows}
    assert told == {
        "a": pytest.approx(1 / 3),
        "a\nb": pytest.approx(2 / 3),
        "a\nb\n#### 18": pytest.approx(1.0),
        "a\n#### 17": pytest.approx(1 / 3 - (2 / 3) / 3),
    }
    assert len(left_out) == 1  # y


def test_verified_solutions_have_a_label_a_step() -> None:
    rows, _ = found("stepwise", a_tree())
    assert [(row["completions"], row["labels"]) for row in rows] == [
        (["a", "b", "#### 18"], [True, True, True]),
        (["a", "#### 17"], [True, False]),
    ]


def test_solutions_that_were_drawn_whole_are_split() -> None:
    nodes = [root()]
    for text, right in (("a\nb", True), ("a\nx", False)):
        node = add(nodes, 0, text, "whole")
        node["end"], node["right"] = "turn", right
    infer(nodes)
    rows, left_out = found("stepwise", nodes)
    assert [(row["completions"], row["labels"]) for row in rows] == [(["a", "b"], [True, True])]
    assert len(left_out) == 1


@pytest.mark.parametrize("kind", ["sft", "value", "stepwise"])
def test_a_tree_of_which_nothing_is_known_gives_no_row(kind: Kind) -> None:
    nodes = a_tree()
    nodes[3]["right"] = False
    infer(nodes)
    assert found(kind, nodes)[0] == []
    nodes[3]["right"] = nodes[4]["right"] = None
    infer(nodes)
    rows, left_out = found(kind, nodes)
    assert (rows, left_out) == ([], ["no gold answer, or the check could not be made"])


async def test_rows_of_a_real_search() -> None:
    line = await record(context())

    def lines() -> Iterator[Any]:
        yield line

    for kind in ("sft", "value", "stepwise"):
        made = [one for one in candidates(kind, lines, context()) if isinstance(one, Candidate)]
        assert made
        assert all(problem_of(dict(one.row), kind) is None for one in made)
        assert all(0 <= one.row["value"] <= 1 for one in made if kind == "value")
