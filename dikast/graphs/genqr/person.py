"""`--feedback human`: a person reads what a first search found, and says what is relevant.

The graph stops at each question (LangGraph's `interrupt`) and is kept in the run folder by a SQLite checkpointer, so
that Ctrl-C, a crash or a night may come between question and answer: the same command asks it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.types import Command, GraphOutput

from dikast.errors import MissingExtraError
from dikast.graphs.terminal import Terminal

if TYPE_CHECKING:
    from dikast.jobs.job import OnProgress

CHECKPOINTS = "checkpoints.sqlite"
SHOWN_CHARACTERS = 500
"""Of a document, in the terminal."""
NONE = ("none", "0", "-")
"""What says that no document is relevant."""


class Asked:
    """The graph with a person in it: to a job it looks like any other graph that runs to its end.

    Args:
        out: The run folder; the checkpoints' file is made at the first row, when the folder is the job's.
        terminal: Where the person is asked.
    """

    def __init__(self, out: Path, terminal: Reader) -> None:
        from dikast.graphs import genqr

        self.path, self.terminal = out / CHECKPOINTS, terminal
        self.name, self.checkpointer, self.builder = genqr.graph.name, None, genqr.build()
        self.fields = tuple(genqr.Output.__annotations__)
        self._open = AsyncExitStack()
        self._graph: Any = None

    def as_graph(self) -> Any:
        """This, where a compiled graph is expected: a job calls `ainvoke` and reads `name` and `builder`."""
        return self

    @property
    def on_progress(self) -> OnProgress:
        """Leaves an open question when the job is told to stop."""
        return self.terminal.notice

    async def ainvoke(self, row: Mapping[str, Any], *, context: object, version: str) -> Any:
        """Run a row from where it stopped, asking whatever it asks."""
        graph = await self._compiled()
        thread: Any = {"configurable": {"thread_id": thread_of(row)}}
        state = await graph.aget_state(thread)
        if state.values and not state.next:
            # The row was finished, and its line of the journal lost in a crash.
            return GraphOutput(value={name: state.values[name] for name in self.fields}, interrupts=())
        # Without an input, LangGraph goes on from where it stopped: an open question is asked again.
        given: Any = None if state.next else row
        while True:
            result = await graph.ainvoke(given, thread, context=context, version=version)
            if not result.interrupts:
                return result
            given = await self._answer(result.interrupts[0].value)

    async def _answer(self, question: Mapping[str, Any]) -> Command[Any]:
        return Command(resume={"relevant": await self.terminal.ask(question)})

    async def _compiled(self) -> Any:
        if self._graph is None:
            saver = await self._open.enter_async_context(checkpointer(self.path))
            self._graph = self.builder.compile(checkpointer=saver, name=self.name)
        return self._graph

    async def close(self) -> None:
        """Close the checkpoints' file."""
        await self._open.aclose()


def checkpointer(path: Path) -> Any:
    """A SQLite checkpointer, as an async context manager.

    Raises:
        MissingExtraError: Its package is absent.
    """
    try:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
    except ImportError as error:
        raise MissingExtraError("langgraph-checkpoint-sqlite", extra="human") from error
    return AsyncSqliteSaver.from_conn_string(str(path))


def thread_of(row: Mapping[str, Any]) -> str:
    """The checkpoints' name of a row: equal rows share one, since the answer is the same."""
    return hashlib.sha256(json.dumps(row, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


class Reader(Terminal):
    """Shows documents, and asks which are relevant."""

    async def ask(self, question: Mapping[str, Any]) -> list[str]:
        """Show documents, return the ids of the relevant ones, best first; ask again until the answer is one."""
        documents: Sequence[Mapping[str, str]] = question["documents"]
        self.say(f"\nquery: {question['query']}")
        for number, document in enumerate(documents, start=1):
            text = " ".join(document["contents"].split())
            more = " ..." if len(text) > SHOWN_CHARACTERS else ""
            self.say(f"  {number}. [{document['docid']}] {text[:SHOWN_CHARACTERS]}{more}")
        if not documents:
            self.say("  nothing was found; the query is rewritten without documents")
            return []
        self.say("which are relevant? numbers, best first (1 3), or 'none'")
        while True:
            try:
                places = read_numbers(await self.line(), len(documents))
            except ValueError as error:
                self.say(f"  {error}; numbers from 1 to {len(documents)}, best first, or 'none'")
                continue
            return [documents[place - 1]["docid"] for place in places]


def read_numbers(text: str, most: int) -> list[int]:
    """Read the numbers that a person typed, each a document's place in the list that was shown.

    Raises:
        ValueError: It is not one; the message says why.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ValueError("an empty line says nothing")
    if len(words) == 1 and words[0].lower() in NONE:
        return []
    for word in words:
        if not (word.isascii() and word.isdigit()):
            raise ValueError(f"{word[:40]!r} is no number")
        if not 1 <= int(word) <= most:
            raise ValueError(f"there is no document {word}")
    places = [int(word) for word in words]
    if len(set(places)) < len(places):
        raise ValueError("a number stands there twice")
    return places
