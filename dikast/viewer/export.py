"""One run as a single page that opens from disk: for an issue, a paper's appendix, a notebook.

    text = page_of(run, method, most_rows=200)

It loads nothing and can send nothing: its Content-Security-Policy allows the one style and the one script that are in
it, by their hashes. What a method protects is never in it.
"""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from dikast.errors import DikastError
from dikast.graphs.method import Method
from dikast.jobs.manifest import installed
from dikast.jobs.reading import Run
from dikast.pages import Page
from dikast.viewer import telling, views
from dikast.viewer.asking import Answer, Question, ask
from dikast.viewer.drawing import CSS, SCRIPT, draw, trusted
from dikast.viewer.guarding import guarded
from dikast.viewer.index import Index
from dikast.viewer.reporting import NONE_OF_ITS_OWN, NOT_LOADED
from dikast.viewer.shelf import Book
from dikast.viewer.standing import look, models_of


def page_of(run: Run, method: Method | None, *, most_rows: int, own: Sequence[str] = ()) -> str:
    """The run as one HTML document.

    Args:
        run: The run.
        method: Its method, if it may be loaded.
        most_rows: Rows that are told at most, the first of the input; the page says how many are left out.
        own: Modules that the run's context may name.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        DataError: The cache folder cannot be written, or the journal not read.
    """
    with tempfile.TemporaryDirectory(prefix="dikast-view-") as home:
        index = Index(run, partial(guarded, method), Path(home))
        try:
            while index.catch_up(1) < 1:
                pass
            return _draw(Book("run", run, method, index), most_rows, own)
        finally:
            index.close()


def _draw(book: Book, most_rows: int, own: Sequence[str]) -> str:
    report, note = _report(book, own)
    answer = ask(book.index, Question(), most_rows) if most_rows else Answer((), 0, 1)
    columns, _ = views.shown_columns(book, everything=False)
    manifest = book.run.manifest
    css, script = CSS.read_text(encoding="utf-8"), SCRIPT.read_text(encoding="utf-8")
    return draw(
        "export.html",
        name=views.title_of(book.run),
        method_name=views.method_name(book.run),
        models=models_of(book.run),
        started=manifest.attempts[0].started,
        finished=manifest.attempts[-1].finished,
        samples=manifest.samples,
        standing=look(book, 1.0),
        report=report,
        report_note=note,
        rows=[(line, _story(book, views.read(book, line))) for line in answer.rows],
        columns=columns,
        score=str(book.index.meta.get("score", "")),
        settings=views.settings_of(book.run),
        version=installed("dikast"),
        policy=policy_of(css, script),
        css=trusted(css),
        script=trusted(script),
    )


def _report(book: Book, own: Sequence[str]) -> tuple[Page | None, str]:
    if book.method is None and (place := book.run.manifest.method):
        return None, NOT_LOADED.format(place=place)
    if book.method is None or book.method.report is None:
        return None, NONE_OF_ITS_OWN
    try:
        page = telling.report_of(book.run, book.method, own)
        if book.method.score:
            scores = telling.scores_of(book.run, book.method, own)
            book.index.put_scores(book.method.score, scores, telling.state_of(book.run))
        return page, ""
    except DikastError as error:
        return None, f"The report cannot be made here: {error}"


def _story(book: Book, record: Mapping[str, Any]) -> Page:
    return telling.story_of(book.run, book.method, record, reveal=False)


def policy_of(css: str, script: str) -> str:
    """What the page allows itself: its own style and script, images that are in it, and nothing else."""
    style, code = (b64encode(sha256(text.encode()).digest()).decode() for text in (css, script))
    parts = ("default-src 'none'", f"script-src 'sha256-{code}'", f"style-src 'sha256-{style}'", "img-src data:")
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])
