"""The workers of a cluster and what becomes of them: rows to the least busy, the dead replaced, limits in slices.

    crew = Crew(ray, {"num_cpus": 1, "num_gpus": 0}, place, order, size=4)
    await crew.start()
    done = await crew.do(row)
    await crew.close()

A worker that died is not waited for: its rows go to the others, one by one, and alone in a worker, since one of them
may have been the reason. A row whose worker dies `DEATHS` times while it is alone there ends as an `error`.

Not here: joining a cluster and what goes there (`ray.py`), what a worker does (`worker.py`), and how limits are divided
(`slices.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from dikast.errors import DikastError, UsageError
from dikast.jobs.attempt import Done
from dikast.jobs.engines import Place
from dikast.jobs.engines.slices import Slices, Spent
from dikast.jobs.engines.worker import Facts, Order, Told, Worker
from dikast.jobs.keys import Row
from dikast.jobs.manifest import differences, versions
from dikast.records import Usage

START_SECONDS = 300.0
"""For the first worker to be ready, and for one to come back when all are gone: packages load, models too."""
OTHERS_SECONDS = 10.0
"""How long the first worker waits for the others, so that they begin together where they can."""
LOOK_SECONDS = 0.05
"""How often who waits for workers looks whether the job is to stop."""
HANG_SECONDS = 300.0
"""A worker whose event loop has not answered for so long is taken for dead."""
PING_SECONDS = 10.0
CLOSE_SECONDS = 30.0
LOST = ("RayActorError", "WorkerCrashedError", "NodeDiedError", "ObjectLostError", "OutOfMemoryError")
"""What Ray raises where a worker is gone, or a node with what the worker had said."""
DEATHS = 3
"""So many times a row has been alone in a worker that died."""
STARTS = 3
"""So many times in a row a worker may die before it is ready."""
CONTROL = 64
"""Messages under way to a worker beside its rows."""


def said_by(error: BaseException) -> str:
    """The first line of what an exception says; of one that a worker raised, what it said there."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, BaseException):
        return f"{type(cause).__name__}: {said_by(cause)}"
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()


def placed(error: DikastError, worker: str) -> DikastError:
    """The error, saying on which host it was met: what one lacks another may have."""
    error.message = f"the worker on {worker.partition('/')[0]}: {error.message}"
    return error


class Gone(Exception):
    """A worker died while it had a row."""


@dataclass
class Post:
    """A worker's place in the crew; the process in it may be another after a death.

    Args:
        number: From 1.
        actor: The process; `None` while there is none that is ready.
        name: What the process calls itself.
        rows: Keys of the rows that it has.
        reserved: Whether a row is to be alone there.
        spent: What the process had spent when it was last heard.
        tasks: What watches the process.
    """

    number: int
    actor: Any = None
    name: str = ""
    rows: set[str] = field(default_factory=set[str])
    reserved: bool = False
    spent: Spent = field(default_factory=Spent)
    tasks: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])


