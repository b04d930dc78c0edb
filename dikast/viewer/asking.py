"""What is asked of an index: a page of rows, filtered, searched and sorted; one row; counts.

    question = Question.of({"outcome": ["error"], "q": ["tyre"], "sort": ["output.score"], "down": ["1"]})
    page = ask(index, question, index_columns)
    page.total, page.rows[0].number, page.rows[0].cells["output.score"]

A search is for words, each by its beginning, all of which must be there; case and accents do not matter.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from dikast.jobs.files import OUTCOMES
from dikast.pages import Cell
from dikast.viewer.index import Index

PAGE_ROWS = 50
FIXED = ("number", "outcome", "score", "seconds", "tokens")
"""What every table of rows can be sorted by, beside the method's own columns."""
NOT_A_WORD = re.compile(r"[\W_]+")
LONGEST_SEARCH = 500
FIRST = ("id", "key", "number", "sample", "attempt", "outcome", "reason", "place", "seconds", "tokens", "score")


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are wanted, in which order.

    Args:
        outcomes: How they ended; empty for all.
        words: What is searched.
        sort: A column; empty for the order of the input.
        down: The highest first.
        low: The least that the column may be; `None` for any.
        high: The most.
        page: From 1.
    """

    outcomes: tuple[str, ...] = ()
    words: str = ""
    sort: str = ""
    down: bool = False
    low: float | None = None
    high: float | None = None
    page: int = 1

    @classmethod
    def of(cls, said: Mapping[str, Sequence[str]]) -> Question:
        """What an address asks for; what makes no sense in it is left out."""
        first = {name: values[0] for name, values in said.items() if values}
        return cls(
            outcomes=tuple(one for one in said.get("outcome", ()) if one in OUTCOMES),
            words=first.get("q", "")[:LONGEST_SEARCH],
            sort=first.get("sort", ""),
            down=first.get("down") == "1",
            low=_number(first.get("low", "")),
            high=_number(first.get("high", "")),
            page=max(1, int(page)) if (page := first.get("page", "")).isdecimal() and len(page) < 9 else 1,
        )

    def address(self, **changed: Any) -> str:
        """The query of the address that asks this, with some of it changed."""
        now = replace(self, **changed)
        told: list[tuple[str, object]] = [("outcome", one) for one in now.outcomes]
        named = {"q": now.words, "sort": now.sort, "down": "1" if now.down else "", "low": now.low, "high": now.high}
        told += [(name, value) for name, value in named.items() if value not in ("", None)]
        return urlencode([*told, ("page", now.page)] if now.page > 1 else told, errors="replace")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Line:
    """A row as the table shows it.

    Args:
        key: In hexadecimal.
        number: In the input, from 1.
        sample: Of the same input.
        attempt: Which one made it.
        outcome: How it ended.
        reason: Why, where it did not end well.
        place: Where its line begins in the journal, in bytes.
        seconds: How long it took.
        tokens: Written by models.
        score: How good it is, by its method's measure; `None` where that is not known.
        cells: The method's columns.
        at: Its place in the order that was asked for, from 0.
    """

    key: str
    number: int
    sample: int
    attempt: int | None
    outcome: str
    reason: str
    place: int
    seconds: float | None
    tokens: int
    score: float | None
    cells: Mapping[str, Cell]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of rows.

    Args:
        rows: The rows.
        total: How many there are on all pages.
        pages: How many pages.
    """

    rows: tuple[Line, ...]
    total: int
    pages: int


def ask(index: Index, question: Question, page_rows: int = PAGE_ROWS) -> Answer:
    """The rows of the page that is asked for; of the last one where there are not so many."""
    where, values = _where(index, question)
    with index.lock:
        total = _count_words(index, question)
        if total is None:
            total = index.file.execute(f"SELECT count(*) FROM rows WHERE {where}", values).fetchone()[0]
        pages = max(1, math.ceil(total / page_rows))
        start = (min(question.page, pages) - 1) * page_rows
        return Answer(_lines(index, question, start, page_rows), total, pages)


def _count_words(index: Index, question: Question) -> int | None:
    """How many rows a search for words alone finds, asked of their index; `None` where that would count rows twice.

    Of a row that was done again, the words of both its lines are there; then ids and rows are not as many.
    """
    match = match_of(question.words)
    if not match or question.outcomes or question.low is not None or question.high is not None:
        return None
    last, rows = index.file.execute("SELECT coalesce(max(id), 0), count(*) FROM rows").fetchone()
    if last != rows:
        return None
    return index.file.execute("SELECT count(*) FROM words WHERE words MATCH ?", [match]).fetchone()[0]


