"""Unnamed graphs are told apart by what they are made of, and not by when or where that was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CellType, FunctionType
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.jobs.made_of import DEEPEST, UNNAMED_GRAPH, name_of, parts


class State(TypedDict):
    n: int


def to_the_end(state: State) -> str:
    del state
    return END


def doubled(state: State) -> State:
    return {"n": state["n"] * 2}


def replaced(state: State, by: int) -> State:
    del state
    return {"n": by}


def graph(node: Callable[..., Any], *, name: str | None = None, node_name: str = "act", loop: bool = False) -> Any:
    built = StateGraph(State).add_node(node_name, node).add_edge(START, node_name)
    if loop:
        built.add_conditional_edges(node_name, to_the_end, [END])
    else:
        built.add_edge(node_name, END)
    return built.compile(name=name)


def adding(amount: int) -> Callable[[State], State]:
    def add(state: State) -> State:
        return {"n": state["n"] + amount}

    return add


def test_a_named_graph_is_its_name_whatever_it_does() -> None:
    assert name_of(graph(adding(1), name="mine")) == name_of(graph(adding(2), name="mine")) == "mine"


def test_equal_graphs_share_a_name() -> None:
    assert name_of(graph(adding(1))) == name_of(graph(adding(1)))
    assert name_of(graph(adding(1))).startswith(f"{UNNAMED_GRAPH} ")


def test_what_differs_in_node_closure_name_or_edges_is_another_graph() -> None:
    others = [
        graph(adding(2)),
        graph(doubled),
        graph(adding(1), node_name="other"),
        graph(adding(1), loop=True),
        graph(partial(replaced, by=1)),
        graph(partial(replaced, by=2)),
    ]
    assert len({name_of(one) for one in [graph(adding(1)), *others]}) == len(others) + 1


class Settings(BaseModel):
    n: int = 1


class Thing:
    """Prints with its address, which differs in every process."""


class Holder:
    def __init__(self, func: object) -> None:
        self.func = func


def unfilled() -> Callable[[], object]:
    """A function whose closure refers to a name that nothing stands for yet."""
    filled = adding(1)
    assert isinstance(filled, FunctionType)
    return FunctionType(filled.__code__, globals(), "unfilled", None, (CellType(),))


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        2.5,
        "x",
        b"x",
        [1],
        (1,),
        {1, 2},
        {"a": 1},
        Settings(),
        Thing(),
        Holder(len),
        adding(1),
        unfilled(),
    ],
)
def test_the_text_of_any_value_holds_no_address(value: object) -> None:
    assert " at 0x" not in repr(parts(value, DEEPEST))


def test_values_that_differ_have_other_parts() -> None:
    pairs = [([1], [2]), ({"a": 1}, {"a": 2}), (Settings(), Settings(n=2)), (Holder(len), Holder(max)), ({1}, {2})]
    for one, other in pairs[:3] + pairs[4:]:
        assert repr(parts(one, DEEPEST)) != repr(parts(other, DEEPEST))
    assert repr(parts(Holder(adding(1)), DEEPEST)) != repr(parts(Holder(adding(2)), DEEPEST))


def test_order_counts_in_lists_and_not_in_sets_or_mappings() -> None:
    assert parts([1, 2], DEEPEST) != parts([2, 1], DEEPEST)
    assert parts({"a": 1, "b": 2}, DEEPEST) == parts({"b": 2, "a": 1}, DEEPEST)
    assert parts({"b", "a"}, DEEPEST) == parts({"a", "b"}, DEEPEST)


def test_what_lies_too_deep_is_its_type() -> None:
    assert parts([[1]], 1) == ["list"]
    assert parts(5, 0) == "int"
