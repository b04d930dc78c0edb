"""What a report or a story says, once; a terminal, Markdown, HTML, JSON and CSV are drawn from it.

    page = Page("My judges", (Text("Best first."), Table(("judge", "accuracy"), (("a", 0.832), ("b", None)))))
    markdown(page), html(page), as_json(page), csv(page.parts[1])
    files_of(page)               # "report.md", "report.html", "report.json", a CSV file a table, an SVG file a figure

Whatever text is in a page may come from a model, a document or a user's file. All drawings are inert: markup is
escaped, control and direction characters are shown by their number, nothing is loaded, nothing runs.

Not here: drawing on a terminal, which is `dikast.cli.output.print_page`.
"""

from __future__ import annotations

import io
import json
import math
import re
import unicodedata
from base64 import b64encode
from collections.abc import Collection, Sequence
from csv import writer as csv_writer
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any, Literal, TypeAlias

Cell: TypeAlias = str | int | float | bool | None
"""What stands in a table; `None` and NaN are what is not defined, and draw as a dash."""

Kind: TypeAlias = Literal["paragraph", "heading", "quote", "note"]

DECIMALS = 3
"""Places after the point of a float; a smaller one keeps three significant digits, so that p = 0.0002 is not 0."""

SPREADSHEET_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula when a cell begins with it."""

MARKDOWN_SIGNS = re.compile(r"([\\|`*_~\[\]<>!#&])")
MARKDOWN_LINE_START = re.compile(r"^(\d+(?=[.)])|)([-+=.)])")
"""A list, or the underline of a heading: only where a line begins with it."""

FIGURES = re.compile(r"[-+–.,%\[\]0-9 /]+(e[-+]?[0-9]+)?")
"""`0.832 [0.750, 0.891]`, `3 of 10, 30.0 %` without its word, `-`: what is aligned to the right."""

SURROGATE = re.compile("[\ud800-\udfff]")

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
div { overflow-x: auto; }
table { border-collapse: collapse; }
caption { text-align: left; font-weight: bold; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .2rem .7rem; border-bottom: 1px solid #8886; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { white-space: pre-wrap; border-left: 3px solid #8886; margin: .3rem 0 1rem; padding: .2rem .8rem; }
.note { opacity: .75; }
figure { margin: 1rem 0; }
img { max-width: 100%; }
"""


@dataclass(frozen=True, slots=True)
class Text:
    """Words.

    Args:
        text: May have several lines.
        kind: A `quote` is a block that somebody said, drawn as it was said; a `note` says how to read the rest.
        label: Who said the quote; of another kind, what the text is.
    """

    text: str
    kind: Kind = "paragraph"
    label: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each as long as `columns`.

    Raises:
        ValueError: A row is shorter or longer.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""

    def __post_init__(self) -> None:
        if wrong := next((row for row in self.rows if len(row) != len(self.columns)), None):
            raise ValueError(f"{len(wrong)} cells in a table of {len(self.columns)} columns: {wrong}")


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot.

    Args:
        svg: A complete SVG document.
        name: Of its file, which Markdown refers to.
        caption: What it shows, also for people who do not see it.
    """

    svg: str
    name: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A title and what stands below it, in order."""

    title: str
    parts: tuple[Text | Table | Figure, ...]


def without_figures(page: Page) -> Page:
    """What a terminal can show of a page."""
    return Page(page.title, tuple(part for part in page.parts if not isinstance(part, Figure)))


def visible(text: str) -> str:
    """The text with each control, direction and other invisible character as its number: `⟨U+202E⟩`."""
    if text.isprintable():  # most are, and it costs a hundredth
        return text
    unified = text.replace("\r\n", "\n")
    return "".join(letter if _is_drawn(letter) else f"⟨U+{ord(letter):04X}⟩" for letter in unified)


def _is_drawn(letter: str) -> bool:
    # Python calls the wide space of Chinese and Japanese text, and the no-break space, not printable.
    return letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"


