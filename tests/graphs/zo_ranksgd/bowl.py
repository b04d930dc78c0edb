"""A method without a model: its output is the better the nearer its two knobs are to where they should be."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from dikast.graphs import zo_ranksgd
from dikast.graphs.method import OPTIONS, Calls, Method, Row, Values, measure_named
from dikast.jobs.reading import Run
from dikast.wire import CONTEXT

BEST_X, BEST_Y = 0.72, 7
KILLED_AT = "BOWL_KILLED_AT"
"""Names a run folder; the process kills itself when a row of it is run, unless there is a file `killed` beside it."""


class Context(BaseModel):
    """Two knobs that matter, one that does not, one that breaks."""

    model_config = CONTEXT

    x: float = Field(default=0.1, ge=0, le=1)
    """A share."""
    y: int = Field(default=1, ge=1, le=9)
    """A number of copies."""
    way: Literal["left", "middle", "right"] = "middle"
    """`right` does not go with more than five copies; `left` fails every row."""
    where: str = ""
    """For `KILLED_AT`."""

    @model_validator(mode="after")
    def _fits(self) -> Context:
        if self.way == "right" and self.y > 5:
            raise ValueError("way: right takes five copies at most")
        return self


class Input(TypedDict):
    """A row."""

    id: str
    shift: float


class Output(TypedDict):
    """What is measured, and what is shown."""

    good: float
    text: str
    outcome: str


def answer(row: Input, runtime: Runtime[Context]) -> Output:
    """Say how good the knobs are."""
    context = runtime.context
    place = os.environ.get(KILLED_AT)
    if place and not Path(place).exists() and abs(context.x - 0.1) > 0.2:
        Path(place).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if context.way == "left":
        raise ValueError("nothing goes left")
    good = 1 - (context.x - BEST_X - row["shift"]) ** 2 - 0.01 * (context.y - BEST_Y) ** 2
    return {"good": good, "text": f"{good:.4f}", "outcome": "ok"}


async def node(state: Any, runtime: Runtime[Context]) -> Any:
    """The only node."""
    return answer(state, runtime)


class State(Input, Output):
    """Both."""


built: Any = StateGraph(State, Context, input_schema=Input, output_schema=Output)
built.add_node("answer", node)
built.add_edge(START, "answer")
built.add_edge("answer", END)
graph = built.compile(checkpointer=False, name="bowl")


class Options(BaseModel):
    """Fill a bowl."""

    model_config = OPTIONS

    rows: int = 4
    """How many."""


def rows_of(options: Options, context: Any) -> list[Row]:
    """Rows that shift the bowl a little, to either side."""
    del context
    return [{"id": f"r{at}", "shift": 0.02 * (at % 3 - 1)} for at in range(options.rows)]


def good_of(run: Run, context: Any) -> Mapping[str, float]:
    """As the output has it."""
    del context
    return {row["key"]: row["output"]["good"] for row in run.rows() if row["output"] is not None}


def measures(name: str) -> Values:
    """`good`."""
    return measure_named(name, {"good": good_of})


def calls(context: Context, row: Row) -> Mapping[str, Calls]:
    """One, which is not made."""
    del context, row
    return {"solver": Calls(1, 10, 5)}


method = Method(graph=graph, context=Context, options=Options, rows=rows_of, measures=measures, calls=calls)
PLACE = "tests.graphs.zo_ranksgd.bowl:method"
ROWS = [dict(row) for row in rows_of(Options(), None)]
HELD = [{"id": f"h{at}", "shift": 0.01 * at} for at in range(4)]


def tuning(folder: Path, **fields: Any) -> zo_ranksgd.Context:
    """A tuning of the bowl."""
    ranked: dict[str, Any] = {} if {"judge", "human", "ranker"} & fields.keys() else {"measure": "good"}
    base = fields.pop("base", None) or Context()
    made: dict[str, Any] = {"method": PLACE, "base": base, "knobs": "x,y", "folder": folder, **ranked, **fields}
    return zo_ranksgd.Context(**made)


async def tune(context: zo_ranksgd.Context, budget: int = 20, **given: Any) -> Any:
    """Run it."""
    graph: Any = zo_ranksgd.graph
    return await graph.ainvoke({"id": "t", "rows": ROWS, "budget": budget, **given}, context=context)