def ask_at(index: Index, question: Question, at: int) -> Line | None:
    """The row at a place in the order that is asked for, from 0."""
    found = _lines(index, question, at, 1) if at >= 0 else ()
    return found[0] if found else None


def _lines(index: Index, question: Question, start: int, count: int) -> tuple[Line, ...]:
    where, values = _where(index, question)
    columns = index.columns
    # Two steps: a sort that carries all columns of all rows takes three times as long.
    ids = f"SELECT id FROM rows WHERE {where} ORDER BY {_order(index, question)} LIMIT ? OFFSET ?"
    wanted = ", ".join([*FIRST, *(column for column, _ in columns.values())])
    with index.lock:
        found = [one for (one,) in index.file.execute(ids, (*values, count, start))]
        marks = ", ".join("?" * len(found))
        rows = index.file.execute(f"SELECT {wanted} FROM rows WHERE id IN ({marks})", found).fetchall()
    by_id = {row[0]: row for row in rows}
    return tuple(_line(by_id[id_], columns, start + at) for at, id_ in enumerate(found))


def _line(row: Sequence[Any], columns: Mapping[str, tuple[str, str]], at: int) -> Line:
    cells = dict(zip(columns, row[len(FIRST) :], strict=True))
    for name, (_, kind) in columns.items():
        if kind == "yes" and cells[name] in (0, 1):
            cells[name] = bool(cells[name])
    return Line(row[1].hex(), *row[2 : len(FIRST)], cells=cells, at=at)


def _where(index: Index, question: Question) -> tuple[str, list[Any]]:
    parts, values = ["1"], list[Any]()
    if question.outcomes:
        parts.append(f"outcome IN ({', '.join('?' * len(question.outcomes))})")
        values += question.outcomes
    if match := match_of(question.words):
        parts.append("id IN (SELECT rowid FROM words WHERE words MATCH ?)")
        values.append(match)
    column = _column(index, question.sort)
    for sign, bound in ((">=", question.low), ("<=", question.high)):
        if bound is not None and column:
            parts.append(f"typeof({column}) IN ('integer', 'real') AND {column} {sign} ?")
            values.append(bound)
    return " AND ".join(parts), values


def match_of(words: str) -> str:
    """A search in FTS5's language: each word by its beginning; empty where there is none."""
    return " AND ".join(f'"{word}"*' for word in NOT_A_WORD.sub(" ", words).split())


def _column(index: Index, name: str) -> str:
    if name in FIXED:
        return name
    return index.columns.get(name, ("", ""))[0]


def _order(index: Index, question: Question) -> str:
    column = _column(index, question.sort)
    end = " DESC" if question.down else ""
    if not column or column == "number":
        return f"number{end}, sample{end}"
    # An index on demand: the first sort of a million rows takes a second, the next ones none.
    with index.lock:
        index.file.execute(f"CREATE INDEX IF NOT EXISTS sorted_{column} ON rows({column}, number, sample)")
    return f"{column}{end or ' NULLS LAST'}, number{end}, sample{end}"


def outcomes_of(index: Index) -> dict[str, int]:
    """How many rows ended how."""
    with index.lock:
        return dict(index.file.execute("SELECT outcome, count(*) FROM rows GROUP BY outcome ORDER BY 2 DESC"))


def reasons_of(index: Index, most: int = 8) -> list[tuple[str, str, int]]:
    """Outcome, reason and how many of the rows that did not end well, the most frequent first."""
    sql = "SELECT outcome, reason, count(*) FROM rows WHERE outcome IN ({}) GROUP BY 1, 2 ORDER BY 3 DESC LIMIT ?"
    bad = sorted(OUTCOMES - {"ok"})
    with index.lock:
        return index.file.execute(sql.format(", ".join("?" * len(bad))), (*bad, most)).fetchall()


def find(index: Index, name: str) -> Line | None:
    """A row by its key, or by number and sample as `7` or `7/2`."""
    number, _, sample = name.partition("/")
    if re.fullmatch(r"[0-9a-f]{32}", name):
        where, values = "key = ?", [bytes.fromhex(name)]
    elif number.isdecimal() and len(number) < 10 and (not sample or (sample.isdecimal() and len(sample) < 10)):
        where, values = "number = ? AND (? = '' OR sample = ?)", [int(number), sample, int(sample or 0)]
    else:
        return None
    columns = index.columns
    wanted = ", ".join([*FIRST, *(column for column, _ in columns.values())])
    with index.lock:
        row = index.file.execute(f"SELECT {wanted} FROM rows WHERE {where} ORDER BY sample LIMIT 1", values).fetchone()
    return _line(row, columns, 0) if row else None
