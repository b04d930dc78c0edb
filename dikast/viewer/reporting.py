"""Reports worked out beside the pages: a page waits for one a moment, then says that it comes.

reports = Reports()
told = reports.of(book, wait=0.5)      # a Page; or why there is none yet, and whether to wait for it
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass

from dikast.errors import DikastError
from dikast.jobs.folder import ROWS
from dikast.pages import Page
from dikast.viewer.shelf import Book
from dikast.viewer.telling import kept_report, report_of, scores_of, state_of

SMALL_BYTES = 32 << 20
"""A journal up to which the report is worked out unasked: it may hold all rows in memory, as the command does."""
SMALL_WHILE_WRITTEN = 2 << 20
FRESH_SECONDS = 10
"""Of a run that is being written, the report is worked out anew no more often."""
NONE_OF_ITS_OWN = "The method has no report of its own; the outcomes are above."
NOT_LOADED = (
    "The run is of {place}, which is not loaded: a manifest may come from anybody. If it is yours: --own MODULE"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A report, or why there is none.

    Args:
        page: The report.
        note: Why there is none.
        waits: Whether it is being worked out.
        asks: Whether it is worked out when somebody asks.
    """

    page: Page | None
    note: str = ""
    waits: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class _Work:
    state: str
    began: float
    work: Future[Page]


class Reports:
    """The reports of the runs that are looked at, and how good their rows are; one run is worked out at a time.

    Args:
        own: Modules that a run's context may name.
    """

    def __init__(self, own: Sequence[str] = ()) -> None:
        self._own = tuple(own)
        self._pool = ThreadPoolExecutor(1, "report")
        self._works: dict[str, _Work] = {}

    def of(self, book: Book, *, asked: bool, wait: float = 0.5) -> Told:
        """A run's report.

        Args:
            book: The run.
            asked: Whether somebody asked for it, however long it takes.
            wait: Seconds to wait for it.
        """
        if book.method is None and book.run.manifest.method:
            return Told(None, NOT_LOADED.format(place=book.run.manifest.method))
        if book.method is None or book.method.report is None:
            return Told(Page("", ()), NONE_OF_ITS_OWN)
        if (kept := kept_report(book.run)) and is_scored(book):
            return Told(kept, "The report of this run says nothing beside the outcomes.")
        journal = book.run.path / ROWS
        size = journal.stat().st_size if journal.exists() else 0
        if not size:
            return Told(None, "No row is finished yet.")
        if size > (SMALL_WHILE_WRITTEN if book.run.active else SMALL_BYTES) and not asked:
            return Told(None, f"To make it, all {size >> 20} MB of the journal are read.", asks=True)
        return self._wait(book, wait)

    def _wait(self, book: Book, seconds: float) -> Told:
        work = self._works.get(book.name)
        state = state_of(book.run)
        if work is None or (
            work.state != state and work.work.done() and time.monotonic() - work.began >= FRESH_SECONDS
        ):
            work = _Work(state, time.monotonic(), self._pool.submit(_make, book, self._own))
            self._works[book.name] = work
        try:
            return Told(work.work.result(seconds))
        except NotYet:
            return Told(None, "It is being worked out ...", waits=True)
        except DikastError as error:
            return Told(None, f"It cannot be made here: {error}")
        except Exception as error:  # a method's bug, or a row of another version: the page is shown all the same
            return Told(None, f"The method's report failed: {type(error).__name__}: {error}")

    def close(self) -> None:
        """Wait for nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _make(book: Book, own: Sequence[str]) -> Page:
    assert book.method is not None
    state, page = state_of(book.run), report_of(book.run, book.method, own)
    if book.method.score:
        book.index.put_scores(book.method.score, scores_of(book.run, book.method, own), state)
    return page


def is_scored(book: Book) -> bool:
    """Whether the index knows how good the rows are, if their method says so."""
    score = book.method.score if book.method else ""
    return not score or book.index.meta.get("scored") == state_of(book.run)
