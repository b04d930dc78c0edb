"""How long a table is as a text: what a prompt would cost that held it. Counted beside the table, never sent.

    await count_pasted(tables, count)      # Pasted(rows=7, counted=7, tokens=61)

The text is CSV, a header and a line a row, the shortest form in common use. Only numbers come out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from dikast.tables.table import Table

Count = Callable[[str], Awaitable[int]]
"""How many tokens a text has."""

MOST_ROWS = 1_000
"""Rows that are counted of a table, its first; what a longer one has is taken in proportion."""
PIECE_CHARACTERS = 4_000
"""Text that is counted at once: a tokenizer may stop at its model's context."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A table as a text in a prompt.

    Args:
        rows: That the table has; of several tables in one file, all.
        counted: Of them, whose tokens were counted; the rest is taken in proportion.
        tokens: Of the text.
    """

    rows: int
    counted: int
    tokens: int


async def count_pasted(tables: Sequence[Table], count: Count) -> Pasted:
    """How many tokens tables have as CSV.

    Args:
        tables: Those of a question.
        count: Counts a text's tokens. It is given the cells, so it has to run where the table is.
    """
    rows = counted = tokens = 0
    for table in tables:
        shown = min(table.rows, MOST_ROWS)
        head = await _count_all([_line(column.name for column in table.columns)], count)
        body = await _count_all(_lines(table, shown), count)
        tokens += head + (round(body * table.rows / shown) if shown else 0)
        rows, counted = rows + table.rows, counted + shown
    return Pasted(rows, counted, tokens)


def _line(cells: Iterable[Any]) -> str:
    import pandas as pd

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow("" if pd.isna(cell) else str(cell) for cell in cells)
    return out.getvalue()


def _lines(table: Table, rows: int) -> Iterator[str]:
    """The first rows, each a line of CSV."""
    if rows:
        first = next(table.chunks(range(len(table.columns)), rows))
        yield from map(_line, zip(*first, strict=True))


async def _count_all(lines: Iterable[str], count: Count) -> int:
    """The tokens of some lines, a piece of text at a time."""
    tokens, piece = 0, ""
    for line in lines:
        if piece and len(piece) + len(line) > PIECE_CHARACTERS:
            tokens, piece = tokens + await count(piece), ""
        piece += line
    return tokens + (await count(piece) if piece else 0)
