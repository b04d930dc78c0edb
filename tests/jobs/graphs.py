"""Graphs and models that the tests of jobs share."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from benchmarks.one_call import Context, graph, queries
from dikast import jobs
from dikast.agents.models.request import Reply, Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver

Say = Callable[[str], str | Reply | Awaitable[str | Reply]]


def speaking(say: Say) -> Context:
    """A context for the one-call graph whose solver answers a query."""

    def answer(request: Request) -> Any:
        return say(request.messages[-1]["content"].removeprefix("Keywords for: "))

    return Context(solver=load_solver(ScriptedModel(answer)))


class Heard:
    """Counts what a solver was asked; answers backwards."""

    def __init__(self) -> None:
        self.queries: list[str] = []

    def __call__(self, query: str) -> str:
        self.queries.append(query)
        return query[::-1]


class Value(TypedDict):
    value: int


class Anything(TypedDict):
    value: int
    result: Any


def graph_of(node: Callable[[Any], Awaitable[Any]], checkpointer: Any = False) -> Any:
    """A graph of one node over `value`, which puts what it likes into `result`; it takes no context."""
    built = StateGraph(Anything, input_schema=Value, output_schema=Anything)

    async def act(state: Value) -> dict[str, Any]:
        return {"result": await node(state["value"])}

    built.add_node("act", act).add_edge(START, "act").add_edge("act", END)
    return built.compile(checkpointer=checkpointer, name="anything")


async def same(value: int) -> int:
    """A node that gives what it gets."""
    return value


def values(count: int) -> list[dict[str, int]]:
    return [{"value": number} for number in range(count)]


def lines(out: Path) -> list[dict[str, Any]]:
    """The journal, read without any of the code under test."""
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def errors(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "errors.jsonl").read_text().splitlines()]


async def run_one_call(out: Path, count: int, say: Say, **options: Any) -> jobs.Summary:
    return await jobs.run(graph, queries(count), speaking(say), out, **options)
