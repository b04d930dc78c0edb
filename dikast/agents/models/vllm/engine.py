"""One vLLM engine: a thread with an event loop of its own, the processes behind it, and who uses them.

    engine = acquire(Key.of("Qwen/Qwen3-8B", {"dtype": "bfloat16"}), model)
    replies = await engine.ask(Ask(request))
    await release(engine, model)

vLLM's `AsyncLLM` belongs to the event loop in which it was made, while a chat model serves any loop; so each engine has
a loop in a thread, and a request crosses to it and back (0.1 ms). Ctrl-C is not delivered to the engine's processes, so
that a job can drain; they end with `release`, at the interpreter's exit, or by `vllm_guard` if this process is killed.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import subprocess
import sys
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.resource_tracker import ensure_running
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4
from weakref import WeakSet

from dikast.agents.models.request import Reply
from dikast.agents.models.vllm import guard as vllm_guard
from dikast.agents.models.vllm.ask import Ask
from dikast.closing import close_in_thread
from dikast.errors import DikastError, ModelTimeout, ModelUnavailable, UsageError
from dikast.http.server_errors import excerpt

if TYPE_CHECKING:
    from dikast.agents.models.vllm.requests import Asker

T = TypeVar("T")

ENVIRONMENT = {
    # Usage reports to vLLM's authors; dikast sends nothing anywhere.
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    # stdout is for data.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_LOGGING_LEVEL": "WARNING",
    # Forking a process that has threads, as vLLM does by default, can deadlock the child.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    # vLLM renames its processes, which by default overwrites the environment that `vllm_guard` reads.
    "SPT_NOENV": "1",
}
"""What is set where the user has set nothing; the engine's processes inherit it."""
MARK = "DIKAST_VLLM_OWNER"
CLOSE_SECONDS = 30.0
"""vLLM gives its processes 5 s to end before it kills them, engine and workers one after the other."""


@dataclass(frozen=True, slots=True)
class Key:
    """What makes an engine: models with equal keys share one.

    Args:
        model: Name on a hub, or a folder.
        arguments: Engine arguments, sorted by name.
        lora: Whether its maker needs LoRA adapters; not compared.
    """

    model: str
    arguments: tuple[tuple[str, str], ...]
    lora: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, model: str, arguments: Mapping[str, str], *, lora: bool = False) -> Key:
        """The key for a model and its engine arguments, whatever their order."""
        wanted = lora or arguments.get("enable_lora", "").lower() in ("true", "1")
        return cls(model, tuple(sorted((k, v) for k, v in arguments.items() if k != "enable_lora")), wanted)


class User:
    """Who uses an engine; a user that is garbage uses nothing any more."""


