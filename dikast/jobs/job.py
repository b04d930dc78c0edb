"""Batch jobs: one row, one run of a graph, one line of a journal.

    summary = await run(genqr.graph, rows, genqr.Context(...), Path("runs/x"))

The same call again does what is still owed; `retry` does again what failed. Any compiled LangGraph graph will do.

Not here: reading a run (`Run`), exporting it (`export`), where rows are done (`engines/`).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from dikast.agents.foreign_calls import counting_foreign_calls
from dikast.agents.ledger import recording
from dikast.agents.models.cache import RequestCache
from dikast.agents.models.limits import Limits
from dikast.agents.models.pace import Rates
from dikast.agents.models.ready import check_ready
from dikast.errors import DataError, ResumeMismatchError, UsageError
from dikast.jobs.attempt import Done, Work
from dikast.jobs.concurrency import Gate
from dikast.jobs.current import change_told, current_keys, read_keys, split, write_keys
from dikast.jobs.driver import Driver
from dikast.jobs.engines import Engine, Place
from dikast.jobs.engines.local import Local
from dikast.jobs.exits import exits_end_rows
from dikast.jobs.feed import Feed, journal_rows
from dikast.jobs.files import LineFile, explain_os_errors, read_journal
from dikast.jobs.fingerprint import Parts, fingerprint
from dikast.jobs.folder import ERRORS, ROWS, Folder, open_folder, refuse_mismatch
from dikast.jobs.heap import spare_collector
from dikast.jobs.inputs import InputSchema
from dikast.jobs.keys import Row
from dikast.jobs.made_of import name_of
from dikast.jobs.manifest import NAME, Attempt, Manifest, changed_versions, now, read_manifest, versions
from dikast.jobs.reading import Run
from dikast.jobs.shards import Shard
from dikast.jobs.stopping import Stop, signals
from dikast.jobs.summary import Summary, Tally, cost_of, summarise
from dikast.jobs.threads import row_threads
from dikast.jobs.writer import Writer
from dikast.records import Outcome, Usage
from dikast.redaction import Redact, Redaction
from dikast.redaction import current as current_redaction
from dikast.wire import spec_of

if TYPE_CHECKING:
    from dikast.jobs.inputs import Graph

CONCURRENCY = 64
"""Rows in flight at most; the contract suite holds every engine to 64 requests in flight."""
PROGRESS_SECONDS = 0.1
FAILED = frozenset(outcome for outcome in Outcome if outcome.failed)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a job goes, for a progress bar.

    Args:
        asked: Rows in all; `None` while a one-shot iterator has not ended.
        finished: Rows with an outcome, earlier attempts' included.
        failed: Those that another attempt may mend.
        in_flight: Rows under way.
        allowed: How many may be under way now.
        usage: Spent so far, by role, earlier attempts included.
        seconds: Since this attempt began.
        stopping: Why no further row starts; empty while rows start.
        workers: Rows of this attempt that workers of a cluster did, by the worker's name.
    """

    asked: int | None
    finished: int
    failed: int
    in_flight: int
    allowed: int
    usage: Mapping[str, Usage]
    seconds: float
    stopping: str
    workers: Mapping[str, int] = field(default_factory=dict[str, int])


OnProgress = Callable[[Progress], None]
OnReport = Callable[[Run, Any], object]


