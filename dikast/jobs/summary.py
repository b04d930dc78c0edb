"""How a job stands: what was asked, what came of it, what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from dikast.agents.models.limits import Limits
from dikast.jobs.files import read_journal
from dikast.jobs.folder import ROWS
from dikast.jobs.manifest import Manifest
from dikast.jobs.stopping import INTERRUPTED
from dikast.records import Outcome, Usage

EXIT_FAILED_ROWS = 3
EXIT_INTERRUPTED = 130
SHOWN_LINES = 5
UNREAD = frozenset({Outcome.UNPARSED, Outcome.EMPTY})


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run stands.

    Args:
        folder: The run folder.
        graph: The graph's name.
        asked: Rows of the input times samples; `None` where the input was a one-shot iterator that did not end.
        outcomes: How many finished rows of the input ended how; only those that occur.
        foreign: Finished rows that are not in the input any more: kept, and counted nowhere else.
        usage: Spent by role, over all attempts, done-over rows included.
        cost: At the limits' prices; `None` without prices.
        seconds: How long this attempt took.
        done: Rows finished by this attempt.
        workers: Those of them that workers of a cluster did, by the worker's name (host and process).
        stopped: Why the attempt ended before all was done; empty if it did not.
        notes: What a person should know, a line each.
    """

    folder: Path
    graph: str
    asked: int | None
    outcomes: Mapping[Outcome, int]
    foreign: int = 0
    usage: Mapping[str, Usage] = field(default_factory=dict[str, Usage])
    cost: float | None = None
    seconds: float = 0.0
    done: int = 0
    workers: Mapping[str, int] = field(default_factory=dict[str, int])
    stopped: str = ""
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> int:
        """Rows with an outcome, good or bad."""
        return sum(self.outcomes.values())

    @property
    def owed(self) -> int | None:
        """Rows without one; `None` where `asked` is."""
        return None if self.asked is None else max(0, self.asked - self.finished)

    @property
    def failed(self) -> int:
        """Rows that another attempt may mend."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.failed)

    @property
    def unread(self) -> bool:
        """Whether nothing came of any row, though none failed: every reply was empty or could not be read."""
        return bool(self.outcomes) and self.outcomes.keys() <= UNREAD

    @property
    def exit_code(self) -> int:
        """The command line's: 0, 3 where rows failed or are owed or none came to anything, 130 after a signal."""
        if self.stopped == INTERRUPTED:
            return EXIT_INTERRUPTED
        return EXIT_FAILED_ROWS if self.failed or self.owed or self.stopped or self.unread else 0

    def as_dict(self) -> dict[str, Any]:
        """The whole summary, for JSON."""
        return {
            "folder": str(self.folder),
            "graph": self.graph,
            "asked": self.asked,
            "finished": self.finished,
            "owed": self.owed,
            "foreign": self.foreign,
            "outcomes": {outcome.value: count for outcome, count in self.outcomes.items()},
            "usage": {role: usage.as_dict() for role, usage in self.usage.items()},
            "cost": self.cost,
            "seconds": self.seconds,
            "done": self.done,
            "workers": dict(self.workers),
            "stopped": self.stopped,
            "notes": list(self.notes),
        }


class Tally:
    """Outcomes by key and spend by role: what a journal says, kept up to date. Memory: about 130 bytes a key read."""

    def __init__(self) -> None:
        self.ends: dict[bytes, Outcome] = {}
        self.outcomes: Counter[Outcome] = Counter()
        self.usage: dict[str, Usage] = {}
        self.foreign_lines: list[int] = []
        """Numbers of the journal's lines that are no rows."""

    def read(self, records: Iterable[Mapping[str, Any]]) -> Tally:
        """Count the lines of a journal."""
        for record in records:
            self.end(record["key"], Outcome(record["outcome"]))
            for role, spent in record["usage"].items():
                self.usage[role] = self.usage.get(role, Usage()) + Usage(**spent)
        return self

    def read_file(self, path: Path) -> Tally:
        """Count the lines of a journal file; lines that are no rows are kept by number."""
        return self.read(record for _, record in read_journal(path, self.foreign_lines))

    def leave_out(self, current: Collection[bytes]) -> None:
        """Forget the ends of rows that are not of the current input; what they cost stays spent."""
        for key in [key for key in self.ends if key not in current]:
            self.outcomes[self.ends.pop(key)] -= 1

    @property
    def note(self) -> str:
        """What a person should know of the journal; empty if nothing."""
        if not self.foreign_lines:
            return ""
        listed = ", ".join(str(number) for number in self.foreign_lines[:SHOWN_LINES])
        more = ", ..." if len(self.foreign_lines) > SHOWN_LINES else ""
        return (
            f"{len(self.foreign_lines)} line(s) of {ROWS} are no rows (line {listed}{more}), since the disk or a hand"
            " damaged them: they are left out, and the rows that they were are owed"
        )

    def end(self, key: str, outcome: Outcome) -> None:
        """A row ended, perhaps again: its last end counts."""
        self.finish(key, outcome)
        self.ends[bytes.fromhex(key)] = outcome

    def finish(self, key: str, outcome: Outcome) -> None:
        """A row that this attempt did ended, which it does once: its key is not kept, so that memory does not grow."""
        short = bytes.fromhex(key)
        before = self.ends.get(short)
        if before is not None:
            self.outcomes[before] -= 1
            self.ends[short] = outcome
        self.outcomes[outcome] += 1

    def __contains__(self, key: str) -> bool:
        return bytes.fromhex(key) in self.ends

    def counts(self) -> dict[Outcome, int]:
        """How many rows ended how, in the order of `Outcome`."""
        return {outcome: self.outcomes[outcome] for outcome in Outcome if self.outcomes[outcome]}


def cost_of(usage: Mapping[str, Usage], limits: Limits | None) -> float | None:
    """What it cost, if prices are known."""
    if limits is None or not (limits.price_input or limits.price_output):
        return None
    return limits.cost_of(sum(usage.values(), Usage()))


def read_standing(folder: Path, manifest: Manifest) -> Summary | None:
    """How a run stands, by the counts of its last attempt; `None` where its journal has changed since."""
    last = manifest.attempts[-1]
    journal = folder / ROWS
    # Manifests of before `input.keys` count rows that left the input: those runs are asked themselves.
    if (
        last.foreign
        or last.journal_bytes is None
        or not journal.exists()
        or journal.stat().st_size != last.journal_bytes
    ):
        return None
    tally = Tally()
    tally.outcomes.update({Outcome(name): count for name, count in last.outcomes.items()})
    tally.usage = {role: Usage(**cast(Any, spent)) for role, spent in last.usage.items()}
    return summarise(folder, manifest, tally)


def summarise(folder: Path, manifest: Manifest, tally: Tally) -> Summary:
    """How a run stands, from what is on the disk."""
    last = manifest.attempts[-1]
    return Summary(
        folder=folder,
        graph=manifest.graph,
        asked=last.asked,
        outcomes=tally.counts(),
        foreign=last.foreign,
        usage=tally.usage,
        cost=cost_of(tally.usage, last.limits),
        workers=last.workers,
        stopped=last.stopped,
        notes=(tally.note,) if tally.note else (),
    )