def drawn(cell: Cell) -> str:
    """The cell as people read it."""
    if _is_undefined(cell):
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return _drawn_float(cell)
    return str(cell)


def _is_undefined(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _drawn_float(value: float) -> str:
    if value and abs(value) < 10**-DECIMALS:
        return f"{value:.{DECIMALS}g}"
    return f"{value:.{DECIMALS}f}"


def columns_of_figures(table: Table) -> list[bool]:
    """Of each column, whether it holds figures alone, and is to be aligned to the right."""
    return [
        bool(table.rows) and all(is_figure(drawn(row[column])) for row in table.rows)
        for column in range(len(table.columns))
    ]


def is_figure(text: str) -> bool:
    """Whether a drawn cell is a figure, with its interval or share, and no word."""
    return bool(FIGURES.fullmatch(text.replace(" of ", "/")))


def markdown(page: Page) -> str:
    """The page in Markdown; a figure is referred to as the file of its name."""
    parts = [f"# {_marked_line(page.title)}", *map(_markdown_part, page.parts)]
    return "\n\n".join(parts) + "\n"


def _markdown_part(part: Text | Table | Figure) -> str:
    if isinstance(part, Table):
        return _markdown_table(part)
    if isinstance(part, Figure):
        return f"![{_marked_line(part.caption or part.name)}]({_marked_line(part.name)})"
    return _markdown_text(part)


def _markdown_text(part: Text) -> str:
    if part.kind == "quote":
        return _markdown_quote(part)
    label = f"**{_marked_line(part.label)}**: " if part.label else ""
    if part.kind == "heading":
        return f"## {label}{_marked_line(part.text)}"
    told = label + "\n".join(_marked(line) for line in part.text.split("\n"))
    return "\n".join(f"> {line}" for line in told.split("\n")) if part.kind == "note" else told


def _markdown_quote(part: Text) -> str:
    """A fenced block; the fence is longer than any in what was said, which therefore cannot end it."""
    said = visible(part.text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", said)), default=0))
    label = f"**{_marked_line(part.label)}**\n\n" if part.label else ""
    return f"{label}{fence}\n{said}\n{fence}"


def _markdown_table(table: Table) -> str:
    marks = ["---:" if figures else "---" for figures in columns_of_figures(table)]
    lines = [
        list(map(_marked_line, table.columns)),
        marks,
        *([_marked_cell(drawn(cell)) for cell in row] for row in table.rows),
    ]
    title = f"## {_marked_line(table.title)}\n\n" if table.title else ""
    return title + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _marked_cell(text: str) -> str:
    # No figure has a sign that begins markup; `0.832 [0.750, 0.891]` is to be read in the source, too.
    return text if is_figure(text) else _marked_line(text)


def _marked_line(text: str) -> str:
    """On one line, without markup: no text may end its cell, start a link, or bring HTML."""
    return MARKDOWN_SIGNS.sub(r"\\\1", " ".join(visible(text).split()))


def _marked(line: str) -> str:
    """A line of a paragraph: it is neither a list, nor code, nor the underline of a heading."""
    return MARKDOWN_LINE_START.sub(r"\1\\\2", _marked_line(line))


def html(page: Page) -> str:
    """The page as one HTML document that needs no network and no script, and forbids itself both."""
    style = b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
    body = "\n".join(map(_html_part, page.parts))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer"><link rel="icon" href="data:,">'
        f"<title>{_safe(page.title)}</title><style>{STYLE}</style></head>\n"
        f'<body><main><h1 dir="auto">{_safe(page.title)}</h1>\n{body}\n</main></body></html>\n'
    )


def _html_part(part: Text | Table | Figure) -> str:
    if isinstance(part, Table):
        return _html_table(part)
    if isinstance(part, Figure):
        return _html_figure(part)
    return _html_text(part)


def _html_text(part: Text) -> str:
    text, label = _safe(part.text), _safe(part.label)
    if part.kind == "quote":
        who = f"<p><strong>{label}</strong></p>" if label else ""
        return f'{who}<pre dir="auto">{text}</pre>'
    told = f"<strong>{label}</strong>: {text}" if label else text
    if part.kind == "heading":
        return f'<h2 dir="auto">{told}</h2>'
    note = ' class="note"' if part.kind == "note" else ""
    return f'<p dir="auto"{note}>{told}</p>'.replace("\n", "<br>")


def _html_table(table: Table) -> str:
    marks = [' class="figure"' if figures else ' dir="auto"' for figures in columns_of_figures(table)]
    head = "".join(f'<th scope="col"{mark}>{_safe(name)}</th>' for mark, name in zip(marks, table.columns, strict=True))
    rows = "".join(f"<tr>{_html_cells(row, marks)}</tr>\n" for row in table.rows)
    title = f"<caption>{_safe(table.title)}</caption>" if table.title else ""
    return f"<div><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>"


def _html_cells(row: Sequence[Cell], marks: Sequence[str]) -> str:
    return "".join(f"<td{mark}>{_safe(drawn(cell))}</td>" for cell, mark in zip(row, marks, strict=True))


def _html_figure(figure: Figure) -> str:
    # As an image and not as markup: whatever a plot's labels hold, an image runs nothing and loads nothing.
    source = "data:image/svg+xml;base64," + b64encode(visible(figure.svg).encode()).decode()
    told = _safe(figure.caption or figure.name)
    return f'<figure><img alt="{told}" src="{source}"><figcaption>{told}</figcaption></figure>'


def _safe(text: str) -> str:
    return escape(visible(text))


def as_json(page: Page) -> dict[str, Any]:
    """The page's parts with their values as they are; what is not defined is null, since JSON has no NaN."""
    return {"title": page.title, "parts": [_json_part(part) for part in page.parts]}


def _json_part(part: Text | Table | Figure) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "kind": part.kind, "label": part.label, "text": part.text}
    if isinstance(part, Figure):
        return {"type": "figure", "name": part.name, "caption": part.caption, "svg": part.svg}
    rows = [[None if _is_undefined(cell) else cell for cell in row] for row in part.rows]
    return {"type": "table", "title": part.title, "columns": list(part.columns), "rows": rows}