async def run(
    graph: Graph,
    rows: Iterable[object],
    context: object,
    out: Path,
    *,
    samples: int = 1,
    limits: Limits | None = None,
    row_limits: Limits | None = None,
    rates: Rates | None = None,
    cache: RequestCache | None = None,
    concurrency: int = CONCURRENCY,
    on_progress: OnProgress | None = None,
    settings: Mapping[str, Any] | None = None,
    force_new: bool = False,
    method: str = "",
    report: OnReport | None = None,
    shard: Shard | None = None,
    engine: Engine | None = None,
    redact: Redact | str | None = None,
) -> Summary:
    """Run a graph on each row, into a run folder; do what is still owed if the folder has a run already.

    Args:
        graph: A compiled graph, without a checkpointer.
        rows: Mappings of names to JSON values. Gone through twice, so that a bad row is told before anything runs;
            a one-shot iterator only once, and a bad row then ends the job after what is in flight.
        context: The graph's context.
        out: The run folder.
        samples: Rows for each input.
        limits: What the run may spend, earlier attempts included (`seconds`: this attempt).
        row_limits: What one row may spend.
        rates: What the run may spend a minute, over all processes.
        cache: The request cache.
        concurrency: Rows in flight at most, in each process that does rows; the number adapts below it.
        on_progress: Called on the event loop, about ten times a second.
        settings: The caller's resolved settings, for the manifest.
        force_new: Start over; a run that is there is moved aside.
        method: Where the method stands that the run is of, `module:name`, for the manifest.
        report: Called with the run and the context when the attempt has ended, such as a method's `report`.
        shard: The part of the rows that this job does; `dikast.jobs.merge` puts the folders together.
        engine: Where rows are done: in this process, or by `dikast.jobs.Ray(...)` on a cluster.
        redact: A function of a text, or its `module:name`, that every text goes through before it is written; see
            `dikast.redaction`. The journal has no input then that could be asked again, so that the same call does
            failed rows again, too.

    Returns:
        How the run stands; its `exit_code` is the command line's.

    Raises:
        DataError: A bad row, or a request cache in an impossible place, before anything runs; or the disk takes no
            more, with what is finished kept.
        UsageError: The folder is not a run's, is another part's or has another writer; an argument is wrong; a model's
            package or key is missing; or a row met a setting that no row can work with.
        ResumeMismatchError: The folder's run has another fingerprint.
        ModelUnavailable: The model cannot be reached; all unfinished rows stay owed.
    """
    schema = check_graph(graph, samples, concurrency)
    redaction = redaction_of(redact, cache)
    parts = fingerprint(name_of(graph), context, samples, redaction)
    if not force_new:
        refuse_other_settings(out, parts, Feed(rows, schema, samples, Tally(), shard))
    hands = engine or Local()
    if isinstance(hands, Local) and (force_new or not (out / NAME).exists()):
        check_ready(context)  # who goes on may have nothing left to ask; workers of a cluster look for themselves
    with open_folder(out, parts, force_new=force_new) as folder:
        if cache is not None:
            cache.open()
        tally = await asyncio.to_thread(read_tally, folder)
        counted = await Feed(rows, schema, samples, tally, shard).look_through()
        attempt = new_attempt(limits, counted, hands.name)
        manifest = next_manifest(folder, graph.name, context, samples, parts, settings, attempt, method)
        manifest.shard = str(shard or "")
        notes = [schema.note, *begin(folder, manifest, counted)]
        if counted.asked is not None and tally.ends:
            tally.leave_out(set(split(counted.keys)))
        feed = Feed(rows, schema, samples, tally, shard, counted.repeated, again=redaction is not None)
        job = _Job(folder, manifest, tally, limits, rates, cache, on_progress, attempt.asked, notes, hands)
        work = Work(graph, context, row_limits, len(manifest.attempts), redaction=redaction)
        await job.do(work, feed, concurrency)
        if attempt.asked is None:
            take_ended(feed, attempt, folder.path, tally)
        summary = job.finish()
    await tell_report(report, out, context)
    return summary


async def retry(
    graph: Graph,
    context: object,
    out: Path,
    *,
    outcomes: Collection[Outcome] = FAILED,
    limits: Limits | None = None,
    row_limits: Limits | None = None,
    rates: Rates | None = None,
    cache: RequestCache | None = None,
    concurrency: int = CONCURRENCY,
    on_progress: OnProgress | None = None,
    report: OnReport | None = None,
    engine: Engine | None = None,
    redact: Redact | str | None = None,
) -> Summary:
    """Do again the rows of a run that ended in one of these outcomes; owed rows stay owed.

    Their inputs come from the journal. Arguments, result and errors are those of `run`.

    Raises:
        DataError: There is no such run.
        UsageError: Its inputs are redacted.
    """
    before = read_manifest(out)
    check_graph(graph, before.samples, concurrency)
    redaction = redaction_of(redact, cache)
    parts = fingerprint(name_of(graph), context, before.samples, redaction)
    with open_folder(out, parts) as folder:
        if cache is not None:
            cache.open()
        tally = await asyncio.to_thread(read_tally, folder)
        hands = engine or Local()
        attempt = new_attempt(limits, before.attempts[-1], hands.name)
        manifest = next_manifest(folder, graph.name, context, before.samples, parts, None, attempt)
        notes = begin(folder, manifest)
        if (keys := current_keys(out, before)) is not None:
            tally.leave_out(set(keys))
        feed = journal_rows(out / ROWS, tally, outcomes)
        if redaction is not None:
            refuse_redacted(out, tally, outcomes)
        job = _Job(folder, manifest, tally, limits, rates, cache, on_progress, attempt.asked, notes, hands)
        work = Work(graph, context, row_limits, len(manifest.attempts), redaction=redaction)
        await job.do(work, feed, concurrency)
        summary = job.finish()
    await tell_report(report, out, context)
    return summary