class Crew:
    """The workers, and what is known of them.

    Args:
        ray: Ray's package.
        promised: What each of them is promised, as Ray calls it.
        place: The job's.
        order: What they do.
        size: How many.
    """

    def __init__(self, ray: Any, promised: Mapping[str, float], place: Place, order: Order, size: int) -> None:
        self.ray, self.place, self.order, self.size = ray, place, order, size
        self.lost: tuple[type[BaseException], ...] = tuple(getattr(ray.exceptions, name) for name in LOST)
        self.posts = [Post(number) for number in range(1, size + 1)]
        self.slices = Slices(place.limits, size)
        self.notes: list[str] = []
        self.deaths = 0
        self._alone = Counter[str]()
        self._lock, self._suspects = asyncio.Lock(), asyncio.Lock()
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = False
        made = {**promised, "max_restarts": 0, "max_concurrency": order.rows + CONTROL}
        self._kind: Any = ray.remote(**made)(Worker)

    async def start(self) -> None:
        """Start all workers; return when one is ready, and nothing speaks against any that is.

        Raises:
            UsageError: None comes up, or one says that it cannot work.
        """
        for post in self.posts:
            self._begin(self._fill(post))
        await self._wait(START_SECONDS, lambda: any(post.actor for post in self.posts))
        await self._wait(OTHERS_SECONDS, lambda: all(post.actor for post in self.posts))
        if not (self.place.stop.stopping or any(post.actor for post in self.posts)):
            self._fail(f"no worker was ready after {START_SECONDS:g} s", "is there room for one? see 'ray status'")

    async def _wait(self, seconds: float, ready: Callable[[], bool]) -> None:
        """Wait until it is so, or the job is to stop, or the time is over."""
        end = time.monotonic() + seconds
        while not ready() and not self.place.stop.stopping and time.monotonic() < end:
            await asyncio.sleep(LOOK_SECONDS)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._cluster_gone(error) if isinstance(error, ConnectionError) else self.place.stop.abort("bug", error)

    def _cluster_gone(self, error: BaseException) -> None:
        self._fail(f"the Ray cluster is gone: {said_by(error)}", "see 'ray status'; the same command goes on from here")

    async def _fill(self, post: Post) -> None:
        """Put a process into a post."""
        why = ""
        for _ in range(STARTS):
            actor = self._kind.remote(self.order)
            try:
                facts: Facts = await actor.start.remote()
            except self.lost as error:
                why = said_by(error)
                continue
            except self.ray.exceptions.RayError as error:
                self._kill(actor)
                self._fail(f"a worker cannot start: {said_by(error)}", "see Ray's own log of it")
                return
            except asyncio.CancelledError:
                self._kill(actor)
                raise
            if (error := facts.error or self._other(facts)) is not None:
                self._kill(actor)
                self.place.stop.abort("cluster", placed(error, facts.name))
                return
            post.actor, post.name, post.spent, post.rows = actor, facts.name, Spent(), set()
            self.slices.give_back(post.name, post.spent)
            post.tasks = [self._begin(self._grant(post, actor)), self._begin(self._watch(post, actor))]
            await self._tell()
            return
        self._fail(f"a worker died {STARTS} times before it was ready: {why}", "see Ray's own log of it")

    def _other(self, facts: Facts) -> DikastError | None:
        """What is another thing there than here."""
        here, there = versions()["dikast"], facts.versions["dikast"]
        if here != there:
            return UsageError(f"has dikast {there}, and this is {here}", hint="install the same version everywhere")
        for name, ours, theirs in differences(dict(self.place.parts), facts.parts):
            told = f"{name} is {theirs!r:.80} there and {ours!r:.80} here"
            return UsageError(told, hint="are the files and packages the same everywhere?")
        return None

    def _fail(self, message: str, hint: str) -> None:
        self.place.stop.abort("cluster", UsageError(message, hint=hint))

    async def do(self, row: Row) -> Done:
        """Do a row, wherever there is a worker for it."""
        alone = False
        while True:
            async with self._suspects if alone else nothing():
                post = await self._post(row, alone)
                actor, name = post.actor, post.name
                try:
                    told = await self._ask(actor, row)
                except Gone:
                    self._died(post, actor)
                    if self._alone[row.key] >= DEATHS:
                        return self.place.work.failed(row, f"its worker died {DEATHS} times while it was alone there")
                    alone = True
                    continue
                except self.ray.exceptions.RayError as error:
                    return self.place.work.failed(row, f"Ray: {said_by(error)}")
                except ConnectionError as error:  # of a cluster at ray://
                    self._cluster_gone(error)
                    await asyncio.Event().wait()  # until the job cancels it
                    raise
                finally:
                    await self._leave(post, row, actor, alone)
            self._alone.pop(row.key, None)
            self._book(post, name, told.spent)
            if told.throttled:
                self.place.slow_down()
            fatal = told.fatal and placed(told.fatal, name)
            return Done(row, told.outcome, told.line, told.trace, fatal, told.limited, name)

    async def _ask(self, actor: Any, row: Row) -> Told:
        try:
            return await actor.do.remote(row)
        except self.lost as error:
            raise Gone from error
        except asyncio.CancelledError:
            actor.drop.remote(row.key)
            raise

    async def _post(self, row: Row, alone: bool) -> Post:
        """A worker that has room, the least busy one; one without any other row where a row is to be alone."""
        kept: Post | None = None
        async with self._changed:
            try:
                while True:
                    ready = [post for post in self.posts if post.actor is not None and not post.reserved]
                    if alone:
                        if kept is not None and kept.actor is None:  # it died of what it had: another one, then
                            kept.reserved, kept = False, None
                        if kept is None and ready:
                            kept = min(ready, key=lambda post: len(post.rows))
                            kept.reserved = True
                        ready = [kept] if kept is not None and not kept.rows else []
                    post = min(ready, key=lambda post: len(post.rows), default=None)
                    if post is not None and len(post.rows) < self.order.rows:
                        post.rows.add(row.key)
                        return post
                    await self._changed.wait()
            except asyncio.CancelledError:
                if kept is not None:
                    kept.reserved = False
                raise

    async def _leave(self, post: Post, row: Row, actor: Any, alone: bool) -> None:
        async with self._changed:
            if post.actor is actor:
                post.rows.discard(row.key)
            if alone:
                post.reserved = False
            self._changed.notify_all()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _died(self, post: Post, actor: Any) -> None:
        """A worker is gone: another takes its post, if nobody has seen to that yet."""
        if post.actor is not actor or self._ended:
            return
        self.deaths += 1
        if len(post.rows) == 1:
            self._alone.update(post.rows)
        post.actor, post.rows = None, set()
        for task in post.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self._kill(actor)
        self.slices.give_back(post.name, post.spent)
        self._begin(self._fill(post))
        if not any(one.actor for one in self.posts):
            self._begin(self._wait_for_one())

    async def _wait_for_one(self) -> None:
        await asyncio.sleep(START_SECONDS)
        if not any(post.actor for post in self.posts):
            self._fail(f"no worker came back within {START_SECONDS:g} s", "see 'ray status'; the same command goes on")

    async def _watch(self, post: Post, actor: Any) -> None:
        """Take a worker that does not answer for dead."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            try:
                await asyncio.wait_for(actor.ping.remote(), HANG_SECONDS)
            except TimeoutError:
                self.notes.append(f"worker {post.name} did not answer for {HANG_SECONDS:g} s and was ended")
                self._died(post, actor)
                return
            except self.ray.exceptions.RayError:
                self._died(post, actor)
                return

    async def _grant(self, post: Post, actor: Any) -> None:
        """Answer a worker that wants a further slice of the limits."""
        with suppress(*self.lost):
            while self.slices.bounded:
                self._book(post, post.name, await actor.wants.remote())
                async with self._lock:  # until it is granted, or somebody may ask for it back before it is there
                    limits = self.slices.grant(post.name, post.spent)
                    if limits is None:
                        await self._collect(actor)
                        limits = self.slices.grant(post.name, post.spent)
                    await actor.grant.remote(limits)

    async def _collect(self, but: Any) -> None:
        """Have the others give back what they have not spent."""
        for post in self.posts:
            if (actor := post.actor) is not None and actor is not but:
                try:
                    self._book(post, post.name, await actor.give_back.remote())
                except self.lost:
                    self._died(post, actor)  # which gives back for it
                else:
                    self.slices.give_back(post.name, post.spent)

    def _book(self, post: Post, name: str, spent: Spent) -> None:
        """Book what a worker has spent since it was last heard."""
        if post.name != name or spent.number < post.spent.number:
            return  # another process has the post, or a message that was sent later came first
        before = post.spent.roles
        since = {role: minus(usage, before.get(role, Usage())) for role, usage in spent.roles.items()}
        self.place.ledger.book(since, spent.begun - post.spent.begun)
        post.spent = spent

    def _kill(self, actor: Any) -> None:
        with suppress(Exception):  # it is gone already, or Ray is
            self.ray.kill(actor)

    async def close(self) -> None:
        """End the workers; what rows that were cancelled have spent is booked."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(self._close(post) for post in self.posts if post.actor is not None))
        if 0 < (missing := sum(not post.name for post in self.posts)) < self.size:
            self.notes.append(f"{missing} of {self.size} workers never found room in the cluster")
        if self.deaths:
            told = "calls under way there then are in no count"
            self.notes.append(f"{self.deaths} worker(s) died; their rows were done again, and {told}")

    async def _close(self, post: Post) -> None:
        try:
            spent, notes = await asyncio.wait_for(post.actor.close.remote(), CLOSE_SECONDS)
            self._book(post, post.name, spent)
            self.notes += [note for note in notes if note not in self.notes]
        except (TimeoutError, ConnectionError, self.ray.exceptions.RayError):
            self.notes.append(f"worker {post.name} did not close in time and was ended")
        finally:
            self._kill(post.actor)


@asynccontextmanager
async def nothing() -> AsyncGenerator[None]:
    """A block around nothing."""
    yield


def minus(usage: Usage, before: Usage) -> Usage:
    """What was added since."""
    less: dict[str, Any] = {name: -value for name, value in before.as_dict().items()}
    return usage + Usage(**less)
