"""How two runs differ: rows that changed, rows that only one has, and each figure's paired difference.

    compared = compare(first, second)
    compared.figures[0]      # Paired("output.score", 500, 0.41, 0.47, 0.06, Interval(0.02, 0.1))

Rows are paired by key: equal input, equal ordinal, equal sample. Both indexes are asked at once, so that neither run
has to fit into memory. The interval is the bootstrap's of the mean difference (`dikast.stats.bootstrap`); of more than
`MOST_RESAMPLED` pairs it is the normal one, which is then as good.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dikast.stats import Interval, bootstrap, normal_quantile
from dikast.viewer.cells import LENGTH, OUTPUT
from dikast.viewer.shelf import Book

MOST_RESAMPLED = 2000
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Paired:
    """A figure of both runs, over the rows that have it in both.

    Args:
        name: The column.
        n: Pairs.
        first: The first run's mean.
        second: The second's.
        difference: Second minus first.
        interval: Its 95 % interval.
    """

    name: str
    n: int
    first: float
    second: float
    difference: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Changed:
    """A row that two runs do not have alike; `None` for the outcome of the run that lacks it."""

    key: str
    number: int
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class Compared:
    """How two runs differ.

    Args:
        both: Rows that both have.
        alike: Those of them with the same outcome and output.
        only_first: Rows that only the first has.
        only_second: Rows that only the second has.
        moves: (outcome before, outcome after, rows), of rows that both have.
        figures: Each figure that both have.
        changed: A page of the rows that differ.
        pages: How many pages there are.
    """

    both: int
    alike: int
    only_first: int
    only_second: int
    moves: tuple[tuple[str, str, int], ...]
    figures: tuple[Paired, ...]
    changed: tuple[Changed, ...]
    pages: int

    @property
    def differing(self) -> int:
        """Rows that differ, or that only one of them has."""
        return self.both - self.alike + self.only_first + self.only_second


Ask = Callable[..., list[Any]]
"""(SQL, values ...) -> lines."""
UNION = """
SELECT a.key, a.number, a.outcome, b.outcome FROM rows a JOIN other.rows b USING(key) WHERE a.digest <> b.digest
UNION ALL SELECT a.key, a.number, a.outcome, NULL FROM rows a WHERE a.key NOT IN (SELECT key FROM other.rows)
UNION ALL SELECT b.key, b.number, NULL, b.outcome FROM other.rows b WHERE b.key NOT IN (SELECT key FROM main.rows)
ORDER BY 2 LIMIT ? OFFSET ?
"""


def compare(first: Book, second: Book, page: int = 1) -> Compared:
    """Compare two runs, as far as their journals are read."""
    with _together(first, second) as ask:
        both, alike = ask("SELECT count(*), sum(a.digest = b.digest) FROM rows a JOIN other.rows b USING(key)")[0]
        of_first, of_second = ask("SELECT (SELECT count(*) FROM main.rows), (SELECT count(*) FROM other.rows)")[0]
        moves = ask(
            "SELECT a.outcome, b.outcome, count(*) FROM rows a JOIN other.rows b USING(key) "
            "WHERE a.outcome <> b.outcome GROUP BY 1, 2 ORDER BY 3 DESC"
        )
        figures = [found for shared in _shared(first, second) if (found := _pair(ask, *shared)) and _is_news(found)]
        rows = ask(UNION, PAGE_ROWS, (page - 1) * PAGE_ROWS)
    alike, only_first, only_second = alike or 0, of_first - both, of_second - both
    total = both - alike + only_first + only_second
    changed = tuple(Changed(key.hex(), number, before, after) for key, number, before, after in rows)
    pages = max(1, math.ceil(total / PAGE_ROWS))
    return Compared(both, alike, only_first, only_second, tuple(moves), tuple(figures), changed, pages)


@contextmanager
def _together(first: Book, second: Book) -> Generator[Ask]:
    """Ask both indexes at once."""
    with first.index.lock:
        file = first.index.file

        def ask(sql: str, *values: int) -> list[Any]:
            return file.execute(sql, values).fetchall()

        file.execute("ATTACH ? AS other", (str(second.index.path),))
        try:
            yield ask
        finally:
            file.execute("DETACH other")


def _shared(first: Book, second: Book) -> list[tuple[str, str, str]]:
    """Name, column of the first and column of the second, of the figures that both have."""
    here, there = first.index.columns, second.index.columns
    scored, score = first.index.meta.get("score"), second.index.meta.get("score")
    return [
        *([(str(score), "score", "score")] if score and score == scored else []),
        *(
            (name, column, there[name][0])
            for name, (column, kind) in here.items()
            if kind != "text" and name.startswith(OUTPUT) and there.get(name, ("", "text"))[1] != "text"
        ),
    ]


def _pair(ask: Ask, name: str, here: str, there: str) -> Paired | None:
    before, after = f"a.{here}", f"b.{there}"
    known = " AND ".join(f"typeof({one}) IN ('integer', 'real')" for one in (before, after))
    pairs = f"FROM rows a JOIN other.rows b USING(key) WHERE {known}"
    moved = f"{after} - {before}"
    told = f"SELECT count(*), avg({before}), avg({after}), avg({moved}), avg(({moved}) * ({moved})) {pairs}"
    n, one, two, mean, square = ask(told)[0]
    if not n:
        return None
    if n <= MOST_RESAMPLED:
        interval = bootstrap([float(difference) for (difference,) in ask(f"SELECT {moved} {pairs}")])
    else:
        interval = normal_interval(n, mean, square)
    return Paired(name, n, one, two, mean, interval)


def _is_news(found: Paired) -> bool:
    """Whether a figure is worth a line: lists that are as long in both runs are not."""
    return not found.name.endswith(LENGTH) or found.interval.low != found.interval.high or found.difference != 0


def normal_interval(n: int, mean: float, square: float) -> Interval:
    """The 95 % interval of the mean of many values, given their mean and that of their squares."""
    half = normal_quantile() * math.sqrt(max(0.0, square - mean * mean) / (n - 1))
    return Interval(mean - half, mean + half)