def redaction_of(given: Redact | str | None, cache: RequestCache | None) -> Redaction | None:
    """What redacts a job's lines: what was given, else that of the job around.

    Raises:
        UsageError: It is no function of a text, or a request cache would keep on the disk what it takes out.
    """
    redaction = current_redaction() if given is None else Redaction.of(given)
    if redaction is not None and cache is not None and cache.on_disk:
        hint = "leave it out, or RequestCache(Path(':memory:'))"
        raise UsageError(f"the request cache {cache.path} would keep replies that are to be redacted", hint=hint)
    return redaction


def refuse_redacted(out: Path, tally: Tally, outcomes: Collection[Outcome]) -> None:
    """Refuse to ask again what the journal does not have as it was asked.

    Raises:
        UsageError: A row that is wanted has a redacted input.
    """
    wanted = {key.hex() for key, outcome in tally.ends.items() if outcome in outcomes}
    changed = sum(bool(record.get("redacted")) for _, record in read_journal(out / ROWS) if record["key"] in wanted)
    if changed:
        hint = "give the run's command again: of a redacted run it does failed rows again"
        raise UsageError(f"{out}: the inputs of {changed} rows to be done again are redacted", hint=hint)


async def tell_report(report: OnReport | None, out: Path, context: object) -> None:
    """Have a run reported on, if anybody wants to; in a thread, since a report may take its time."""
    if report is not None:
        await asyncio.to_thread(report, Run.open(out), context)


def check_graph(graph: Graph, samples: int, concurrency: int) -> InputSchema:
    """The graph's input schema, if a job can be made of these.

    Raises:
        UsageError: It cannot.
    """
    if samples < 1 or concurrency < 1:
        raise UsageError(f"samples and concurrency must be at least 1; got {samples} and {concurrency}")
    if graph.checkpointer:
        hint = "pass graph.builder.compile(checkpointer=False, name=...): a job resumes from its journal"
        raise UsageError(f"graph {graph.name!r} has a checkpointer, which a job has no use for", hint=hint)
    return InputSchema(graph)


def refuse_other_settings(out: Path, parts: Parts, feed: Feed) -> None:
    """Refuse a run of other settings, and say how the input has changed, since that is often why.

    Raises:
        ResumeMismatchError: The folder's run has another fingerprint.
        UsageError: It is another part of its input.
    """
    with explain_os_errors(out, "read"):
        if not (out / NAME).exists():
            return
    before = read_manifest(out)
    if before.shard != str(feed.shard or ""):
        told = f"{out} has {f'part {before.shard}' if before.shard else 'all'} of its input"
        asked = f"part {feed.shard}" if feed.shard else "all of it"
        raise UsageError(f"{told}, and is to have {asked}", hint="give each part a folder of its own")
    try:
        refuse_mismatch(out, before, parts)
    except ResumeMismatchError as error:
        changed = change_told(read_keys(out, before), feed.pass_all())
        raise ResumeMismatchError("; ".join(filter(None, (error.message, changed))), hint=error.hint) from error


def read_tally(folder: Folder) -> Tally:
    """Count what an earlier attempt at this run has finished; nothing for a new run."""
    if folder.manifest is None:
        return Tally()
    return Tally().read_file(folder.path / ROWS)


