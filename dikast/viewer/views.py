"""What each address shows: the values of its template. Runs in threads; reads run folders, writes none.

A view gets what is looked at and what was asked, and gives the page; `None` where there is no such thing.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dikast.errors import DataError
from dikast.jobs.card import MEANINGS
from dikast.jobs.folder import ROWS
from dikast.jobs.reading import Run, read_at
from dikast.jobs.summary import read_standing
from dikast.viewer import telling
from dikast.viewer.asking import FIXED, Line, Question, ask, ask_at, find, reasons_of
from dikast.viewer.cells import INPUT
from dikast.viewer.drawing import as_text, draw, environment
from dikast.viewer.guarding import guarded, hides
from dikast.viewer.reporting import Reports
from dikast.viewer.shelf import Book, Shelf
from dikast.viewer.standing import look, models_of

READ_SECONDS = 0.5
SOME_SECONDS = 0.05
"""Of each run on the page of all runs."""
SHOWN_INPUTS, SHOWN_OUTPUTS = 3, 7
BAD = tuple(outcome.value for outcome in MEANINGS if outcome.value != "ok")
LONG = 24
"""Characters of a cell that needs a wide column."""
PROTECTED = "What the method protects is not shown: start the viewer with --reveal to see it."


@dataclass(frozen=True)
class Look:
    """What is looked at.

    Args:
        shelf: The runs.
        reveal: Whether a row's page shows what its method protects.
        reports: Where reports are worked out.
    """

    shelf: Shelf
    reveal: bool
    reports: Reports = field(default_factory=Reports)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Args:
        path: The names in it.
        query: What stands behind the question mark.
        address: All before the question mark.
    """

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    address: str

    def first(self, name: str) -> str:
        """The first value of a name; empty where there is none."""
        return next(iter(self.query.get(name, ())), "")

    @property
    def page(self) -> int:
        """The page, from 1."""
        return Question.of(self.query).page


View = Callable[[Look, Asked], str | None]


def ready() -> None:
    """Say now what is missing.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    environment()


def home(looking: Look, asked: Asked) -> str | None:
    """All runs."""
    runs = [summary_of(looking, name, run) for name, run in looking.shelf.runs().items()]
    return draw(
        "home.html",
        title="Runs",
        page_name="home",
        crumbs=(),
        runs=runs,
        live=any(one["state"] == "running" for one in runs),
        folders=[str(folder) for folder in looking.shelf.folders],
        damaged=looking.shelf.damaged,
    )


def summary_of(looking: Look, name: str, run: Run) -> dict[str, Any]:
    """A line of the page of all runs; a finished run is not read for it."""
    told: dict[str, Any] = {
        "name": name,
        "title": title_of(run),
        "method": run.manifest.graph,
        "models": ", ".join(models_of(run)),
        "started": run.manifest.attempts[-1].started,
    }
    known = None if run.active else read_standing(run.path, run.manifest)
    if known is not None:
        state = "owes rows" if known.owed else "done"
        outcomes = {outcome.value: count for outcome, count in known.outcomes.items()}
        return told | {
            "state": state,
            "finished": known.finished,
            "asked": known.asked,
            "outcomes": outcomes,
            "cost": known.cost,
        }
    book = looking.shelf.open(name)
    assert book is not None
    now = look(book, book.index.catch_up(SOME_SECONDS))
    return told | {
        "state": now.state,
        "finished": now.finished,
        "asked": now.asked,
        "outcomes": now.outcomes,
        "cost": now.cost,
    }


def title_of(run: Run) -> str:
    """What the run's folder is called."""
    return run.path.resolve().name


def method_name(run: Run) -> str:
    """What the run is of, and over what, for people."""
    over = run.manifest.settings.get("collection") or run.manifest.settings.get("dataset")
    return f"{run.manifest.graph} over {over}" if isinstance(over, str) else run.manifest.graph


def settings_of(run: Run) -> dict[str, dict[str, Any]]:
    """What the run was made with: its context, and those flags that say something else; what is not set is left out."""
    context, flags = run.manifest.context, run.manifest.settings
    own = {name: value for name, value in flags.items() if value not in (None, False) and context.get(name) != value}
    return {"context": {name: value for name, value in context.items() if value is not None}, "flags": own}


def crumb(book: Book) -> tuple[str, str]:
    """The link to a run."""
    return f"/runs/{book.name}", title_of(book.run)


