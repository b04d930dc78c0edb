"""Graphs as LangGraph's server runs them (`langgraph dev`, langgraph-api 0.16): nothing may block its event loop, which
it watches with blockbuster, and an error is read by whoever sees no more of it than its class and its words."""

from __future__ import annotations

import asyncio
import builtins
import io
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from dikast import errors
from dikast.agents.models.request import Request
from dikast.agents.models.scripted import ScriptedModel
from dikast.agents.solver import load_solver
from dikast.errors import DikastError, UsageError
from dikast.graphs import astral, genqr, hidden_tables, reviseval
from dikast.tables.oracle import load_table_oracle

WATCHED: list[tuple[Any, str]] = [
    *((os, name) for name in ("readlink", "scandir", "listdir", "mkdir", "rename", "rmdir", "unlink")),
    *((subprocess, "Popen"), (builtins, "open"), (io, "open"), (time, "sleep")),
]
"""What blockbuster refuses on a thread with a running event loop, as far as the graphs could use it."""
SHOWN = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, TimeoutError)
"""The classes whose words langgraph-api shows (serde.py); of any other it says "An internal error occurred"."""


class Blocked(Exception):
    """Something blocked the event loop."""


def watched(function: Any, name: str) -> Any:
    def call(*arguments: Any, **more: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return function(*arguments, **more)
        if name == "open" and isinstance(arguments[0], int):  # memory: not a file to wait for
            return function(*arguments, **more)
        raise Blocked(name)

    return call


async def test_hidden_tables_blocks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("team,points\nred,3\nblue,7\n")
    (tmp_path / "q.jsonl").write_text('{"id": "1", "table": "t", "question": "most points?", "answers": ["7"]}\n')

    def program(request: Request) -> str:
        return "```python\nanswer = int(df['points'].max())\n```"

    oracle = load_table_oracle(f"tables:{tmp_path / 't.csv'}?questions={tmp_path / 'q.jsonl'}")
    context = hidden_tables.Context(solver=load_solver(ScriptedModel(program)), oracle=oracle, keep_answers=True)
    with monkeypatch.context() as watching:
        for module, name in WATCHED:
            watching.setattr(module, name, watched(getattr(module, name), name))
        given: Any = {"table": "t", "question": "most points?", "id": "1"}
        result = await hidden_tables.graph.ainvoke(given, context=context, version="v2")
    await oracle.aclose()
    assert result.value["turns"][0]["answer"] == ["7"]


def test_the_words_of_every_error_are_shown() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DikastError)]
    assert len(kinds) > 10
    assert all(issubclass(kind, SHOWN) for kind in kinds)


SPEC = "server:http://a/v1#m"
STARTS: list[tuple[Any, Any, str]] = [
    (genqr.graph, genqr.Context.model_validate({"solver": SPEC, "retriever": "bm25:none"}), "query"),
    (hidden_tables.graph, hidden_tables.Context.model_validate({"solver": SPEC, "oracle": "tables:none"}), "table"),
    (
        astral.graph,
        astral.Context.model_validate({"targets": (SPEC,), "oracles": (SPEC,), "authority": {SPEC: "ours"}}),
        "id",
    ),
    (reviseval.graph, reviseval.Context.model_validate({"judges": (SPEC,), "solver": SPEC}), "instruction"),
]


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start[0].name)
async def test_a_missing_input_is_named(start: tuple[Any, Any, str]) -> None:
    graph, context, lacks = start
    with pytest.raises(UsageError, match=f"the input lacks '{lacks}'"):
        await graph.ainvoke({}, context=context)