def next_manifest(
    folder: Folder,
    graph: str,
    context: object,
    samples: int,
    parts: Parts,
    settings: Mapping[str, Any] | None,
    attempt: Attempt,
    method: str = "",
) -> Manifest:
    """The folder's manifest with one more attempt, or that of a new run."""
    as_json = context.model_dump(mode="json", fallback=spec_of) if isinstance(context, BaseModel) else {}
    before = folder.manifest
    return Manifest(
        graph=graph,
        method=method or (before.method if before else ""),
        samples=samples,
        shard=before.shard if before else "",
        fingerprint=parts,
        context=as_json,
        settings=dict(settings) if settings is not None else before.settings if before else {},
        attempts=[*(before.attempts if before else []), attempt],
    )


def new_attempt(limits: Limits | None, counted: Feed | Attempt, engine: str) -> Attempt:
    """An attempt that starts now, at the rows that were counted, on an engine of this name."""
    return Attempt(
        started=now(),
        asked=counted.asked,
        foreign=counted.foreign,
        input_hash=counted.input_hash,
        versions=versions(),
        limits=limits,
        engine=engine,
    )


def take_ended(feed: Feed, attempt: Attempt, folder: Path, tally: Tally) -> None:
    """Write down what is known of a one-shot iterator after its end."""
    attempt.asked, attempt.foreign, attempt.input_hash = feed.asked, feed.foreign, feed.input_hash
    if feed.asked is not None:
        write_keys(folder, feed.keys)
        if tally.ends:
            tally.leave_out(set(split(feed.keys)))


def begin(folder: Folder, manifest: Manifest, feed: Feed | None = None) -> list[str]:
    """Write the manifest and the input's keys; say what a person should know before rows run.

    Args:
        folder: Where to.
        manifest: With an attempt that begins.
        feed: The input; `None` where it is the last attempt's.
    """
    keys = bytes(feed.keys) if feed is not None and feed.asked is not None else None
    notes: list[str] = []
    if len(manifest.attempts) > 1:
        old, new = manifest.attempts[-2:]
        packages = changed_versions(old.versions, new.versions)
        notes += [f"versions changed since the last attempt: {packages}"] if packages else []
        notes += changes(folder, keys)
        kept = f"{new.foreign} finished rows are not in this input; they are kept, and in no report"
        notes += [kept] if new.foreign else []
    moved = folder.begin(manifest, keys)
    return [*notes, *([f"the run that was there is now {moved}"] if moved else [])]


def changes(folder: Folder, keys: bytes | None) -> list[str]:
    """What is to be said of an input that is another than the one before."""
    if keys is None or folder.manifest is None:
        return []
    changed = change_told(read_keys(folder.path, folder.manifest), keys)
    return [changed] if changed else []


def subtract_spent(limits: Limits | None, spent: Usage) -> Limits | None:
    """Subtract what was spent from a run's limits; `seconds` are each attempt's own."""
    if limits is None:
        return None
    used = {"calls": spent.calls, "tokens": spent.input_tokens + spent.output_tokens, "cost": limits.cost_of(spent)}
    allowed = {name: getattr(limits, name) for name in used}
    return limits.model_copy(
        update={name: max(0, limit - used[name]) for name, limit in allowed.items() if limit is not None}
    )


@contextmanager
def time_limit(limits: Limits | None, name: str, stop: Stop) -> Generator[None]:
    """Abort when the time is up, whatever the rows in flight are waiting for; they stay owed."""
    if limits is None or limits.seconds is None:
        yield
        return
    why = f"the {name}'s limit of {limits.seconds:g} seconds is used up"
    timer = asyncio.get_running_loop().call_later(limits.seconds, stop.abort, why)
    try:
        yield
    finally:
        timer.cancel()


