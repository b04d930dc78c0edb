"""The Ray engine: rows are done by worker processes of a cluster, each an event loop with many rows in flight.

    await jobs.run(graph, rows, context, out, engine=Ray(workers=4))                       # starts a local Ray
    await jobs.run(graph, rows, context, out, engine=Ray("ray://head:10001"))

The graph has to be importable on the workers, and the context goes there as JSON, actors as their specs. Rows that were
in flight when a worker died are done again elsewhere, one by one, since one of them may have been the reason: a row
whose worker dies three times while it is alone there ends as an `error`. The journal has one writer, this process.

Ray's own usage statistics are off unless `RAY_USAGE_STATS_ENABLED` is set.

Not here: the workers and what becomes of them (`crew.py`), what a worker does (`worker.py`), and how limits are divided
(`slices.py`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from dikast.errors import MissingExtraError, UsageError
from dikast.jobs.engines import ONLY_HERE, Hands, Place
from dikast.jobs.engines.crew import Crew, said_by
from dikast.jobs.engines.slices import Slices
from dikast.jobs.engines.worker import Order
from dikast.wire import UNNAMED, spec_of

HUSH = "RAY_DEDUP_LOGS_SKIP_REGEX"
"""Read by Ray when it is imported: what it does not print. It tells of a dead worker on stdout, which is for data."""
CLIENT = "ray://"
KNOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ray:
    """A Ray cluster.

    Args:
        address: `ray://HOST:10001`, `HOST:6379`, or `auto` for the one that this machine belongs to; without one, a
            local Ray is started, and stopped at the end. A Ray that this process has joined already is used as it is.
        workers: Processes; without a number, as many as the cluster has room for.
        worker_cpus: Processors that each of them is promised.
        worker_gpus: GPUs, the same way.
        graph: Where the compiled graph stands, `module:name`; found by itself where it is in an imported module.
    """

    address: str = ""
    workers: int | None = None
    worker_cpus: float = 1.0
    worker_gpus: float = 0.0
    graph: str = ""
    name: str = field(default="ray", init=False)

    @asynccontextmanager
    async def open(self, place: Place) -> AsyncGenerator[Hands]:
        """Start the workers; see `Engine.open`."""
        order = order_of(place, self.graph)
        ray = load_ray()
        ours = not ray.is_initialized()
        if ours:
            await asyncio.to_thread(connect, ray, self.address)
        try:
            size = self.workers or room_for(ray, self)
            rates = place.rates and place.rates.share(size)
            crew = Crew(
                ray,
                {"num_cpus": self.worker_cpus, "num_gpus": self.worker_gpus},
                place,
                replace(order, rates=rates),
                size,
            )
            try:
                await crew.start()
                yield Hands(crew.do, place.concurrency * crew.size, crew.notes)
            finally:
                await crew.close()
        finally:
            if ours:
                await asyncio.to_thread(ray.shutdown)


def load_ray() -> Any:
    """Ray's package.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    loud = "ray" in sys.modules or HUSH in os.environ
    try:
        if not loud:
            os.environ[HUSH] = "."
        return import_module("ray")
    except ImportError as error:
        raise MissingExtraError("ray", extra="ray") from error
    finally:
        if not loud:
            del os.environ[HUSH]


def connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one; signals stay whose they were.

    Raises:
        UsageError: It cannot be reached.
    """
    given: dict[str, Any] = {"address": address} if address else {"address": "local", "include_dashboard": False}
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        knock(address)  # Ray itself knocks for many minutes, and hears no signal meanwhile
        ray.init(**given, log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # each transport has its own
        hint = "ray:// needs the head's port 10001, without it 6379; RAY_AUTH_MODE=token where it wants a token"
        raise UsageError(f"no Ray cluster at {address or 'this machine'}: {said_by(error)}", hint=hint) from error
    if signal.getsignal(signal.SIGTERM) is not heard[signal.SIGTERM]:
        with suppress(ValueError):  # not the main thread: then Ray could not change it either
            signal.signal(signal.SIGTERM, heard[signal.SIGTERM])


def knock(address: str) -> None:
    """Make sure that somebody listens at an address that has a port.

    Raises:
        OSError: Nobody does.
        ValueError: The port is no number.
    """
    host, colon, port = address.removeprefix(CLIENT).partition("/")[0].rpartition(":")
    if colon:
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def room_for(ray: Any, engine: Ray) -> int:
    """How many workers the cluster has room for.

    Raises:
        UsageError: None.
    """
    there: dict[str, float] = ray.cluster_resources()
    asked = {"CPU": engine.worker_cpus, "GPU": engine.worker_gpus}
    room = min((int(there.get(kind, 0) // much) for kind, much in asked.items() if much > 0), default=1)
    if room < 1:
        has = ", ".join(f"{there.get(kind, 0):g} {kind}" for kind in asked)
        wanted = ", ".join(f"{much:g} {kind}" for kind, much in asked.items() if much)
        raise UsageError(f"the Ray cluster has {has} in all; a worker is to have {wanted}")
    return room


def order_of(place: Place, graph: str) -> Order:
    """What the workers are to do, in values that travel.

    Raises:
        UsageError: The graph or the context cannot be made elsewhere.
    """
    context = place.work.context
    if why := getattr(context, ONLY_HERE, ""):
        raise UsageError(f"these rows can be done in this process alone: {why}", hint="run with engine local")
    if context is not None and not isinstance(context, BaseModel):
        told = f"a context of type {type(context).__name__} cannot go to a Ray worker"
        raise UsageError(told, hint="make it a Pydantic model, actors as Annotated[..., dikast.wire.Spec(load)]")
    values: Any = {} if context is None else context.model_dump(mode="json", fallback=spec_of)
    if unnamed := next(actors_without_name(context, values), ""):
        told = f"{unnamed} is a Python object without a spec, which a Ray worker cannot make anew"
        raise UsageError(told, hint="name it by a spec (a text), or run with engine local")
    return Order(
        graph=graph or reference_of(place.work.graph),
        context="" if context is None else f"{type(context).__module__}:{type(context).__qualname__}",
        values="" if context is None else context.model_dump_json(fallback=spec_of),
        samples=int(place.parts["samples"]),
        row_limits=place.work.limits,
        attempt=place.work.attempt,
        allowed=Slices(place.limits, 1).nothing,
        cache=str(place.cache.path.absolute()) if place.cache is not None and place.cache.on_disk else "",
        rows=place.concurrency,
        folder=str(Path.cwd()),
        redact=place.work.redaction.name if place.work.redaction is not None else "",
    )


def actors_without_name(live: Any, told: Any, where: str = "context") -> Iterator[str]:
    """Where the JSON of a context stands for an object that nobody can make anew.

    Args:
        live: The context, or a part of it.
        told: Its JSON.
        where: What it is called.
    """
    if isinstance(told, str):
        if told.startswith(UNNAMED) and not isinstance(live, str):
            yield where
    elif isinstance(told, dict):
        for name, text in cast(dict[str, Any], told).items():
            inner: Any = cast(Any, live)[name] if isinstance(live, Mapping) else getattr(live, name)
            yield from actors_without_name(inner, text, f"{where}.{name}")
    elif isinstance(told, list):
        for at, (inner, text) in enumerate(zip(live, cast(list[Any], told), strict=True)):
            yield from actors_without_name(inner, text, f"{where}[{at}]")


def reference_of(graph: Any) -> str:
    """Where a compiled graph stands, as `module:name`.

    Raises:
        UsageError: In no module that a worker could import.
    """
    for module, loaded in list(sys.modules.items()):
        if module not in ("__main__", "__mp_main__"):  # the second is multiprocessing's name for the first
            for name, value in list(vars(loaded).items()) if hasattr(loaded, "__dict__") else ():
                if value is graph:
                    return f"{module}:{name}"
    hint = "compile it at the top of a module that the workers can import, or say Ray(graph='module:name')"
    raise UsageError(f"the graph {graph.name!r} stands in no module, so that a Ray worker cannot import it", hint=hint)
