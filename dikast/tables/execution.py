"""Execution accuracy: whether an answer's rows are those of the gold query, by the rules of Spider and of BIRD.

| rule | rows | columns | order |
| --- | --- | --- | --- |
| `spider` | as often as in the gold result | in any order, one for all rows | counts if the gold query has ORDER BY |
| `bird` | as a set | as in the gold result | does not count |

Spider: Yu et al. 2018 (arXiv 1809.08887), by the test-suite evaluation of Zhong, Yu and Klein 2020 (arXiv 2010.02840),
whose comparison of results on the one database is meant, DISTINCT kept; BIRD: Li et al. 2023 (arXiv 2305.03111). Both
compare what SQLite gives with what SQLite gives. Here programs may run elsewhere, so that cells are the same where

* both are missing, or both are the same number, to nine digits or as `Judging` tells; true is 1;
* their texts are the same, case and white space counted; a text that is a number as SQLite prints it is that number.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, cast

from dikast.sandbox import Json
from dikast.tables.gold_sql import Rows
from dikast.tables.judging import DEFAULT, Judging
from dikast.tables.table import MAX_EXACT_FLOAT

Rule = Literal["spider", "bird"]
RELATIVE_TOLERANCE = 1e-9
MOST_ARRANGEMENTS = 5_040
"""Orders of columns that are tried, of those whose columns could be each other's: seven at will."""
MOST_PAIRS = 1_000_000
"""Of rows, in search of those that are the same only within the tolerance, and are not when they are sorted alike."""
ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)

Cell = float | str | None
Table = list[tuple[Cell, ...]]


def has_order(query: str) -> bool:
    """Whether a gold query asks for an order, by the official evaluation's rule: it says so anywhere."""
    return ORDERED.search(query) is not None


def is_same(
    gold: Rows, answer: Json, table: Json, rule: Rule, judging: Judging = DEFAULT, *, ordered: bool = False
) -> bool:
    """Whether an answer is the gold result.

    Args:
        gold: What the gold query gives.
        answer: A program's answer, JSON as it left the sandbox.
        table: The table that came with it, if it has labels.
        rule: Whose.
        judging: The tolerance.
        ordered: Whether order counts.
    """
    wanted = [tuple(map(cell_of, row)) for row in gold]
    return any(_same(wanted, given, rule, judging, ordered) for given in readings(answer, table, wanted))


def readings(answer: Json, table: Json, gold: Table) -> Iterator[Table]:
    """The rows that an answer may be: as it is, and with its labels. A list may be a column, or the one row."""
    plain = _rows(answer)
    yield plain
    if len(gold) == 1 and len(gold[0]) == len(plain) > 1 and all(len(row) == 1 for row in plain):
        yield [tuple(cell for row in plain for cell in row)]
    if isinstance(table, Mapping):
        yield _rows(cast(Mapping[str, Any], table)["rows"])


def _rows(answer: Json) -> Table:
    if isinstance(answer, Mapping):
        return [(cell_of(key), *_cells(value)) for key, value in answer.items()]
    if not isinstance(answer, list):
        return [] if answer is None else [(cell_of(answer),)]
    return [_cells(row) for row in answer]


def _cells(row: Json) -> tuple[Cell, ...]:
    if isinstance(row, Mapping):
        row = list(row.values())
    return tuple(map(cell_of, row)) if isinstance(row, list) else (cell_of(row),)


def cell_of(value: object) -> Cell:
    """A cell as it is compared."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (bool, int, float)):
        return float(value) if abs(value) <= MAX_EXACT_FLOAT or isinstance(value, float) else str(value)
    text = value.hex() if isinstance(value, bytes) else str(value)
    if NUMBER.fullmatch(text) and (abs(number := float(text)) <= MAX_EXACT_FLOAT or "." in text):
        return number
    return text


def _same(gold: Table, given: Table, rule: Rule, judging: Judging, ordered: bool) -> bool:
    if not gold or not given:
        return not gold and not given
    widths = {len(row) for row in [*gold, *given]}
    if len(widths) > 1 or (len(gold) != len(given) and rule == "spider"):
        return False
    if rule == "bird":
        return _same_rows(gold, given, judging, ordered, repeats=ordered)
    for arrangement in islice(_arrangements(gold, given, judging), MOST_ARRANGEMENTS):
        arranged = [tuple(row[at] for at in arrangement) for row in given]
        if _same_rows(gold, arranged, judging, ordered, repeats=True):
            return True
    return False


def _arrangements(gold: Table, given: Table, judging: Judging) -> Iterator[tuple[int, ...]]:
    """Orders of the answer's columns in which each could be the gold result's; the one that it has first."""
    width = len(gold[0])
    mine, theirs = ([_sorted(row[at] for row in rows) for at in range(width)] for rows in (gold, given))
    fits = [[at for at in range(width) if _alike(mine[place], theirs[at], judging)] for place in range(width)]

    def arrange(place: int, taken: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if place == width:
            yield taken
            return
        for at in sorted((at for at in fits[place] if at not in taken), key=lambda at: at != place):
            yield from arrange(place + 1, (*taken, at))

    return arrange(0, ())


def _sorted(cells: Iterator[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda cell: (cell is None, isinstance(cell, str), cell if cell is not None else 0))


def _alike(one: Sequence[Cell], other: Sequence[Cell], judging: Judging) -> bool:
    return all(_same_cell(*pair, judging) for pair in zip(one, other, strict=True))


def _same_rows(gold: Table, given: Table, judging: Judging, ordered: bool, *, repeats: bool) -> bool:
    if repeats and len(gold) != len(given):
        return False
    if ordered:
        return all(_alike(*pair, judging) for pair in zip(gold, given, strict=True))
    left, over = Counter(gold) - Counter(given), Counter(given) - Counter(gold)
    wanted, others = list(left.elements()), list(over.elements())
    if not wanted and not others:
        return True
    if len(wanted) == len(others) and _alike_in_order(wanted, others, judging):
        return True
    if len(wanted) * len(others) > MOST_PAIRS:
        return False
    if not repeats:  # as sets: each has its like among all of the other's
        return all(any(_alike(row, one, judging) for one in given) for row in wanted) and all(
            any(_alike(row, one, judging) for one in gold) for row in others
        )
    for row in wanted:
        place = next((at for at, one in enumerate(others) if _alike(row, one, judging)), None)
        if place is None:
            return False
        del others[place]
    return True


def _alike_in_order(gold: Table, given: Table, judging: Judging) -> bool:
    """Whether rows that are sorted alike, numbers by their first digits, are the same one by one."""
    pairs = zip(sorted(gold, key=_rough), sorted(given, key=_rough), strict=True)
    return all(_alike(*pair, judging) for pair in pairs)


def _rough(row: Sequence[Cell]) -> list[tuple[int, float, str]]:
    return [_rough_cell(cell) for cell in row]


def _rough_cell(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return 2, 0.0, ""
    return (1, 0.0, cell) if isinstance(cell, str) else (0, float(f"{cell:.6g}"), "")


def _same_cell(gold: Cell, given: Cell, judging: Judging) -> bool:
    if isinstance(gold, float) and isinstance(given, float):
        if judging.has_tolerance:
            return judging.close(gold, given)
        return math.isclose(gold, given, rel_tol=RELATIVE_TOLERANCE)
    return gold == given
