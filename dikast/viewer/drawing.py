"""Pages as HTML: templates with everything escaped, whoever wrote it.

    html = draw("run.html", run=..., title=...)

Every value that a template prints goes through `dikast.pages.visible`, which shows control and direction characters by
their number, and through Jinja2's autoescape. A template can print markup only of another template's making.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

from dikast.optional import needs
from dikast.pages import Figure, Table, Text, columns_of_figures, drawn, visible
from dikast.viewer.cells import INPUT, OUTPUT

HERE = Path(__file__).parent
CSS, SCRIPT = HERE / "static" / "viewer.css", HERE / "static" / "viewer.js"
LONGEST_TEXT = 20_000
"""Characters of one text on a page; the rest is in the raw row."""
MOMENT = len("2026-11-30T14:02:50+00:00")
MOST_ROWS = 500
"""Rows of one table of a report or story on a page."""


@cache
def environment() -> Any:
    """Jinja2's environment.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = needs("jinja2", extra="view")
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "drawn": drawn,
        "clip": clip,
        "duration": duration,
        "json": as_text,
        "short": short,
        "count": count,
        "image": image,
        "moment": moment,
    }
    made.globals |= {"kind": kind_of, "figures": columns_of_figures, "MOST_ROWS": MOST_ROWS, "LONGEST": LONGEST_TEXT}
    return made


def draw(template: str, **values: Any) -> str:
    """A template with these values."""
    text: str = environment().get_template(template).render(**values)
    # Half a surrogate pair has been shown by its number wherever a template prints; UTF-8 could not carry it.
    return text


def shown(value: object) -> object:
    """What a template prints of a value: its text with what cannot be seen by its number; nothing for `None`."""
    if value is None:
        return ""
    # Paths, too, are somebody's text. What has `__html__` is of another template's making.
    return value if hasattr(value, "__html__") or isinstance(value, int | float) else visible(str(value))


def kind_of(part: Text | Table | Figure) -> str:
    """What a part of a page is: `table`, `figure`, or the text's kind."""
    if isinstance(part, Table):
        return "table"
    return "figure" if isinstance(part, Figure) else part.kind


def clip(text: str, most: int = LONGEST_TEXT) -> str:
    """The beginning of a text that is too long for a page, with how much is left out."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def duration(seconds: float | None) -> str:
    """Seconds as people say them: `4.2 s`, `3 min 20 s`, `2 h 5 min`; a dash where nobody knows."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, left = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {left} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(time: str | None) -> str:
    """A manifest's time for people, `2026-11-30 14:02:50 UTC`; a dash where there is none."""
    return (time or "-")[:MOMENT].replace("T", " ").replace("+00:00", " UTC")


def count(number: float | None) -> str:
    """A count with its thousands apart; a dash where nobody knows."""
    return "-" if number is None else f"{number:,.0f}"


def as_text(value: object) -> str:
    """A value as readable JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def short(column: str) -> str:
    """A column's name without where it stands."""
    for side in (INPUT, OUTPUT):
        if column.startswith(f"{side}."):
            return column[len(side) + 1 :]
    return column


def image(figure: Figure) -> str:
    """A figure as the address of an image, which runs nothing and loads nothing, whatever is in it."""
    return "data:image/svg+xml;base64," + b64encode(visible(figure.svg).encode()).decode()


def trusted(ours: str) -> Any:
    """A file of our own, for a template to print as it is: the style and the script of an exported page."""
    return needs("markupsafe", extra="view").Markup(ours)
