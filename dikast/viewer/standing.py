"""How a run goes: rows by outcome, spent by role, how fast, and when it will end.

standing = look(book, share)
standing.finished, standing.asked, standing.rate, standing.left_s
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dikast.jobs.folder import ROWS
from dikast.jobs.manifest import Attempt
from dikast.jobs.reading import Run
from dikast.jobs.summary import cost_of
from dikast.records import Outcome, Usage
from dikast.viewer.asking import outcomes_of
from dikast.viewer.cells import texts_of
from dikast.viewer.shelf import Book

State = Literal["running", "done", "owes rows"]
MENDABLE = (Outcome.ERROR.value, Outcome.TIMEOUT.value, Outcome.LIMIT.value)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run goes.

    Args:
        state: Whether somebody writes to it, and whether all was done.
        asked: Rows that the input has; `None` where nobody knows yet.
        finished: Rows with an outcome.
        outcomes: How many ended how.
        usage: Spent by role, over all attempts.
        cost: In the unit of the prices that were given; `None` without prices.
        rate: Rows a second since this attempt began; `None` where it does not run.
        left_s: Seconds to its expected end; `None` where nobody knows.
        foreign: Lines of the journal that are no rows.
        share: Of the journal that has been read.
        stopped: Why the last attempt ended early.
    """

    state: State
    asked: int | None
    finished: int
    outcomes: Mapping[str, int]
    usage: Mapping[str, Usage]
    cost: float | None
    rate: float | None
    left_s: float | None
    foreign: int
    share: float
    stopped: str

    @property
    def mendable(self) -> int:
        """Rows that `runs retry` does again."""
        return sum(self.outcomes.get(one, 0) for one in MENDABLE)


def look(book: Book, share: float) -> Standing:
    """How the run goes, as far as its journal is read."""
    last, meta = book.run.manifest.attempts[-1], book.index.meta
    outcomes = outcomes_of(book.index)
    finished, active = sum(outcomes.values()), book.run.active
    usage = {role: Usage(**spent) for role, spent in json.loads(meta.get("usage", "{}")).items()}
    rate = _rate(book, last) if active else None
    owed = None if last.asked is None else max(0, last.asked - finished)
    return Standing(
        state="running" if active else "owes rows" if owed else "done",
        asked=last.asked,
        finished=finished,
        outcomes=outcomes,
        usage=usage,
        cost=cost_of(usage, last.limits),
        rate=rate,
        left_s=owed / rate if rate and owed is not None else None,
        foreign=int(meta.get("foreign", 0)),
        share=share,
        stopped=last.stopped,
    )


def _rate(book: Book, last: Attempt) -> float | None:
    """Rows a second of the attempt that runs, up to when the journal was last written."""
    number = len(book.run.manifest.attempts)
    with book.index.lock:
        done = book.index.file.execute("SELECT count(*) FROM rows WHERE attempt = ?", (number,)).fetchone()[0]
    written = (book.run.path / ROWS).stat().st_mtime if (book.run.path / ROWS).exists() else 0.0
    seconds = written - datetime.fromisoformat(last.started).replace(tzinfo=UTC).timestamp()
    return done / seconds if done and seconds > 0 else None


SCHEMES = frozenset({"vllm", "server", "openvino", "transformers", "replay", "scripted"})


def models_of(run: Run) -> list[str]:
    """The models that a run's context names, each once."""
    return list(
        dict.fromkeys(
            text for text in texts_of(run.manifest.context) if text.partition(":")[0] in SCHEMES and ":" in text
        )
    )
