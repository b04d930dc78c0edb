"""Tables on a terminal: as wide as it is, no word and no number cut.

    for line in draw(("run", "started"), [("runs/a", "2026-11-30T02:44:29+00:00")], width=80): print(line.text)

Where the columns do not fit, this is tried in turn: lines break between words; empty columns go, and times lose their
seconds and zone; long names that come again and again (a target's address) become numbers that are told below; names
break behind their `/`, `:`, `_`, `-`; at last each row is a record, `column  value` a line.
A single word that is wider than the terminal is left to the terminal, which wraps it and lets it be copied whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from dikast.pages import is_figure

GAP = "  "
SQUEEZED = 16
"""Cells; narrower than that a column of running text is not made."""
TALLEST = 6
"""Lines; a row that would be taller is easier read as a record."""
LONG_NAME = 28
"""Cells; a name that is longer, and comes more than once, may become a number."""
NARROWEST = 20
"""Cells that a record's values have at least, whatever the terminal's width."""

TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
BREAK = re.compile(r"( +|(?<=,)(?=[^\s\d,]))")
"""Between words, and in a list without spaces behind its comma."""
BREAK_IN_FIGURE = re.compile(r"((?<! ) ++(?=\[))")
"""`8.3 % [1.5, 35.4]` may have its interval below it; nothing else of a figure leaves its number."""
BREAK_IN_NAME = re.compile(r"( +|(?<=,)(?=[^\s\d,])|(?<=[^\s\d][/:_#-])(?=[^\W\d]))")
"""`runs/genqr-again`, `evidence-based_persuasion`; never beside a digit."""
BREAK_IN_HEADER = re.compile(r"( +|(?<=[/,])(?=[^\s\d,]))")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a drawn table; a column's name is a `label`, the start of a line in a record."""

    text: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: list[str]
    breaks: re.Pattern[str] | None = None

    @property
    def figures(self) -> bool:
        """Whether it holds figures alone, and stands to the right."""
        return any(self.cells) and all(is_figure(cell) for cell in self.cells if cell)

    @property
    def natural(self) -> int:
        """Cells that it takes when nothing is wrapped."""
        return max(map(_width, [self.name, *self.cells]))

    @property
    def longest(self) -> int:
        """Cells of the longest piece that cannot be wrapped, the header's among them."""
        return max(_longest(self.name, BREAK_IN_HEADER), *(_longest(cell, self.breaks) for cell in self.cells), 1)

    @property
    def least(self) -> int:
        """Cells below which it cannot be read."""
        return self.longest if self.figures else max(self.longest, min(self.natural, SQUEEZED))

    def height(self, width: int) -> int:
        """Lines of its tallest cell at this width."""
        return max((len(wrap(cell, width, self.breaks)) for cell in self.cells), default=0)


def draw(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[Line]:
    """A table's lines on a terminal.

    Args:
        columns: Their names.
        rows: Cells, each row as long as `columns`.
        width: The terminal's, in cells.
    """
    given = [_Column(name, [row[at] for row in rows]) for at, name in enumerate(columns)]
    shorter = [_Column(one.name, [TIME.sub(r"\1 \2", cell) for cell in one.cells]) for one in given if any(one.cells)]
    numbered, meanings = _numbered(shorter, width)
    jointed = [one if one.figures else _Column(one.name, one.cells, BREAK_IN_NAME) for one in numbered]
    for made, told in ((given, []), (shorter, []), (numbered, meanings), (jointed, meanings)):
        widths = _fit(made, width) if rows else [one.natural for one in made]
        if widths or not rows:
            yield from _beside(made, widths)
            yield from map(Line, told)
            return
    yield from _records(given, width)


def _numbered(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns with long names as numbers, one after the other until they fit; what the numbers mean."""
    made, told = list(columns), list[str]()
    for at, one in sorted(enumerate(columns), key=lambda found: -found[1].longest):
        names = list(dict.fromkeys(one.cells))
        if one.longest <= LONG_NAME or one.figures or len(names) == len(one.cells) or _fit(made, width):
            continue
        made[at] = _Column(one.name, [str(1 + names.index(cell)) for cell in one.cells])
        told += [f"{one.name} {number}: {name}" for number, name in enumerate(names, start=1)]
    return made, told


def _fit(columns: list[_Column], width: int) -> list[int]:
    """The columns' widths; none where they do not fit beside one another and stay readable."""
    room = width - len(GAP) * (len(columns) - 1)
    natural = [one.natural for one in columns]
    if sum(natural) <= room:
        return natural
    widths = [one.least for one in columns]
    if sum(widths) > room:
        return []
    wanting = [at for at, least in enumerate(widths) if least < natural[at]]
    while wanting and (share := (room - sum(widths)) // len(wanting)):
        for at in wanting:
            widths[at] = min(natural[at], widths[at] + share)
        wanting = [at for at in wanting if widths[at] < natural[at]]
    heights = (one.height(space) for one, space in zip(columns, widths, strict=True))
    return widths if max(heights, default=0) <= TALLEST else []


def _beside(columns: list[_Column], widths: list[int]) -> Iterator[Line]:
    heads = [wrap(one.name, space, BREAK_IN_HEADER) for one, space in zip(columns, widths, strict=True)]
    yield from (Line("", line) for line in _row(heads, columns, widths))
    yield Line("─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    for cells in zip(*(one.cells for one in columns), strict=True):
        wrapped = [wrap(cell, space, one.breaks) for cell, one, space in zip(cells, columns, widths, strict=True)]
        yield from map(Line, _row(wrapped, columns, widths))


def _row(cells: list[list[str]], columns: list[_Column], widths: list[int]) -> Iterator[str]:
    for at in range(max(map(len, cells), default=0)):
        parts = [
            _pad(lines[at] if at < len(lines) else "", space, right=one.figures)
            for lines, one, space in zip(cells, columns, widths, strict=True)
        ]
        yield GAP.join(parts).rstrip()


def _records(columns: list[_Column], width: int) -> Iterator[Line]:
    """A row a block; what is empty is left out."""
    indent = max((_width(one.name) for one in columns), default=0)
    space = max(NARROWEST, width - indent - len(GAP))
    for number, cells in enumerate(zip(*(one.cells for one in columns), strict=True)):
        if number:
            yield Line("")
        for one, cell in zip(columns, cells, strict=True):
            for at, line in enumerate(wrap(cell, space) if cell else []):
                yield Line(GAP + line, _pad("" if at else one.name, indent))


def wrap(text: str, width: int, breaks: re.Pattern[str] | None = None) -> list[str]:
    """The text in lines of at most `width` cells, broken where it may be; what may not be broken is left whole."""
    lines: list[str] = []
    for given in text.split("\n"):
        line = ""
        pieces = _pieces(given, breaks)
        for piece, space in zip(pieces[::2], ["", *pieces[1::2]], strict=True):
            if line and _width(line + space + piece) > width:
                lines.append(line)
                line = piece
            else:
                line += space + piece
        lines.append(line)
    return lines


def _pieces(text: str, breaks: re.Pattern[str] | None = None) -> list[str]:
    """What may not be broken, and between each two what stands there."""
    if is_figure(text) and breaks is not BREAK_IN_HEADER:
        return BREAK_IN_FIGURE.split(text)
    return (breaks or BREAK).split(text)


def _longest(text: str, breaks: re.Pattern[str] | None = None) -> int:
    return max(cell_len(piece) for line in text.split("\n") for piece in _pieces(line, breaks)[::2])


def _width(text: str) -> int:
    return max(map(cell_len, text.split("\n")))


def _pad(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