def csv(table: Table) -> str:
    """The table with a header line: floats in full, empty where nothing is defined, no formula for a spreadsheet."""
    out = io.StringIO()
    write = csv_writer(out, lineterminator="\n").writerow
    write(map(_csv_cell, table.columns))
    for row in table.rows:
        write(map(_csv_cell, row))
    return out.getvalue()


def _csv_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        text = visible(cell)
        is_formula = text.startswith(SPREADSHEET_FORMULA) and not is_figure(text)
        return f"'{text}" if is_formula else text
    if _is_undefined(cell):
        return ""
    return repr(cell) if isinstance(cell, float) else drawn(cell)


def files_of(page: Page, name: str = "report") -> dict[str, str]:
    """All drawings of a page: file name -> content.

    Args:
        page: What to draw.
        name: Of the files of the whole page. A table's file is called after its title, a figure's as the figure is.
    """
    found = {f"{name}.md": markdown(page), f"{name}.html": html(page), f"{name}.json": _json_text(as_json(page))}
    for part in page.parts:
        if isinstance(part, Table):
            found[_free_name(part.title, found)] = csv(part)
        elif isinstance(part, Figure):
            found[part.name] = part.svg
    return found


def _json_text(value: object) -> str:
    """Readable JSON; half a surrogate pair, which a model's reply may hold, can be carried by an escape only."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    return SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _free_name(title: str, taken: Collection[str]) -> str:
    slug = re.sub(r"\W+", "-", title.lower()).strip("-") or "table"
    names = (f"{slug}{ending}.csv" for ending in ("", *(f"-{number}" for number in range(2, len(taken) + 3))))
    return next(name for name in names if name not in taken)
