"""A graph that a worker can import, and a stand-in for Ray's package whose actors live, hang and die as told."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from contextvars import Context as Variables
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict

from dikast import jobs
from dikast.agents.models.request import Request, Sampling
from dikast.agents.models.scripted import scripted
from dikast.agents.prompt import parse_prompt
from dikast.agents.roles import Solver
from dikast.agents.solver import load_solver
from dikast.errors import SandboxError
from dikast.jobs.engines import ray as engine
from dikast.jobs.engines.worker import Worker
from dikast.wire import CONTEXT, Spec

PROMPT = parse_prompt("tests/small", b"version: 1\nfields: x\n--- user\n{x}\n")


class Context(BaseModel):
    """Who is asked, and how long a row takes."""

    model_config = CONTEXT

    solver: Annotated[Solver, Spec(load_solver)]
    wait: float = 0.0


class Input(TypedDict):
    x: int


class Output(TypedDict):
    text: str
    outcome: str
    reason: str


class State(Input, Output): ...


async def say(state: State, runtime: Runtime[Context]) -> Output:
    await asyncio.sleep(runtime.context.wait)
    said = await runtime.context.solver.solve(PROMPT, {"x": str(state["x"])}, sampling=Sampling())
    return {"text": said.text, "outcome": said.outcome, "reason": said.reason}


def build() -> StateGraph[State, Context, Input, Output]:
    made = StateGraph(State, context_schema=Context, input_schema=Input, output_schema=Output)
    return made.add_node("say", say).add_edge(START, "say").add_edge("say", END)


graph = build().compile(checkpointer=False, name="small")
asked: list[str] = []


@scripted
async def twice(request: Request) -> str:
    said = request.messages[-1]["content"].strip()
    asked.append(said)
    await asyncio.sleep(0)
    return said * 2


@scripted
def boxless(request: Request) -> str:
    raise SandboxError("no sandbox here", hint="install one")


def context(**fields: Any) -> Context:
    return Context.model_validate({"solver": "scripted:tests.jobs.engines.small:twice", **fields})


def rows_of(count: int) -> list[dict[str, int]]:
    return [{"x": number} for number in range(count)]


class RayError(Exception):
    """Ray's own."""


class RayActorError(RayError):
    """A worker is gone."""


class WorkerCrashedError(RayError):
    """As in Ray."""


class NodeDiedError(RayError):
    """As in Ray."""


class ObjectLostError(RayError):
    """As in Ray."""


class OutOfMemoryError(RayError):
    """As in Ray."""


Happens = Callable[..., Any]
"""Called with the actor and the message's arguments."""


class Actor:
    """A worker as Ray has it, in this process: what goes there and comes back is pickled on the way."""

    def __init__(self, ray: FakeRay, order: Any) -> None:
        self.ray, self.number = ray, len(ray.actors) + 1
        self.worker = Worker(order)
        self.worker.name = f"host/{self.number}"
        self.rows: list[int] = []
        self.dead = False
        self._ended = asyncio.Event()
        self._started = asyncio.Event()
        self.facts: Any = None
        ray.actors.append(self)
        # In a process of its own no ledger is around.
        self.life = asyncio.create_task(self._live(), context=Variables())

    async def _live(self) -> None:
        try:
            self.facts = await self.worker.start()
            self._started.set()
            await self._ended.wait()
        finally:
            await self.worker.stack.aclose()

    def end(self) -> None:
        self.dead = True
        self._ended.set()

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> asyncio.Task[Any]:
            return asyncio.create_task(self._call(name, pickle.loads(pickle.dumps(arguments))), context=Variables())

        return SimpleNamespace(remote=remote)

    async def _call(self, name: str, arguments: Any) -> Any:
        calling = asyncio.create_task(self._answer(name, arguments))
        ending = asyncio.create_task(self._ended.wait())
        await asyncio.wait({calling, ending}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if self.dead:
            calling.cancel()
            raise RayActorError("The actor died.\nmore")
        return pickle.loads(pickle.dumps(await calling))

    async def _answer(self, name: str, arguments: Any) -> Any:
        if name == "start":
            if self.ray.stillborn > 0:
                self.ray.stillborn -= 1
                self.end()
            await self._started.wait()
            if (happens := self.ray.happens.get(name)) is not None:
                await happens(self)
            return self.facts
        if name == "do":
            self.rows.append(arguments[0].input.get("x", -1))
        if (happens := self.ray.happens.get(name)) is not None:
            await happens(self, *arguments)
        answer: Any = getattr(self.worker, name)(*arguments)
        return await answer if asyncio.iscoroutine(answer) else answer


class FakeRay:
    """Ray's package.

    Args:
        happens: What happens in a worker before it answers a message of this name.
        stillborn: Workers that die before they are ready.
    """

    def __init__(self) -> None:
        self.happens: dict[str, Happens] = {}
        self.stillborn = 0
        self.actors: list[Actor] = []
        self.promised: dict[str, Any] = {}
        self.resources = {"CPU": 2.0}
        self.joined = 0
        kinds = (RayError, RayActorError, WorkerCrashedError, NodeDiedError, ObjectLostError, OutOfMemoryError)
        self.exceptions = SimpleNamespace(**{kind.__name__: kind for kind in kinds})

    def remote(self, **promised: Any) -> Any:
        self.promised = promised

        def kind_of(kind: type) -> Any:
            assert kind is Worker
            return SimpleNamespace(remote=partial(Actor, self))

        return kind_of

    def kill(self, actor: Actor) -> None:
        actor.end()

    def is_initialized(self) -> bool:
        return self.joined > 0

    def init(self, **given: Any) -> None:
        self.joined += 1

    def shutdown(self) -> None:
        self.joined -= 1

    def cluster_resources(self) -> dict[str, float]:
        return self.resources


async def spread(ray: FakeRay, patch: pytest.MonkeyPatch, out: Path, rows: list[Any], **options: Any) -> jobs.Summary:
    """A job over the stand-in."""
    patch.setattr(engine, "load_ray", lambda: ray)
    given: dict[str, Any] = {"context": context(), "concurrency": 4, "engine": jobs.Ray(workers=2), **options}
    made = given.pop("graph", graph)
    try:
        return await jobs.run(made, rows, given.pop("context"), out, **given)
    finally:
        for actor in ray.actors:
            actor.end()
        await asyncio.gather(*(actor.life for actor in ray.actors))


class Echo(BaseChatModel):
    """A model of LangChain's own, called by the graph itself."""

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> ChatResult:
        asked.append(messages[-1].content)
        said = AIMessage(messages[-1].content * 2)
        return ChatResult(generations=[ChatGeneration(message=said)])

    @property
    def _llm_type(self) -> str:
        return "echo"


async def call(state: State) -> Output:
    said = await Echo().ainvoke(str(state["x"]))
    return {"text": said.text, "outcome": "ok", "reason": ""}


foreign = (
    StateGraph(State, input_schema=Input, output_schema=Output)
    .add_node("call", call)
    .add_edge(START, "call")
    .add_edge("call", END)
    .compile(checkpointer=False, name="foreign")
)


def hide(text: str) -> str:
    """A redaction: sevens go."""
    return "[gone]" if text == "77" else text
