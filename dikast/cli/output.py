"""How commands print: data on stdout, talk on stderr, JSON when asked for, bars on a terminal only."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from dikast import pages
    from dikast.graphs.story import Row

_SURROGATE = re.compile("[\ud800-\udfff]")

stdout = Console(highlight=False, soft_wrap=True)
stderr = Console(stderr=True, highlight=False, soft_wrap=True)


def on_terminal() -> bool:
    """Whether somebody looks at the data."""
    return stdout.is_terminal


def say(message: str) -> None:
    """A line of talk; what a model wrote in it is shown without terminal control characters."""
    stderr.print(Text(printable(message)))


def show(text: str) -> None:
    """Plain text as data. What a model wrote is shown without terminal control characters."""
    stdout.print(Text(printable(text)))


def emit(value: Any) -> None:
    """One JSON document as data; half a surrogate pair, which no encoding has, stays an escape."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    sys.stdout.write(_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """A table as data: aligned on a terminal, within its width; tab-separated into a pipe."""
    if not on_terminal():
        for row in (columns, *rows):
            sys.stdout.write(
                "\t".join(printable(str(cell)).replace("\t", " ").replace("\n", " ") for cell in row) + "\n"
            )
        return
    from dikast.cli.layout import draw

    if title:
        show(title)
    for line in draw(columns, [[printable(str(cell)) for cell in row] for row in rows], stdout.width):
        stdout.print(Text.assemble((line.label, "bold"), line.text))
    stdout.print()


def print_page(page: pages.Page) -> None:
    """A page as data: its texts as lines, its tables as `table` draws them, the name of each figure."""
    if page.title:
        show(page.title)
    for part in page.parts:
        _print_part(part)


def write_page(out: Path, page: pages.Page) -> list[str]:
    """Write a page and its parts into a folder, which is made where it is not there; what was written.

    Raises:
        DataError: The folder or a file cannot be written.
    """
    from dikast.disk import make_folder
    from dikast.files import write_text
    from dikast.pages import files_of

    make_folder(out)
    written = files_of(page)
    for name, text in written.items():
        write_text(out / name, text)
    return [str(out / name) for name in written]


def say_written(out: Path, written: Sequence[str]) -> None:
    """Where a page is that was written."""
    say(f"wrote {out / 'report.html'} and {len(written) - 1} files beside it")


def print_report(page: pages.Page) -> None:
    """A report: its tables as data, what is said about them as talk, so that a pipe is given tables alone."""
    from dikast import pages

    for part in page.parts:
        if isinstance(part, pages.Text):
            say(f"{part.label}: {part.text}" if part.label else part.text)
        else:
            _print_part(part)


def print_table(drawn: pages.Table) -> None:
    """A page's table as data, below its title."""
    if drawn.title:
        show(drawn.title)
    from dikast import pages

    table(drawn.columns, [[pages.drawn(cell) for cell in row] for row in drawn.rows])


def print_rows(rows: Sequence[Row], story: Callable[[Row], pages.Page] | None, as_json: bool) -> None:
    """Rows whole: one JSON document, or a story each."""
    from dikast.graphs.story import tell

    if as_json:
        emit(rows)
        return
    for row in rows:
        print_page(tell(row, story))


def _print_part(part: pages.Text | pages.Table | pages.Figure) -> None:
    from dikast import pages

    if isinstance(part, pages.Table):
        if part.title:
            show("")
        print_table(part)
    elif isinstance(part, pages.Figure):
        show(f"figure {part.name}" + (f": {part.caption}" if part.caption else ""))
    else:
        _print_text(part)


def _print_text(part: pages.Text) -> None:
    if part.kind == "quote":
        show((f"  {part.label}:\n" if part.label else "") + "\n".join(f"    {line}" for line in part.text.split("\n")))
        return
    told = f"{part.label}: {part.text}" if part.label else part.text
    show(f"\n{told}" if part.kind == "heading" else told)


def printable(text: str) -> str:
    """The text without control characters: what a model wrote must not drive somebody's terminal."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "�" for letter in text)