@dataclass
class _Job:
    """One attempt at a run, its folder open."""

    folder: Folder
    manifest: Manifest
    tally: Tally
    limits: Limits | None
    rates: Rates | None
    cache: RequestCache | None
    on_progress: OnProgress | None
    asked: int | None
    notes: list[str]
    engine: Engine
    done: int = 0
    workers: Counter[str] = field(default_factory=Counter[str])
    _told: float = 0.0

    def __post_init__(self) -> None:
        self._started = time.monotonic()

    async def do(self, work: Work, owed: Iterable[Row | None], concurrency: int) -> None:
        """Run what is owed; afterwards everything that finished is on the disk."""
        self.gate = Gate(concurrency)
        self.stop = Stop(self._changed)
        spent = sum(self.tally.usage.values(), Usage())
        limits, name = subtract_spent(self.limits, spent), "attempt" if spent.calls else "run"
        with (
            recording(cache=self.cache, limits=limits, rates=self.rates, name=name) as self.ledger,
            counting_foreign_calls() as foreign,
            signals(self.stop.interrupt),
            spare_collector(),
            row_threads(concurrency),
            exits_end_rows(),
            time_limit(limits, name, self.stop),
        ):
            place = Place(
                work=work,
                parts=self.manifest.fingerprint,
                ledger=self.ledger,
                limits=limits,
                rates=self.rates,
                cache=self.cache,
                concurrency=concurrency,
                slow_down=self.gate.slow_down,
                stop=self.stop,
            )
            await self._run(place, owed)
        self.notes += foreign.notes

    @property
    def usage(self) -> dict[str, Usage]:
        """Spent by role, earlier attempts included."""
        before, since = self.tally.usage, self.ledger.usage_by_role
        return {role: before.get(role, Usage()) + since.get(role, Usage()) for role in [*before, *since]}

    async def _run(self, place: Place, owed: Iterable[Row | None]) -> None:
        rows, errors = LineFile(self.folder.path / ROWS), LineFile(self.folder.path / ERRORS)
        writer = Writer(rows, errors, self._disk_failed)
        try:
            async with self.engine.open(place) as hands:
                self.gate.most = hands.rows
                await Driver(place, hands, self.gate, writer, self._finished).run(owed)
            self.notes += hands.notes
        finally:
            await writer.close()
            rows.close()
            errors.close()

    def finish(self) -> Summary:
        """Stamp the manifest and say how the run stands; raise what stopped the job, if it was an error."""
        attempt = self.manifest.attempts[-1]
        attempt.finished, attempt.stopped = now(), self.stop.why
        attempt.outcomes = {outcome.value: count for outcome, count in self.tally.counts().items()}
        attempt.usage = {role: usage.as_dict() for role, usage in self.usage.items()}
        attempt.workers = dict(sorted(self.workers.items()))
        with suppress(OSError):  # without it, whoever lists runs reads the journal
            attempt.journal_bytes = (self.folder.path / ROWS).stat().st_size
        self._tell()
        if self.stop.error is not None:
            with suppress(DataError):  # the error that stopped the job is the one to tell
                self.folder.save(self.manifest)
            raise self.stop.error
        self.folder.save(self.manifest)
        standing = summarise(self.folder.path, self.manifest, self.tally)
        return replace(
            standing,
            usage=self.usage,
            cost=cost_of(self.usage, self.limits),
            seconds=round(time.monotonic() - self._started, 3),
            done=self.done,
            notes=(*(note for note in self.notes if note), *standing.notes),
        )

    def _finished(self, done: Done) -> None:
        self.done += 1
        if done.worker:
            self.workers[done.worker] += 1
        self.tally.finish(done.row.key, done.outcome)
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._tell()

    def _changed(self) -> None:
        self.gate.wake()
        self._tell()

    def _disk_failed(self, error: DataError) -> None:
        self.stop.abort("disk", error)

    def _tell(self) -> None:
        if self.on_progress is None:
            return
        self._told = time.monotonic()
        counts = self.tally.counts()
        progress = Progress(
            asked=self.asked,
            finished=sum(counts.values()),
            failed=sum(count for outcome, count in counts.items() if outcome.failed),
            in_flight=self.gate.inside,
            allowed=self.gate.allowed,
            usage=self.usage,
            seconds=self._told - self._started,
            stopping=self.stop.why,
            workers=dict(self.workers),
        )
        try:
            self.on_progress(progress)
        except Exception:
            self.on_progress = None  # the job ends with this error: it is not to be raised once more on the way
            raise