def run(looking: Look, asked: Asked) -> str | None:
    """A run."""
    book = looking.shelf.open(asked.path["run"])
    if book is None:
        return None
    standing = look(book, book.index.catch_up(READ_SECONDS))
    told = looking.reports.of(book, asked=asked.first("report") == "now")
    manifest = book.run.manifest
    return draw(
        "run.html",
        title=title_of(book.run),
        page_name="run",
        crumbs=(crumb(book),),
        book=book,
        name=title_of(book.run),
        method_name=method_name(book.run),
        models=models_of(book.run),
        started=manifest.attempts[0].started,
        standing=standing,
        waits=told.waits,
        bad=Question(outcomes=BAD).address(),
        meanings={outcome.value: meaning for outcome, meaning in MEANINGS.items()},
        reasons=reasons_of(book.index),
        report=told.page,
        report_note=told.note,
        report_link=f"/runs/{book.name}?report=now" if told.asks else "",
        quoted=shlex.quote(str(book.run.path)),
        settings=settings_of(book.run),
        attempts=manifest.attempts,
        files=telling.files_in(book.run),
    )


def shown_columns(book: Book, everything: bool) -> tuple[dict[str, str], int]:
    """The method's columns in the table, with their kinds, and how many are left out."""
    known = {name: kind for name, (_, kind) in book.index.columns.items()}
    if everything:
        return known, 0
    inputs = [name for name in known if name.startswith(f"{INPUT}.")][:SHOWN_INPUTS]
    outputs = [name for name in known if not name.startswith(f"{INPUT}.")][:SHOWN_OUTPUTS]
    return {name: known[name] for name in known if name in {*inputs, *outputs}}, len(known) - len(inputs) - len(outputs)


def rows(looking: Look, asked: Asked) -> str | None:
    """A run's rows."""
    book = looking.shelf.open(asked.path["run"])
    if book is None:
        return None
    standing = look(book, book.index.catch_up(READ_SECONDS))
    looking.reports.of(book, asked=False, wait=0)  # also measures the rows
    question = Question.of(asked.query)
    answer = ask(book.index, question)
    columns, hidden = shown_columns(book, asked.first("columns") == "all")
    return draw(
        "rows.html",
        title=f"Rows of {title_of(book.run)}",
        page_name="rows",
        crumbs=(crumb(book), (f"/runs/{book.name}/rows", "rows")),
        book=book,
        name=title_of(book.run),
        samples=book.run.manifest.samples,
        standing=standing,
        waits=False,
        question=question,
        page=min(question.page, answer.pages),
        answer=answer,
        columns=columns,
        hidden_columns=hidden,
        sortable=[name for name in (*FIXED, *book.index.columns) if name != "score" or book.index.meta.get("score")],
        score=str(book.index.meta.get("score", "")),
        long={name for name in columns if any(len(str(line.cells[name])) > LONG for line in answer.rows)},
    )


def read(book: Book, line: Line) -> dict[str, Any]:
    """A row's line of the journal, numbered as the run's input is.

    Raises:
        DataError: The journal is no longer the one that was indexed.
    """
    try:
        found = read_at(book.run.path / ROWS, line.place)
    except DataError:
        found = {}
    if found.get("key") != line.key:
        book.index.forget()
        raise DataError(
            "the journal has changed", path=book.run.path / ROWS, hint="load the page again: it is read anew"
        )
    return {**found, "row": line.number}


def row(looking: Look, asked: Asked) -> str | None:
    """A row's story."""
    book = looking.shelf.open(asked.path["run"])
    if book is None:
        return None
    book.index.catch_up(READ_SECONDS)
    line = find(book.index, asked.path["key"])
    if line is None:
        return None
    record = {**read(book, line), "trace": book.run.trace(line.key) if line.outcome == "error" else ""}
    question, at = Question.of(asked.query), asked.first("at")
    place = int(at) if at.isdecimal() and len(at) < 10 else None
    protects = hides(book.method) and not looking.reveal
    return draw(
        "row.html",
        title=f"Row {line.number} of {title_of(book.run)}",
        page_name="row",
        crumbs=(crumb(book), (f"/runs/{book.name}/rows", "rows"), (asked.address, f"row {line.number}")),
        book=book,
        line=line,
        samples=book.run.manifest.samples,
        question=question,
        before=None if place is None else ask_at(book.index, question, place - 1),
        after=None if place is None else ask_at(book.index, question, place + 1),
        back=question.address(page=1 if place is None else place // 50 + 1),
        notice=PROTECTED if protects else "",
        story=telling.story_of(book.run, book.method, record, reveal=looking.reveal),
        raw=as_text(record if looking.reveal else guarded(book.method, record)),
    )


def raw_row(looking: Look, name: str, key: str) -> bytes | None:
    """A row as JSON, without what its method protects unless that is asked for."""
    book = looking.shelf.open(name)
    if book is None:
        return None
    book.index.catch_up(READ_SECONDS)
    line = find(book.index, key)
    if line is None:
        return None
    record = read(book, line)
    shown = record if looking.reveal else guarded(book.method, record)
    return (as_text(shown) + "\n").encode("utf-8", "backslashreplace")