class Engine:
    """An engine, opened by its first `ask`. Any thread and event loop may use it."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.users: WeakSet[User] = WeakSet()
        self.ended = False
        """Whether it died or was closed; the next one to ask for its key gets a new engine."""
        self._loop = asyncio.new_event_loop()
        self._asker: Future[Asker] = Future()
        # From here on `cancel` does nothing, so that a waiter who gives up does not end the opening for the others.
        self._asker.set_running_or_notify_cancel()
        self._thread = Thread(target=self._run, name=f"vllm {key.model}", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        """Requests being worked on."""
        return 0 if self.opening or self.ended else self._asker.result().unfinished

    async def ask(self, ask: Ask) -> list[Reply]:
        """The replies to one request.

        Raises:
            ModelError: The request got no reply; the subclass says how.
            UsageError: It asks for what this engine was not opened with.
        """
        asker = await asyncio.wrap_future(self._asker)
        if ask.lora and not self.key.lora:
            told = f"vllm: the engine of {self.key.model} was opened without LoRA adapters"
            raise UsageError(told, hint="write enable_lora=true into every spec of this model")
        return await self._cross(self._bounded(asker, ask))

    async def count_tokens(self, text: str) -> int:
        """How many tokens a text has, by the model's tokenizer.

        Raises:
            ModelError: The engine cannot be opened.
        """
        asker = await asyncio.wrap_future(self._asker)
        return await self._cross(asker.count_tokens(text))

    async def end_tokens(self) -> tuple[int, ...]:
        """The tokens that end a turn.

        Raises:
            ModelError: The engine cannot be opened.
        """
        return (await asyncio.wrap_future(self._asker)).end_tokens()

    async def aclose(self) -> None:
        """End the engine and its processes. Requests in flight end as `ModelUnavailable`."""
        await close_in_thread(self.close)

    def close(self) -> None:
        """End the engine and its processes; waits for an opening to end."""
        self._end()
        with suppress(DikastError):
            self._asker.result()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_SECONDS)

    @property
    def opening(self) -> bool:
        """Whether vLLM is still at it."""
        return not self._asker.done()

    async def _cross(self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work in the engine's loop; cancelling the waiter cancels the work."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise ModelUnavailable(f"vllm: the engine of {self.key.model} was closed") from None
        return await asyncio.wrap_future(future)

    async def _bounded(self, asker: Asker, ask: Ask) -> list[Reply]:
        seconds = None if ask.timeout == float("inf") else ask.timeout
        try:
            async with asyncio.timeout(seconds):
                return await asker.ask(ask)
        except TimeoutError:
            raise ModelTimeout(f"vllm: {self.key.model}: no reply within {ask.timeout:g} s") from None
        except asyncio.CancelledError:
            if self.ended:
                raise ModelUnavailable(f"vllm: the engine of {self.key.model} was closed") from None
            raise
        except ModelUnavailable:
            self._end()
            self._loop.stop()
            raise

    def _run(self) -> None:
        """The thread: open, serve until stopped, shut down."""
        # Inherited by the engine's processes: a terminal sends Ctrl-C to all of its processes. Starting the resource
        # tracker unblocks the signal, so it has to be there already.
        ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        asyncio.set_event_loop(self._loop)
        try:
            asker = self._loop.run_until_complete(self._open())
        except DikastError as error:
            self._fail(error)
        except BaseException as error:
            hint = "vLLM's log above says why"
            self._fail(ModelUnavailable(f"vllm: cannot open {self.key.model}: {excerpt(error)}", hint=hint))
        else:
            self._asker.set_result(asker)
            self._loop.run_forever()
            self._cancel_all()
            asker.shutdown()
            # vLLM leaves its output handler cancelled, but not yet ended.
            self._cancel_all()
        self._loop.close()

    def _fail(self, error: DikastError) -> None:
        self._end()
        self._asker.set_exception(error)

    def _end(self) -> None:
        self.ended = True
        forget(self)

    async def _open(self) -> Asker:
        guard()
        from dikast.agents.models.vllm.requests import Asker

        # After that import, so that it runs before the exit handlers of multiprocessing, which waits for our processes,
        # and of vLLM, which kills them in the middle of what they do and says so in forty lines.
        atexit.unregister(close_all)
        atexit.register(close_all)
        return Asker.open(self.key.model, dict(self.key.arguments), lora=self.key.lora)

    def _cancel_all(self) -> None:
        if tasks := asyncio.all_tasks(self._loop):
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.wait(tasks))
        # What ended in the loop's last round has still to be told to those who wait in other loops.
        self._loop.run_until_complete(asyncio.sleep(0))


_engines: dict[Key, Engine] = {}
_lock = Lock()
_guard: subprocess.Popen[bytes] | None = None
_mark = ""
"""What the environment of this process's engines holds, as /proc shows it."""


def acquire(key: Key, user: User) -> Engine:
    """The engine for this key, made if there is none; it lives until its last user releases it."""
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            engine = _engines[key] = Engine(key)
        engine.users.add(user)
        return engine


async def release(engine: Engine, user: User) -> None:
    """Let go of an engine; its last user ends it."""
    with _lock:
        engine.users.discard(user)
        last = not engine.users and _engines.get(engine.key) is engine
        if last:
            del _engines[engine.key]
    if last:
        await engine.aclose()


def forget(engine: Engine) -> None:
    """Make room for a new engine with the same key."""
    with _lock:
        if _engines.get(engine.key) is engine:
            del _engines[engine.key]


def close_all() -> None:
    """End every engine of this process; runs at its exit. One that is still opening is not waited for."""
    for engine in list(_engines.values()):
        if not engine.opening:
            engine.close()
    if _mark:
        vllm_guard.kill(_mark)


def guard() -> None:
    """Set the environment of the engine's processes, and start the process that ends them if this one is killed."""
    global _guard, _mark
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with _lock:
        if _guard is not None and _guard.poll() is None:
            return
        # The same one for all of this process's engines, and not one that it inherited.
        os.environ[MARK] = os.environ[MARK] if _mark else f"{os.getpid()}-{uuid4().hex}"
        _mark = f"{MARK}={os.environ[MARK]}"
        command = [sys.executable, "-I", "-S", vllm_guard.__file__, str(os.getpid()), _mark]
        # A session of its own: what kills this process's group must not kill the guard.
        _guard = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
