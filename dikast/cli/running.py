"""What every `run` command does with its options: cache, limits, progress, the summary and the exit code."""

from __future__ import annotations

import math
import os
from collections.abc import Coroutine, Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dikast.cli.options import parse_prices
from dikast.cli.output import say, stderr
from dikast.errors import UsageError
from dikast.records import Usage

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from dikast.agents.models.cache import RequestCache
    from dikast.agents.models.limits import Limits
    from dikast.agents.models.pace import Rates
    from dikast.graphs.method import Person
    from dikast.jobs.engines import Engine
    from dikast.jobs.job import OnProgress, Progress
    from dikast.jobs.shards import Shard
    from dikast.jobs.summary import Summary

T = TypeVar("T")
CACHE_NAME = "requests.sqlite"
SHOWN_REASONS = 3
SHOWN_WORKERS = 8
SECONDS_BETWEEN_LINES = 15
"""Between two lines of progress where there is no terminal: a log of an hour stays readable."""


@dataclass(frozen=True)
class Running:
    """The options of a run that do not change its results."""

    out: Path
    concurrency: int
    cache: str | None
    max_calls: int | None = None
    max_run_tokens: int | None = None
    max_seconds: float | None = None
    max_cost: float | None = None
    price: str | None = None
    rpm: float | None = None
    tpm: float | None = None
    force_new: bool = False
    shard: str | None = None
    engine: str = "local"
    ray_address: str | None = None
    workers: int | None = None
    worker_cpus: float | None = None
    worker_gpus: float | None = None
    epochs: int = 1
    reducer: str = "mean"
    redact: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Running:
        """Out of a command's parameters.

        Raises:
            UsageError: A limit, a price, a shard, a reducer or what is said of workers makes no sense.
        """
        found = cls(**{one.name: given[one.name] for one in fields(cls) if one.name in given})
        found.limits()  # what is wrong is told now, and not when rows have been read
        found.rates()
        found.part()
        found.hands()
        found.check_reducers()
        found.check_redaction()
        return found

    def check_redaction(self) -> None:
        """Try the redaction, and refuse a request cache beside it, which would hold what it takes out.

        Raises:
            UsageError: It is none, or a cache is named.
        """
        if self.redact is None:
            return
        from dikast.redaction import Redaction

        Redaction.of(self.redact)
        if self.cache not in (None, "off"):
            hint = "leave --cache out: a redacted run keeps replies in memory"
            raise UsageError(f"--cache {self.cache} would keep replies that --redact is to take out", hint=hint)

    def check_reducers(self) -> None:
        """Refuse what could only be told when all rows are done.

        Raises:
            UsageError: A reducer is none, or needs more epochs than there are.
        """
        from dikast.evaluation.reducers import parse_reducers

        for one in parse_reducers(self.reducer):
            if one.needs > self.epochs:
                hint = f"--epochs {one.needs} or more"
                raise UsageError(
                    f"--reducer {one.name} needs {one.needs} epochs, and there are {self.epochs}", hint=hint
                )

    def hands(self) -> Engine | None:
        """What does the rows; `None` for this process.

        Raises:
            UsageError: Something is said of workers, and there are none.
        """
        of_ray = {
            "address": self.ray_address,
            "workers": self.workers,
            "worker_cpus": self.worker_cpus,
            "worker_gpus": self.worker_gpus,
        }
        said: dict[str, Any] = {name: value for name, value in of_ray.items() if value is not None}
        if self.engine == "ray":
            from dikast.jobs.engines.ray import Ray

            return Ray(**said)
        if said:
            flags = ", ".join("--ray-address" if name == "address" else f"--{name.replace('_', '-')}" for name in said)
            raise UsageError(f"{flags} is said of Ray workers, and this run has none", hint="add --engine ray")
        return None

    def limits(self) -> Limits:
        """The run's limits and prices."""
        from dikast.agents.models.limits import Limits

        price_input, price_output = parse_prices(self.price)
        if self.max_cost is not None and not (price_input or price_output):
            raise UsageError("--max-cost counts at the prices of --price, and there are none", hint="--price IN,OUT")
        return Limits(
            calls=self.max_calls,
            tokens=self.max_run_tokens,
            seconds=self.max_seconds,
            cost=self.max_cost,
            price_input=price_input,
            price_output=price_output,
        )

    def rates(self) -> Rates:
        """What the run may spend a minute.

        Raises:
            UsageError: Not more than nothing.
        """
        from dikast.agents.models.pace import Rates

        for flag, value in (("--rpm", self.rpm), ("--tpm", self.tpm)):
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{flag} {value:g}: a rate is a finite number above 0", hint="leave it out for none")
        return Rates(rpm=self.rpm, tpm=self.tpm)

    def part(self) -> Shard | None:
        """The part of the rows that is done; `None` for all of them."""
        from dikast.jobs.shards import Shard

        return Shard.parse(self.shard) if self.shard else None

    def request_cache(self, *, private: bool = False) -> RequestCache | None:
        """The request cache; `None` where it is off. A run that began with a cache of its own keeps using it.

        Args:
            private: Whether the run has one of its own, in its folder, unless another is named.
        """
        from dikast.agents.models.cache import MEMORY, RequestCache
        from dikast.agents.models.catalog import cache_folder

        if self.cache == "off":
            return None
        if self.redact is not None:
            return RequestCache(Path(MEMORY))
        own = self.out / CACHE_NAME
        if self.cache:
            return RequestCache(Path(self.cache))
        return RequestCache(own if private or own.exists() else cache_folder() / CACHE_NAME)

    async def job(
        self,
        graph: Any,
        rows: Iterable[object],
        context: object,
        settings: Mapping[str, Any],
        *,
        method: str = "",
        private: bool = False,
        person: Person | None = None,
    ) -> Summary:
        """Run a job, with a progress bar unless a person takes part.

        Args:
            graph: What runs.
            rows: Its inputs.
            context: Its context.
            settings: The command's, for the manifest.
            method: Where the method stands, for the manifest.
            private: As for `request_cache`.
            person: Who takes part: rows run one at a time.
        """
        from dikast.jobs import run

        with progress(self.limits()) if person is None else nullcontext(person.on_progress) as on_progress:
            return await run(
                graph,
                rows,
                context,
                self.out,
                limits=self.limits(),
                rates=self.rates(),
                cache=self.request_cache(private=private),
                concurrency=self.concurrency if person is None else 1,
                on_progress=on_progress,
                settings=settings,
                force_new=self.force_new,
                method=method,
                shard=self.part(),
                engine=self.hands(),
                samples=self.epochs,
                redact=self.redact,
            )


