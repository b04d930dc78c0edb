"""The tuning's graph with a person at the terminal, as a job runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dikast.graphs.terminal import Terminal
from dikast.graphs.zo_ranksgd.context import Context
from dikast.graphs.zo_ranksgd.graph import graph
from dikast.graphs.zo_ranksgd.person import PersonRanker

if TYPE_CHECKING:
    from dikast.jobs.job import OnProgress


class Asked:
    """The tuning's graph with a person at the terminal.

    Args:
        terminal: Where the person is asked.
    """

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self._graph = terminal, graph
        self.name, self.checkpointer, self.builder = graph.name, None, graph.builder

    def as_graph(self) -> Any:
        """This, where a compiled graph is expected: a job calls `ainvoke` and reads `name` and `builder`."""
        return self

    @property
    def on_progress(self) -> OnProgress:
        """Leaves an open question when the job is told to stop."""
        return self.terminal.notice

    async def ainvoke(self, row: Mapping[str, Any], *, context: Context, version: Any) -> Any:
        """Tune, asking at the terminal."""
        asking = context.model_copy(update={"ranker": PersonRanker(context, self.terminal)})
        graph: Any = self._graph
        return await graph.ainvoke(row, context=asking, version=version)

    async def close(self) -> None:
        """Nothing is held."""


def person_of(context: Context, out: Path, say: Callable[[str], None]) -> Asked | None:
    """Whoever answers at the terminal, where a person ranks."""
    del out
    return Asked(Terminal(say)) if context.human else None
