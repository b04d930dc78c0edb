"""Graphs for the suites of the Ray lane, which workers import by name; a row says what is to happen to its worker."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast.agents.models.request import Request
from dikast.agents.models.scripted import scripted
from dikast.wire import CONTEXT


class Context(BaseModel):
    """How long a row takes."""

    model_config = CONTEXT

    times: int = 3
    """What a row's number is multiplied by."""
    wait: float = 0.0
    """Seconds of waiting a row."""


class Input(TypedDict):
    """A number, and what happens on the way."""

    x: int
    act: Literal["", "exit"]


class Output(TypedDict):
    """The product; for a large row, as many letters."""

    y: int
    text: str


class State(Input, Output):
    """Both."""


async def multiply(state: State, runtime: Runtime[Context]) -> Output:
    """Do what the row says, and multiply."""
    if state["act"] == "exit":
        await asyncio.sleep(0.2)  # neighbours are in flight
        os._exit(3)
    await asyncio.sleep(runtime.context.wait)
    return {"y": state["x"] * runtime.context.times, "text": ""}


def build() -> StateGraph[State, Context, Input, Output]:
    """One node."""
    graph = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    graph.add_node("multiply", multiply).add_edge(START, "multiply").add_edge("multiply", END)
    return graph


graph = build().compile(checkpointer=False, name="world")


class Long(TypedDict):
    """A text of any length."""

    text: str


async def turn(state: Long) -> Long:
    """Backwards."""
    return {"text": state["text"][::-1]}


long_graph = StateGraph(Long).add_node("turn", turn).add_edge(START, "turn").add_edge("turn", END).compile(name="long")


@scripted
async def slow(request: Request) -> str:
    """Say the prompt backwards, after a moment."""
    await asyncio.sleep(0.05)
    return request.messages[-1]["content"][::-1]


def rows_of(count: int, **acts: str) -> list[Any]:
    """Numbers; `acts` is x<number>=what happens."""
    return [{"x": number, "act": acts.get(f"x{number}", "")} for number in range(count)]


def lines(out: Path) -> list[dict[str, Any]]:
    """The journal, read without dikast's code."""
    return [json.loads(line) for line in (out / "rows.jsonl").read_bytes().split(b"\n")[:-1]]


def results(out: Path) -> dict[str, Any]:
    """Outcome and output by key."""
    return {line["key"]: (line["outcome"], line["output"]) for line in lines(out)}


def twice(out: Path) -> list[str]:
    """Keys that are in the journal more than once."""
    return [key for key, count in Counter(line["key"] for line in lines(out)).items() if count > 1]


def below(parent: int) -> dict[int, str]:
    """All processes below another: id -> command line; what has ended is left out."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, above = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(above)
    found = {parent}
    while more := {pid for pid, above in parents.items() if above in found} - found:
        found |= more
    return {pid: told for pid in found - {parent} if (told := command_of(pid))}


def command_of(pid: int) -> str:
    """A process's command line; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def alive(pids: Any) -> list[int]:
    """Those that have not ended."""
    return [pid for pid in pids if command_of(pid)]


def left_of(pids: Any, seconds: float = 30.0) -> list[int]:
    """Those that have not ended after so long; Ray ends a process that stands still, or has lost its driver, soon."""
    end = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.1)
    return alive(pids)


def workers_below(parent: int) -> list[int]:
    """Processes of dikast's workers that are ready."""
    return [pid for pid, told in below(parent).items() if told.startswith("ray::Worker")]
