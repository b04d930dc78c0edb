"""What the addresses of two runs show: what differs, and a row of both side by side. See `dikast.viewer.views`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dikast.errors import DataError
from dikast.jobs.reading import flat, list_differing
from dikast.pages import Page
from dikast.viewer import compare, telling
from dikast.viewer.asking import find
from dikast.viewer.drawing import draw
from dikast.viewer.guarding import guarded
from dikast.viewer.shelf import Book
from dikast.viewer.standing import models_of
from dikast.viewer.views import READ_SECONDS, Asked, Look, method_name, read, title_of


def _two(looking: Look, asked: Asked) -> tuple[Book, Book] | None:
    named = asked.query.get("run", [])
    if len(named) != 2:
        raise DataError(f"{len(named)} runs are ticked", hint="tick two of them: go back, and choose again")
    first, second = (looking.shelf.open(name) for name in named)
    return None if first is None or second is None else (first, second)


def compare_runs(looking: Look, asked: Asked) -> str | None:
    """Two runs."""
    books = _two(looking, asked)
    if books is None:
        return None
    share = min(book.index.catch_up(READ_SECONDS) for book in books)
    for book in books:
        looking.reports.of(book, asked=False, wait=0)  # also measures the rows
    found = compare.compare(*books, page=asked.page)
    return draw(
        "compare.html",
        title="Two runs",
        page_name="compare",
        crumbs=((f"/compare?run={books[0].name}&run={books[1].name}", "compare"),),
        first=books[0],
        second=books[1],
        names=[title_of(book.run) for book in books],
        kinds=[" · ".join([method_name(book.run), *models_of(book.run)]) for book in books],
        share=share,
        found=found,
        changed=[(one, _fields(books, one.key)) for one in found.changed],
        page=min(asked.page, found.pages),
        most_resampled=compare.MOST_RESAMPLED,
    )


def _both(books: tuple[Book, Book], key: str) -> list[dict[str, Any] | None]:
    found = [find(book.index, key) for book in books]
    return [read(book, line) if line else None for book, line in zip(books, found, strict=True)]


def _fields(books: tuple[Book, Book], key: str) -> str:
    """What differs in a row, as `runs diff` tells it."""
    before, after = _both(books, key)
    return ", ".join(list_differing(before, after)) if before and after else "only in one of them"


def compare_rows(looking: Look, asked: Asked) -> str | None:
    """A row of two runs."""
    books = _two(looking, asked)
    if books is None:
        return None
    key = asked.path["key"]
    pair = _both(books, key)
    known = [one for one in pair if one is not None]
    if not known:
        return None
    shown = [dict(guarded(book.method, one)) if one else None for book, one in zip(books, pair, strict=True)]
    one, two = (flat(record) if record else {} for record in shown)
    names = list_differing(shown[0], shown[1]) if shown[0] and shown[1] else ()
    return draw(
        "pair.html",
        title=f"Row {known[0]['row']} in two runs",
        page_name="pair",
        crumbs=(
            (f"/compare?run={books[0].name}&run={books[1].name}", "compare"),
            (f"{asked.address}?run={books[0].name}&run={books[1].name}", f"row {known[0]['row']}"),
        ),
        first=books[0],
        second=books[1],
        names=[title_of(book.run) for book in books],
        number=known[0]["row"],
        key=key,
        fields=[(name, _told(one.get(name)), _told(two.get(name))) for name in names],
        sides=[
            (book, title_of(book.run), _story(book, record) if record else None)
            for book, record in zip(books, pair, strict=True)
        ],
    )


def _told(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _story(book: Book, record: Mapping[str, Any]) -> Page:
    return telling.story_of(book.run, book.method, record, reveal=False)
