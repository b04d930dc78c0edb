"""What dikast's graphs have in common as LangGraph graphs: they tell their steps, and are asynchronous.

    async for event in genqr.graph.astream({"query": "..."}, context=context, stream_mode="custom"):
        print(event)        # {"graph": "genqr", "step": "reformulate", "text": "instruction 3 is asked"}

Each node tells one event when it begins, so that a step which then fails has been told as well. A text has counts and
places at most: nothing of what a user, a model, a document, a table or a judgment says.

A synchronous call (`invoke`, `stream`, `batch`) is refused with a line that says what to call: models, retrievers and
sandboxes are waited for on one event loop, many at a time.
"""

from __future__ import annotations

from typing import Any, Generic, NoReturn, cast

from langgraph.graph import StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.typing import ContextT, InputT, OutputT, StateT
from typing_extensions import TypedDict

from dikast.errors import UsageError


class Step(TypedDict):
    """An event of the `custom` stream: a node begins."""

    graph: str
    step: str
    """The node's name."""
    text: str
    """What it does, in a few words."""


def tell_step(runtime: Runtime[Any], graph: str, step: str, text: str) -> None:
    """Tell whoever streams the graph that a node begins; costs nothing where nobody does."""
    runtime.stream_writer(Step(graph=graph, step=step, text=text))


class AsyncGraph(CompiledStateGraph[StateT, ContextT, InputT, OutputT], Generic[StateT, ContextT, InputT, OutputT]):
    """A compiled graph that can only be awaited."""

    def stream(self, *arguments: Any, **named: Any) -> NoReturn:
        """Refuse; `invoke` and `batch` come here, too.

        Raises:
            UsageError: Always.
        """
        call = "await graph.ainvoke(...), or dikast.wait(graph.ainvoke(...)) where no event loop runs"
        raise UsageError(f"graph {self.name!r} is asynchronous, and was called as if it were not", hint=f"call {call}")


class AsyncStateGraph(StateGraph[StateT, ContextT, InputT, OutputT], Generic[StateT, ContextT, InputT, OutputT]):
    """A graph whose nodes are coroutines, whoever compiles it."""

    def compile(self, *arguments: Any, **named: Any) -> CompiledStateGraph[StateT, ContextT, InputT, OutputT]:
        """As `StateGraph.compile`."""
        compiled = super().compile(*arguments, **named)
        cast(Any, compiled).__class__ = AsyncGraph
        return compiled