def finish(work: Coroutine[Any, Any, T], context: object = None) -> T:
    """Run to the end, closing what the engines and the context's actors hold."""
    from dikast.agents.models.load import close_models

    async def closing() -> T:
        try:
            return await work
        finally:
            await close_models()
            for actor in vars(context).values() if context is not None else ():
                if hasattr(actor, "aclose"):
                    await actor.aclose()

    import asyncio

    return asyncio.run(closing())


@contextmanager
def private_files() -> Generator[None]:
    """Have every file and folder that is made be its owner's alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def is_private(folder: Path) -> bool:
    """Whether a run folder is its owner's alone, so that what is added to it has to be so too."""
    return folder.stat().st_mode & 0o077 == 0


class ProgressLines:
    """Lines of progress: rows, rate, expected end and cost, not more often than `SECONDS_BETWEEN_LINES`."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits
        self._next = float(SECONDS_BETWEEN_LINES)
        self._before: int | None = None

    def __call__(self, now: Progress) -> None:
        """Say how it goes, if it is time."""
        if self._before is None:
            self._before = now.finished
        if now.seconds < self._next:
            return
        self._next = now.seconds + SECONDS_BETWEEN_LINES
        say(line_of(now, (now.finished - self._before) / now.seconds, self._limits))


def line_of(now: Progress, rate: float, limits: Limits | None) -> str:
    """How a job goes, in one line.

    Args:
        now: How it goes.
        rate: Rows a second, of this attempt.
        limits: For their prices.
    """
    parts = [f"{now.finished} of {'?' if now.asked is None else now.asked} rows", f"{rate:.2g} a second"]
    if now.asked is not None and rate > 0:
        parts.append(f"about {max(0, now.asked - now.finished) / rate / 60:.0f} min left")
    if limits is not None and (limits.price_input or limits.price_output):
        parts.append(f"cost {limits.cost_of(sum(now.usage.values(), Usage())):.4f}")
    if now.failed:
        parts.append(f"{now.failed} failed")
    if now.workers:
        parts.append(in_short(now.workers))
    return ", ".join([*parts, *([now.stopping] if now.stopping else [])])


def in_short(workers: Mapping[str, int]) -> str:
    """How many workers there are, and whether they do alike much."""
    least, most = min(workers.values()), max(workers.values())
    return f"{len(workers)} workers ({least} to {most} rows)" if len(workers) > 1 else "1 worker"


class progress:  # a context manager, used like a function
    """A progress bar on a terminal; elsewhere a line now and then.

    Args:
        limits: For their prices.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits

    def __enter__(self) -> OnProgress | None:
        """Start the bar."""
        self._bar: Bar | None = None
        if not stderr.is_terminal:
            return ProgressLines(self._limits)
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[more]}"),
            console=stderr,
            transient=True,
        )
        self._task = self._bar.add_task("rows", total=None, more="")
        self._bar.start()
        return self._update

    def __exit__(self, *error: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def _update(self, now: Progress) -> None:
        tokens = sum(usage.output_tokens for usage in now.usage.values())
        more = f"{now.in_flight} in flight, {now.failed} failed, {tokens:,} tokens"
        if self._bar is not None:
            more = f"{more}, {in_short(now.workers)}" if now.workers else more
            stopping = f"{more}; {now.stopping}" if now.stopping else more
            self._bar.update(self._task, total=now.asked, completed=now.finished, more=stopping)


def reasons_of(summary: Summary) -> list[dict[str, Any]]:
    """The commonest reasons why rows of a run did not end well, the most frequent first."""
    if all(outcome == "ok" for outcome in summary.outcomes):
        return []
    from dikast.jobs import Run

    found = Run.open(summary.folder).reasons().most_common(SHOWN_REASONS)
    return [{"outcome": outcome, "rows": count, "reason": reason} for (outcome, reason), count in found]


def is_redacted(folder: Path) -> bool:
    """Whether a run's journal lacks the inputs as they were asked, so that a retry cannot ask them again."""
    from dikast.jobs.manifest import read_manifest

    return "redact" in read_manifest(folder).fingerprint


def by_worker(workers: Mapping[str, int]) -> str:
    """How many rows each worker did, who did most first; those beyond `SHOWN_WORKERS` are only counted."""
    most = sorted(workers, key=lambda name: -workers[name])
    shown = ", ".join(f"{name} {workers[name]}" for name in most[:SHOWN_WORKERS])
    rest = most[SHOWN_WORKERS:]
    return shown + (f", {len(rest)} more {sum(workers[name] for name in rest)}" if rest else "")


def tell(summary: Summary) -> None:
    """Say on stderr how a run stands and how to go on."""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.items()) or "none finished"
    asked = "?" if summary.asked is None else summary.asked
    say(f"rows: {asked} asked, {summary.finished} finished: {outcomes}; {summary.owed or 0} owed")
    for role, usage in summary.usage.items():
        told = f"{usage.calls} calls, {usage.input_tokens:,} + {usage.output_tokens:,} tokens"
        say(f"{role}: {told}, {usage.cached_calls} calls from the cache")
    if summary.workers:
        say(f"workers: {by_worker(summary.workers)}")
    if summary.cost is not None:
        say(f"cost: {summary.cost:.4f}")
    for reason in reasons_of(summary):
        say(f"{reason['outcome']}, {reason['rows']} rows: {reason['reason']}")
    if summary.unread:
        say("no reply could be read: try another model, or another --mode or reply form; no row has a result")
    for note in summary.notes:
        say(f"note: {note}")
    if summary.stopped:
        # What earlier attempts spent, but for seconds, counts towards a limit: the same command would stop at once.
        limited = " limit of " in summary.stopped and " seconds " not in summary.stopped
        how = "the same command with a higher limit" if limited else "the same command"
        say(f"stopped: {summary.stopped}; {how} goes on from here")
    elif summary.failed:
        again = "give the same command" if is_redacted(summary.folder) else f"dikast runs retry {summary.folder}"
        say(f"do the failed rows again: {again}")
    story = f"; one row's story: dikast runs show {summary.folder} 1" if summary.finished else ""
    say(f"run folder: {summary.folder}{story}")
